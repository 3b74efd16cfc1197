package localaws_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func lambdaContract() []contractCase {
	return []contractCase{
		{"lambda create", contractCreate},
		{"lambda create refusals", contractCreateRefusals},
		{"lambda update", contractUpdate},
		{"lambda revisions", contractRevisions},
		{"lambda code", contractCode},
		{"lambda versions", contractVersions},
		{"lambda aliases", contractAliases},
		{"lambda weights", contractWeights},
		{"lambda layers", contractLayers},
		{"lambda layers of a function", contractLayersOfFunction},
		{"lambda code signing", contractCodeSigning},
		{"lambda delete", contractDelete},
		{"lambda set up on versions", contractSetUp},
		{"lambda tags", contractFunctionTags},
		{"lambda lists", contractFunctionLists},
	}
}

// code is a package with one file.
func (c *contract) code(content string) []byte {
	c.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	file := must(w.Create("index.mjs"))(c)
	must(io.WriteString(file, content))(c)
	if err := w.Close(); err != nil {
		c.Fatal(err)
	}
	return buffer.Bytes()
}

func codeSHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (c *contract) creation() *lambda.CreateFunctionInput {
	c.Helper()
	return &lambda.CreateFunctionInput{
		FunctionName: &c.unique, Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"), Role: &c.role,
		Code: &types.FunctionCode{ZipFile: c.code("one")}, Environment: &types.Environment{Variables: map[string]string{"LEVEL": "info"}},
	}
}

// create makes the case's function and waits until it can be changed.
func (c *contract) create() *lambda.CreateFunctionOutput {
	c.Helper()
	c.remove(&c.unique)
	out := must(c.lambda.CreateFunction(c.Context(), c.creation()))(c)
	c.settle()
	return out
}

// remove deletes a function after the case.
func (c *contract) remove(function *string) {
	c.Cleanup(func() {
		_, _ = c.lambda.DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: function})
	})
}

// settle waits until the function can be changed.
func (c *contract) settle() {
	c.Helper()
	c.wait()
	in := &lambda.GetFunctionInput{FunctionName: &c.unique}
	if err := lambda.NewFunctionActiveV2Waiter(c.lambda).Wait(c.Context(), in, time.Minute); err != nil {
		c.Fatal(err)
	}
	if err := lambda.NewFunctionUpdatedV2Waiter(c.lambda).Wait(c.Context(), in, time.Minute); err != nil {
		c.Fatal(err)
	}
}

func (c *contract) get(qualifier string) *lambda.GetFunctionOutput {
	c.Helper()
	return must(c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: &c.unique, Qualifier: &qualifier}))(c)
}

func (c *contract) describe(description string) *lambda.UpdateFunctionConfigurationOutput {
	c.Helper()
	out := must(c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Description: &description}))(c)
	c.settle()
	return out
}

func (c *contract) publish() string {
	c.Helper()
	out := must(c.lambda.PublishVersion(c.Context(), &lambda.PublishVersionInput{FunctionName: &c.unique}))(c)
	c.settle()
	return aws.ToString(out.Version)
}

func contractCreate(c *contract) {
	out := c.create()
	c.is("CodeSha256", said(aws.ToString(out.CodeSha256) == codeSHA256(c.code("one"))), "true")
	c.is("answer", said(aws.ToString(out.Version), out.Timeout != nil, aws.ToInt32(out.MemorySize), out.Architectures, out.PackageType), "$LATEST true 128 [x86_64] Zip")
	c.is("State", string(out.State), "Pending")
	c.is("has a RevisionId", said(out.RevisionId != nil), "true")
	got := c.get("$LATEST").Configuration
	c.is("settled", said(got.State, got.LastUpdateStatus), "Active Successful")
	c.is("environment", said(got.Environment.Variables), "map[LEVEL:info]")
	_, err := c.lambda.CreateFunction(c.Context(), c.creation())
	c.answers("again", err, "ResourceConflictException")
	_, err = c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(c.unique + "-none")})
	c.answers("no such function", err, "ResourceNotFoundException")
	_, err = c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: &c.unique, Qualifier: aws.String("7")})
	c.answers("no such version", err, "ResourceNotFoundException")
}

func contractCreateRefusals(c *contract) {
	variables := func(name, value string) func(*lambda.CreateFunctionInput) {
		return func(in *lambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{name: value}}
		}
	}
	for i, test := range []struct {
		name string
		edit func(*lambda.CreateFunctionInput)
		code string
	}{
		{"reserved variable", variables("AWS_REGION", "x"), "InvalidParameterValueException"},
		{"environment of 4096 bytes", variables("NAME", strings.Repeat("x", 4096-len(`{"NAME":""}`))), ""},
		{"environment over 4 KB", variables("NAME", strings.Repeat("x", 4097-len(`{"NAME":""}`))), "InvalidParameterValueException"},
		{"variable's name", variables("1NAME", "x"), "ValidationException"},
		{"unknown runtime", func(in *lambda.CreateFunctionInput) { in.Runtime = "nodejs99.x" }, "InvalidParameterValueException"},
		{"no zip", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("nope") }, "InvalidParameterValueException"},
		{"malformed role", func(in *lambda.CreateFunctionInput) { in.Role = aws.String("admin") }, "ValidationException"},
		{"time-out", func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "ValidationException"},
	} {
		in := c.creation()
		in.FunctionName = aws.String(fmt.Sprint(c.unique, "-", i))
		test.edit(in)
		_, err := c.lambda.CreateFunction(c.Context(), in)
		c.answers(test.name, err, test.code)
		c.remove(in.FunctionName)
	}
}

