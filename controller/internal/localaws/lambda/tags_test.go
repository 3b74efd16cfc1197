package lambda_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
)

func (b *bench) tags() map[string]string {
	b.t.Helper()
	out, err := b.ListTags(b.t.Context(), &lambda.ListTagsInput{Resource: aws.String(prefix + hello)})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Tags
}

func TestTags(t *testing.T) {
	b := start(t)
	in := creation(t)
	in.Tags = map[string]string{"a": "1", "b": ""}
	if _, err := b.CreateFunction(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	b.settle()
	before := b.get("")
	if _, err := b.TagResource(t.Context(), &lambda.TagResourceInput{Resource: aws.String(prefix + hello), Tags: map[string]string{"b": "2", "c": "x y&z"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2", "c": "x y&z"}, b.tags()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if _, err := b.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: aws.String(prefix + hello), TagKeys: []string{"a", "c", "none"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"b": "2"}, b.tags()); diff != "" {
		t.Errorf("tags after removal (-want +got):\n%s", diff)
	}
	if after := b.get(""); aws.ToString(after.RevisionId) != aws.ToString(before.RevisionId) {
		t.Error("tags moved the RevisionId")
	}
	call := b.server.Calls()[2]
	if call.Operation != "TagResource" || !call.Mutating || call.Resource != prefix+hello {
		t.Errorf("recorded as %+v", call)
	}
}

func TestTagRefusals(t *testing.T) {
	b := start(t)
	b.create()
	b.publish()
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	const malformed = "A tag key has 1 to 128 characters and a tag value at most 256"
	for _, test := range []struct {
		name, resource string
		tags           map[string]string
		code, message  string
	}{
		{"no function", prefix + "none", map[string]string{"a": "b"}, "ResourceNotFoundException", "Function not found: " + prefix + "none"},
		{"version", prefix + "hello:1", map[string]string{"a": "b"}, "InvalidParameterValueException", "Tags on function aliases and versions are not supported. Please specify either a function name or an unqualified function ARN."},
		{"name alone", hello, map[string]string{"a": "b"}, "ValidationException", "1 validation error detected: Value 'hello' at 'resource' failed to satisfy constraint: Member must be the ARN of a function"},
		{"long name", prefix + hello, map[string]string{strings.Repeat("n", 129): ""}, "InvalidParameterValueException", malformed},
		{"long value", prefix + hello, map[string]string{"n": strings.Repeat("v", 257)}, "InvalidParameterValueException", malformed},
		{"reserved", prefix + hello, map[string]string{"AWS:n": ""}, "InvalidParameterValueException", "Tag keys that begin with aws: are reserved for AWS"},
		{"too many", prefix + hello, many, "InvalidParameterValueException", "A function has at most 50 tags"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.TagResource(t.Context(), &lambda.TagResourceInput{Resource: &test.resource, Tags: test.tags})
			wantError(t, err, test.code, test.message)
		})
	}
	if got := b.tags(); len(got) != 0 {
		t.Errorf("tags %v", got)
	}
	in := creation(t)
	in.FunctionName, in.Tags = aws.String("other"), many
	_, err := b.CreateFunction(t.Context(), in)
	wantError(t, err, "InvalidParameterValueException", "A function has at most 50 tags")
}
