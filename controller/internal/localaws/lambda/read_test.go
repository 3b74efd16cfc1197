package lambda_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

func TestNameForms(t *testing.T) {
	b := twoVersions(t)
	if _, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(prefix + hello), Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, qualifier, version, arn string }{
		{"hello", "", "$LATEST", prefix + "hello"},
		{"hello", "$LATEST", "$LATEST", prefix + "hello:$LATEST"},
		{"hello", "1", "1", prefix + "hello:1"},
		{"hello", "live", "1", prefix + "hello:live"},
		{"hello:2", "", "2", prefix + "hello:2"},
		{"hello:2", "2", "2", prefix + "hello:2"},
		{"function:hello", "", "$LATEST", prefix + "hello"},
		{"000000000000:function:hello", "live", "1", prefix + "hello:live"},
		{"000000000000:hello:live", "", "1", prefix + "hello:live"},
		{prefix + "hello", "", "$LATEST", prefix + "hello"},
		{prefix + "hello:live", "", "1", prefix + "hello:live"},
	} {
		in := &lambda.GetFunctionConfigurationInput{FunctionName: &test.name}
		if test.qualifier != "" {
			in.Qualifier = &test.qualifier
		}
		out, err := b.GetFunctionConfiguration(t.Context(), in)
		if err != nil {
			t.Errorf("%s %s: %v", test.name, test.qualifier, err)
			continue
		}
		if aws.ToString(out.Version) != test.version || aws.ToString(out.FunctionArn) != test.arn {
			t.Errorf("%s %s: version %s of %s", test.name, test.qualifier, aws.ToString(out.Version), aws.ToString(out.FunctionArn))
		}
	}
	const pattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	for _, test := range []struct{ name, qualifier, code, message string }{
		{"other", "", "ResourceNotFoundException", "Function not found: " + prefix + "other"},
		{"other", "1", "ResourceNotFoundException", "Function not found: " + prefix + "other:1"},
		{"hello", "9", "ResourceNotFoundException", "Function not found: " + prefix + "hello:9"},
		{"hello", "none", "ResourceNotFoundException", "Function not found: " + prefix + "hello:none"},
		{"hello:1", "2", "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier."},
		{"hel lo", "", "ValidationException", "1 validation error detected: Value 'hel lo' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: " + pattern},
		{"hello", "a b", "ValidationException", "1 validation error detected: Value 'a b' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)"},
		{strings.Replace(prefix, "us-east-2", "eu-west-1", 1) + "hello", "", "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-2')"},
		{strings.Replace(prefix, "000000000000", "999999999999", 1) + "hello", "", "AccessDeniedException", "local AWS has the account 000000000000 only"},
	} {
		in := &lambda.GetFunctionInput{FunctionName: &test.name}
		if test.qualifier != "" {
			in.Qualifier = &test.qualifier
		}
		_, err := b.GetFunction(t.Context(), in)
		wantError(t, err, test.code, test.message)
	}
}

func TestListFunctions(t *testing.T) {
	b := start(t)
	var want []string
	for i := range 60 {
		in := creation(t)
		in.FunctionName = aws.String(fmt.Sprintf("f%02d", i))
		want = append(want, *in.FunctionName)
		if _, err := b.CreateFunction(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	var pages []int
	pager := lambda.NewListFunctionsPaginator(b, &lambda.ListFunctionsInput{MaxItems: aws.Int32(10000)})
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.Functions))
		for _, f := range out.Functions {
			got = append(got, aws.ToString(f.FunctionName))
			if f.State != "" || f.StateReason != nil || f.LastUpdateStatus != "" || f.RevisionId == nil || f.Environment == nil {
				t.Errorf("%s is listed as %+v", aws.ToString(f.FunctionName), f)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{50, 10}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if out, err := client(b.endpoint, "eu-west-1").ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); err != nil || len(out.Functions) != 0 {
		t.Errorf("another region: %d functions, %v", len(out.Functions), err)
	}
	_, err := b.ListFunctions(t.Context(), &lambda.ListFunctionsInput{MaxItems: aws.Int32(0)})
	wantError(t, err, "ValidationException", "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")
	_, err = b.ListFunctions(t.Context(), &lambda.ListFunctionsInput{Marker: aws.String("!")})
	wantError(t, err, "InvalidParameterValueException", "Invalid pagination marker")
}

func TestListEveryVersion(t *testing.T) {
	b := twoVersions(t)
	out, err := b.ListFunctions(t.Context(), &lambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range out.Functions {
		got = append(got, aws.ToString(f.FunctionArn))
	}
	if diff := cmp.Diff([]string{prefix + "hello:$LATEST", prefix + "hello:1", prefix + "hello:2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func download(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestCodeLocation(t *testing.T) {
	b := start(t)
	b.create()
	b.publish()
	if _, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two")}); err != nil {
		t.Fatal(err)
	}
	locate := func(qualifier string) string {
		t.Helper()
		out, err := b.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(hello), Qualifier: &qualifier})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.Code.RepositoryType) != "S3" {
			t.Errorf("repository type %s", aws.ToString(out.Code.RepositoryType))
		}
		return aws.ToString(out.Code.Location)
	}
	one, two := locate("1"), locate("$LATEST")
	if status, body := download(t, one); status != http.StatusOK || body != string(archive(t, "one")) {
		t.Errorf("version 1: %d, %d bytes", status, len(body))
	}
	if status, body := download(t, two); status != http.StatusOK || body != string(archive(t, "two")) {
		t.Errorf("$LATEST: %d, %d bytes", status, len(body))
	}
	for _, test := range []struct{ name, url, code string }{
		{"another path", strings.Replace(two, "/hello/", "/other/", 1), "SignatureDoesNotMatch"},
		{"a longer life", strings.Replace(two, "X-Amz-Expires=1", "X-Amz-Expires=2", 1), "SignatureDoesNotMatch"},
		{"another signature", two + "0", "SignatureDoesNotMatch"},
		{"no signature", two[:strings.Index(two, "?")], "SignatureDoesNotMatch"},
	} {
		if status, body := download(t, test.url); status != http.StatusForbidden || !strings.Contains(body, "<Code>"+test.code+"</Code>") {
			t.Errorf("%s: %d, %s", test.name, status, body)
		}
	}
	b.clock.advance(10 * time.Minute)
	if status, body := download(t, one); status != http.StatusForbidden || !strings.Contains(body, "<Message>Request has expired</Message>") {
		t.Errorf("ten minutes on: %d, %s", status, body)
	}
}