func contractUpdate(c *contract) {
	created := c.create()
	out := must(c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Description: aws.String("two")}))(c)
	c.is("LastUpdateStatus", string(out.LastUpdateStatus), "InProgress")
	_, err := c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Description: aws.String("two")})
	c.answers("while one is in progress", err, "ResourceConflictException")
	_, err = c.lambda.PublishVersion(c.Context(), &lambda.PublishVersionInput{FunctionName: &c.unique})
	c.answers("PublishVersion while one is in progress", err, "ResourceConflictException")
	c.settle()
	got := c.get("$LATEST").Configuration
	c.is("what was not given stays", said(got.Environment.Variables, aws.ToString(got.Handler), aws.ToString(got.Description)), "map[LEVEL:info] index.handler two")
	c.is("LastModified moves", said(aws.ToString(got.LastModified) != aws.ToString(created.LastModified)), "true")
	for _, test := range []struct{ name, variable, value string }{
		{"reserved variable", "AWS_LAMBDA_FUNCTION_NAME", "x"},
		{"environment over 4 KB", "NAME", strings.Repeat("x", 4097)},
	} {
		_, err := c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Environment: &types.Environment{Variables: map[string]string{test.variable: test.value}}})
		c.answers(test.name, err, "InvalidParameterValueException")
		c.settle()
	}
	key := c.newKey(kms.CreateKeyInput{})
	must(c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, KMSKeyArn: &key}))(c)
	c.settle()
	c.is("KMSKeyArn is kept", said(aws.ToString(c.get("$LATEST").Configuration.KMSKeyArn) == key), "true")
	_, err = c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &c.unique, ZipFile: []byte("nope")})
	c.answers("code that is no zip", err, "InvalidParameterValueException")
	_, err = c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(c.unique + "-none")})
	c.answers("no such function", err, "ResourceNotFoundException")
}

func contractRevisions(c *contract) {
	c.create()
	stale, two := aws.String("00000000-0000-4000-8000-000000000000"), c.code("two")
	_, err := c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Timeout: aws.Int32(5), RevisionId: stale})
	c.answers("UpdateFunctionConfiguration", err, "PreconditionFailedException")
	c.settle()
	_, err = c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &c.unique, ZipFile: two, RevisionId: stale})
	c.answers("UpdateFunctionCode", err, "PreconditionFailedException")
	c.settle()
	_, err = c.lambda.PublishVersion(c.Context(), &lambda.PublishVersionInput{FunctionName: &c.unique, RevisionId: stale})
	c.answers("PublishVersion", err, "PreconditionFailedException")
	got := c.get("$LATEST").Configuration
	c.is("nothing was written", said(aws.ToInt32(got.Timeout), aws.ToString(got.CodeSha256) == codeSHA256(c.code("one"))), "3 true")
	before := got.RevisionId
	_, err = c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Description: aws.String("two"), RevisionId: before})
	c.answers("the current one", err, "")
	c.settle()
	c.is("moves", said(aws.ToString(c.get("$LATEST").Configuration.RevisionId) != aws.ToString(before)), "true")
}

func contractCode(c *contract) {
	c.create()
	two := c.code("two")
	dry := must(c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &c.unique, ZipFile: two, DryRun: true}))(c)
	c.is("dry run answers", said(dry.CodeSha256 != nil), "true")
	c.is("dry run keeps", said(aws.ToString(c.get("$LATEST").Configuration.CodeSha256) == codeSHA256(c.code("one"))), "true")
	out := must(c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &c.unique, ZipFile: two}))(c)
	c.is("CodeSha256", said(aws.ToString(out.CodeSha256) == codeSHA256(two), out.CodeSize == int64(len(two))), "true true")
	c.settle()
	content := ""
	request := must(http.NewRequestWithContext(c.Context(), http.MethodGet, aws.ToString(c.get("$LATEST").Code.Location), nil))(c)
	if response, err := http.DefaultClient.Do(request); err == nil {
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		content = string(body)
	}
	c.is("Location downloads", said(content == string(two)), "true")
	out = must(c.lambda.UpdateFunctionCode(c.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &c.unique, ZipFile: c.code("three"), Publish: true}))(c)
	c.is("Publish", aws.ToString(out.Version), "1")
}

func contractVersions(c *contract) {
	c.create()
	_, err := c.lambda.PublishVersion(c.Context(), &lambda.PublishVersionInput{FunctionName: &c.unique, CodeSha256: aws.String(codeSHA256(nil))})
	c.answers("another CodeSha256", err, "InvalidParameterValueException")
	c.settle()
	out := must(c.lambda.PublishVersion(c.Context(), &lambda.PublishVersionInput{FunctionName: &c.unique, CodeSha256: aws.String(codeSHA256(c.code("one")))}))(c)
	first := aws.ToString(out.Version)
	c.is("first", first, "1")
	c.settle()
	c.is("unchanged", said(c.publish() == first), "true")
	c.describe("two")
	c.is("changed", said(c.publish() != first), "true")
	got := c.get(first).Configuration
	c.is("the first stays", said(aws.ToString(got.Description), strings.HasSuffix(aws.ToString(got.FunctionArn), ":"+first)), " true")
	c.is("$LATEST is itself", aws.ToString(c.get("$LATEST").Configuration.Version), "$LATEST")
}
