package kms_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws"
)

// tags makes tags of "name=value".
func tags(pairs ...string) (made []types.Tag) {
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		made = append(made, types.Tag{TagKey: &name, TagValue: &value})
	}
	return made
}

// listTags returns every tag of a key as "name=value", read in pages of limit.
func listTags(t *testing.T, c *kms.Client, arn string, limit int32) (listed []string) {
	t.Helper()
	for pages := kms.NewListResourceTagsPaginator(c, &kms.ListResourceTagsInput{KeyId: &arn, Limit: &limit}); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Tags) > int(limit) {
			t.Errorf("a page of %d tags", len(out.Tags))
		}
		for _, tag := range out.Tags {
			listed = append(listed, aws.ToString(tag.TagKey)+"="+aws.ToString(tag.TagValue))
		}
	}
	return listed
}

func TestTags(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	created, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tags("a=1", "b=")})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(created.KeyMetadata.Arn)
	if _, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &arn, Tags: tags("c=3", "b=2")}); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int32{1, 2, 50} {
		if diff := cmp.Diff([]string{"a=1", "b=2", "c=3"}, listTags(t, c, arn, limit)); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	if _, err := c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: &arn, TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b=2", "c=3"}, listTags(t, c, arn, 50)); diff != "" {
		t.Errorf("after removal (-want +got):\n%s", diff)
	}
	testTagRefusals(t, c, arn)
}

func testTagRefusals(t *testing.T, c *kms.Client, arn string) {
	t.Helper()
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("n%d=", i))
	}
	alias, pending := "alias/a", newKey(t, c)
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &pending}); err != nil {
		t.Fatal(err)
	}
	const malformed = "A tag key has 1 to 128 characters and a tag value at most 256"
	for _, test := range []struct {
		name, key     string
		tags          []string
		code, message string
	}{
		{"twice", arn, []string{"a=1", "a=2"}, "TagException", "Duplicate tag keys"},
		{"empty name", arn, []string{"=1"}, "TagException", malformed},
		{"long name", arn, []string{strings.Repeat("n", 129)}, "TagException", malformed},
		{"long value", arn, []string{"n=" + strings.Repeat("v", 257)}, "TagException", malformed},
		{"reserved", arn, []string{"aws:a=1"}, "TagException", "Tag keys that begin with aws: are reserved for AWS"},
		{"too many", arn, many, "LimitExceededException", "A key has at most 50 tags"},
		{"alias", alias, []string{"a=1"}, "NotFoundException", "Invalid keyId 'alias/a'"},
		{"alias ARN", "arn:aws:kms:us-east-2:000000000000:alias/a", []string{"a=1"}, "InvalidArnException", "Invalid arn arn:aws:kms:us-east-2:000000000000:alias/a"},
		{"pending deletion", pending, []string{"a=1"}, "KMSInvalidStateException", pending + " is pending deletion."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &test.key, Tags: tags(test.tags...)})
			wantError(t, err, test.code, test.message)
		})
	}
	if diff := cmp.Diff([]string{"b=2", "c=3"}, listTags(t, c, arn, 50)); diff != "" {
		t.Errorf("after refusals (-want +got):\n%s", diff)
	}
}

func TestKeyPolicies(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	out, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.PolicyName) != "default" || !strings.Contains(aws.ToString(out.Policy), `"AWS" : "arn:aws:iam::000000000000:root"`) {
		t.Errorf("got %s: %s", aws.ToString(out.PolicyName), aws.ToString(out.Policy))
	}
	const text = "{ \"Statement\": [],\n\t\"é\": 1 }"
	if _, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &arn, Policy: aws.String(text), PolicyName: aws.String("default")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		input         kms.PutKeyPolicyInput
		code, message string
	}{
		{"no JSON", kms.PutKeyPolicyInput{Policy: aws.String("{")}, "MalformedPolicyDocumentException", "The new key policy is not a JSON document"},
		{"too long", kms.PutKeyPolicyInput{Policy: aws.String(`"` + strings.Repeat("x", 32<<10) + `"`)}, "LimitExceededException", "A key policy has at most 32768 bytes"},
		{"name", kms.PutKeyPolicyInput{Policy: aws.String("{}"), PolicyName: aws.String("other")}, "NotFoundException", "No such policy exists"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.input.KeyId = &arn
			_, err := c.PutKeyPolicy(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
	if out, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: &arn}); err != nil || aws.ToString(out.Policy) != text {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestListKeys(t *testing.T) {
	clock := newClock()
	endpoint, _ := start(t, localaws.Options{Now: clock.Now})
	c := client(endpoint, region)
	want := []string{}
	for range 5 {
		want = append(want, newKey(t, c))
	}
	slices.Sort(want)
	var got []string
	for pages := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(2)}); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range out.Keys {
			got = append(got, aws.ToString(key.KeyArn))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: aws.String("*")})
	wantError(t, err, "InvalidMarkerException", "Could not deserialize marker '*'")
	_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(1001)})
	wantError(t, err, "ValidationException", "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000")
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &want[0], PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ days, keys int }{{0, 5}, {7, 4}} { // listed until it is gone
		clock.advance(24 * time.Hour * time.Duration(test.days))
		if out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil || len(out.Keys) != test.keys || out.Truncated {
			t.Errorf("after %d days: %+v, %v", test.days, out, err)
		}
	}
}
