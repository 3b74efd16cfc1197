package lambda_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

func TestPublishVersion(t *testing.T) {
	b := start(t)
	b.create()
	before := b.get("")
	first, err := b.PublishVersion(t.Context(), &lambda.PublishVersionInput{
		FunctionName: aws.String(hello), CodeSha256: before.CodeSha256, RevisionId: before.RevisionId, Description: aws.String("the first"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(first.Version) != "1" || aws.ToString(first.FunctionArn) != prefix+"hello:1" || first.State != types.StatePending || aws.ToString(first.Description) != "the first" {
		t.Errorf("got version %s, %s, %s, %q", aws.ToString(first.Version), aws.ToString(first.FunctionArn), first.State, aws.ToString(first.Description))
	}
	_, err = b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello), Qualifier: aws.String("1")})
	wantError(t, err, "ResourceConflictException", pending)
	if got := b.get(""); aws.ToString(got.RevisionId) == aws.ToString(before.RevisionId) || got.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("$LATEST after publishing: revision moved: %t, %s", aws.ToString(got.RevisionId) != aws.ToString(before.RevisionId), got.LastUpdateStatus)
	}
	b.settle()
	if got := b.get("1"); got.State != types.StateActive || got.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("settled: %s, %s", got.State, got.LastUpdateStatus)
	}
}

func TestPublishUnchanged(t *testing.T) {
	b := start(t)
	b.create()
	steps := []struct {
		name    string
		change  func()
		version string
	}{
		{"first", func() {}, "1"},
		{"nothing changed", func() {}, "1"},
		{"another description of the version alone", func() {}, "1"},
		{"configuration", func() { b.describe("two") }, "2"},
		{"code", func() {
			if _, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two")}); err != nil {
				t.Fatal(err)
			}
			b.settle()
		}, "3"},
		{"the same configuration again", func() { b.describe("two") }, "3"},
		{"back to what version 2 was", func() {
			if _, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "one")}); err != nil {
				t.Fatal(err)
			}
			b.settle()
		}, "4"},
		{"after the last version was deleted", func() {
			if _, err := b.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(hello), Qualifier: aws.String("4")}); err != nil {
				t.Fatal(err)
			}
		}, "5"},
	}
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			out, err := b.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(hello), Description: aws.String(fmt.Sprint(i))})
			if err != nil {
				t.Fatal(err)
			}
			b.settle()
			if got := aws.ToString(out.Version); got != step.version {
				t.Errorf("got version %s, want %s", got, step.version)
			}
		})
	}
}

func TestPublishVersionRefusals(t *testing.T) {
	b := start(t)
	b.create()
	sum := codeSHA256(archive(t, "one"))
	_, err := b.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(hello), CodeSha256: aws.String("AAAA")})
	wantError(t, err, "InvalidParameterValueException", "CodeSHA256 (AAAA) is different from current CodeSHA256 in $LATEST ("+sum+"). Please try again with the CodeSHA256 in $LATEST.")
	_, err = b.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("other")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: "+prefix+"other")
}

func TestVersionsAreImmutable(t *testing.T) {
	b := start(t)
	b.create()
	b.publish()
	before := b.get("1")
	if _, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two")}); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.describe("two")
	if got := b.get("1"); aws.ToString(got.CodeSha256) != aws.ToString(before.CodeSha256) || aws.ToString(got.RevisionId) != aws.ToString(before.RevisionId) || aws.ToString(got.Description) != "" {
		t.Errorf("version 1 became %+v", got)
	}
	if _, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello), Qualifier: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	if got := b.invoker.last(t); got.CodeSHA256 != codeSHA256(archive(t, "one")) || codeSHA256(got.Code) != got.CodeSHA256 {
		t.Errorf("version 1 runs %s", got.CodeSHA256)
	}
}

func TestCreateAndPublish(t *testing.T) {
	b := start(t)
	in := creation(t)
	in.Publish = true
	created, err := b.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(created.Version) != "1" || aws.ToString(created.FunctionArn) != prefix+hello {
		t.Errorf("got version %s of %s", aws.ToString(created.Version), aws.ToString(created.FunctionArn))
	}
	b.settle()
	if got := b.publish(); got != "1" {
		t.Errorf("published %s without a change", got)
	}
}

func TestListVersions(t *testing.T) {
	b := start(t)
	b.create()
	want := []string{"$LATEST"}
	for i := range 59 {
		b.describe(fmt.Sprint(i))
		want = append(want, b.publish())
	}
	var got []string
	var pages []int
	pager := lambda.NewListVersionsByFunctionPaginator(b, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String(hello)})
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.Versions))
		for _, version := range out.Versions {
			got = append(got, aws.ToString(version.Version))
			if version.State != "" || version.LastUpdateStatus != "" {
				t.Errorf("version %s is listed with a state", aws.ToString(version.Version))
			}
			if arn := prefix + hello + ":" + aws.ToString(version.Version); aws.ToString(version.FunctionArn) != arn {
				t.Errorf("got %s, want %s", aws.ToString(version.FunctionArn), arn)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{50, 10}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}
