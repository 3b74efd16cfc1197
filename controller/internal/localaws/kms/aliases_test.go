package kms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sealift.dev/sealift/controller/internal/localaws"
)

func TestAliasLife(t *testing.T) {
	clock := newClock()
	endpoint, _ := start(t, localaws.Options{Now: clock.Now})
	c := client(endpoint, region)
	first, second := newKey(t, c), newKey(t, c)
	name := aws.String("alias/sealift-bundle")
	created := clock.Now()
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: &first}); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Hour)
	if _, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: name, TargetKeyId: &second}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: &second})
	if err != nil {
		t.Fatal(err)
	}
	want := []types.AliasListEntry{{
		AliasArn: aws.String("arn:aws:kms:us-east-2:000000000000:alias/sealift-bundle"), AliasName: name, CreationDate: &created,
		LastUpdatedDate: aws.Time(clock.Now()), TargetKeyId: aws.String(second[strings.LastIndex(second, "/")+1:]),
	}}
	if diff := cmp.Diff(want, out.Aliases, cmpopts.IgnoreUnexported(types.AliasListEntry{})); diff != "" {
		t.Errorf("aliases of the key (-want +got):\n%s", diff)
	}
	if out, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: &first}); err != nil || len(out.Aliases) != 0 {
		t.Errorf("aliases of the key before: %v, %v", out.Aliases, err)
	}
	if _, err := c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name}); err != nil {
		t.Fatal(err)
	}
	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name})
	wantError(t, err, "NotFoundException", "Alias arn:aws:kms:us-east-2:000000000000:alias/sealift-bundle is not found.")
}

func TestAliasRefusals(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	const prefix = `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`
	for _, test := range []struct{ name, alias, target, code, message string }{
		{"taken", "alias/taken", arn, "AlreadyExistsException", "An alias with the name arn:aws:kms:us-east-2:000000000000:alias/taken already exists"},
		{"reserved", "alias/aws/lambda", arn, "NotAuthorizedException", "UnknownError"},
		{"no prefix", "name", arn, "ValidationException", prefix},
		{"prefix alone", "alias/", arn, "ValidationException", prefix},
		{"colon", "alias/a:b", arn, "ValidationException", "alias/a:b contains invalid characters for an alias"},
		{"space", "alias/a b", arn, "ValidationException", "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
		{"an alias as target", "alias/b", "alias/taken", "ValidationException", "Aliases must refer to keys. Not aliases"},
		{"no such key", "alias/b", missingKey, "NotFoundException", "Key 'arn:aws:kms:us-east-2:000000000000:key/" + missingKey + "' does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &test.alias, TargetKeyId: &test.target})
			wantError(t, err, test.code, test.message)
		})
	}
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: &arn})
	if _, ok := errors.AsType[*types.AlreadyExistsException](err); !ok {
		t.Errorf("a taken alias is %T", err)
	}
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/none"), TargetKeyId: &arn})
	wantError(t, err, "NotFoundException", "Alias arn:aws:kms:us-east-2:000000000000:alias/none is not found.")
	rsaKey, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: rsaKey.KeyMetadata.KeyId})
	wantError(t, err, "ValidationException", "The current and the new key of arn:aws:kms:us-east-2:000000000000:alias/taken must both be symmetric or both asymmetric.")
}

func TestListAliasesPages(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	var want []string
	for i := range 120 {
		name := fmt.Sprintf("alias/%03d", i)
		want = append(want, name)
		if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		limit *int32
		pages []int
	}{
		{"default", nil, []int{50, 50, 20}},
		{"at most a hundred", aws.Int32(1000), []int{100, 20}},
		{"asked", aws.Int32(60), []int{60, 60}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			var pages []int
			pager := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: test.limit})
			for pager.HasMorePages() {
				out, err := pager.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, len(out.Aliases))
				for _, a := range out.Aliases {
					got = append(got, aws.ToString(a.AliasName))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("aliases (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.pages, pages); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
	_, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Marker: aws.String("!")})
	wantError(t, err, "InvalidMarkerException", "Could not deserialize marker '!'")
	_, err = c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: aws.Int32(0)})
	wantError(t, err, "ValidationException", "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
}
