package lambda_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

const layerPrefix = "arn:aws:lambda:us-east-2:000000000000:layer:"

func (b *bench) publishLayer(name string, content []byte) string {
	b.t.Helper()
	out, err := b.PublishLayerVersion(b.t.Context(), &lambda.PublishLayerVersionInput{LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: content}})
	if err != nil {
		b.t.Fatal(err)
	}
	return aws.ToString(out.LayerVersionArn)
}

func (b *bench) setLayers(arns ...string) error {
	_, err := b.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(hello), Layers: append([]string{}, arns...)})
	b.settle()
	return err
}

// zeros is a zip of a file with n zeros.
func zeros(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.Create("zeros")
	for block := make([]byte, 1<<20); n > 0 && err == nil; n -= len(block) {
		_, err = file.Write(block[:min(n, len(block))])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What runs has the layers in their order, and goes on having one that was deleted.
func TestInvokeWithLayers(t *testing.T) {
	b := start(t)
	b.create()
	one, two := archive(t, "layer one"), archive(t, "layer two")
	arns := []string{b.publishLayer("second", two), b.publishLayer("first", one)}
	if err := b.setLayers(arns...); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: aws.String("first"), VersionNumber: aws.Int64(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)}); err != nil {
		t.Fatal(err)
	}
	want := []runtime.Layer{{ARN: layerPrefix + "second:1", CodeSHA256: codeSHA256(two), Content: two}, {ARN: layerPrefix + "first:1", CodeSHA256: codeSHA256(one), Content: one}}
	if diff := cmp.Diff(want, b.invoker.last(t).Layers); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	wantError(t, b.setLayers(arns...), "InvalidParameterValueException", "Layer version "+arns[1]+" does not exist.")
}

func TestLayerRefusals(t *testing.T) {
	b := start(t)
	b.create()
	large := zeros(t, 130<<20)
	first, second := b.publishLayer("large", large), b.publishLayer("larger", large)
	again := b.publishLayer("large", archive(t, "small"))
	var six []string
	for _, name := range strings.Split("abcdef", "") {
		six = append(six, b.publishLayer(name, archive(t, name)))
	}
	for _, test := range []struct {
		name    string
		layers  []string
		code    string
		message string
	}{
		{"too large together", []string{first, second}, "InvalidParameterValueException", "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 272629763 bytes."},
		{"two versions", []string{first, again}, "InvalidParameterValueException", "Two different versions of the same layer are not allowed to be referenced in the same function. " + first + " and " + again + "."},
		{"six", six, "InvalidParameterValueException", "Cannot reference more than 5 layers."},
		{"another region's", []string{strings.Replace(first, "us-east-2", "us-east-1", 1)}, "InvalidParameterValueException", "Layer version " + strings.Replace(first, "us-east-2", "us-east-1", 1) + " does not exist."},
	} {
		t.Run(test.name, func(t *testing.T) { wantError(t, b.setLayers(test.layers...), test.code, test.message) })
	}
	if err := b.setLayers(first); err != nil {
		t.Fatal(err)
	}
	_, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: large})
	wantError(t, err, "InvalidParameterValueException", "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 272629760 bytes.")
}

// A container image is configuration alone.
func TestImage(t *testing.T) {
	b := start(t)
	const uri = "000000000000.dkr.ecr.us-east-2.amazonaws.com/hello:1"
	create := func(uri string) error {
		_, err := b.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String(hello), PackageType: types.PackageTypeImage, Role: aws.String(roleARN), Code: &types.FunctionCode{ImageUri: &uri}})
		b.settle()
		return err
	}
	wantError(t, create("docker.io/hello"), "InvalidParameterValueException", "Source image docker.io/hello is not valid. Provide a valid source image.")
	if err := create(uri); err != nil {
		t.Fatal(err)
	}
	out, err := b.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(hello)})
	if err != nil || aws.ToString(out.Code.ImageUri) != uri || out.Code.Location != nil || out.Configuration.PackageType != "Image" || len(aws.ToString(out.Configuration.CodeSha256)) != 64 {
		t.Errorf("%v, %+v", err, out)
	}
	_, err = b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)})
	wantError(t, err, "ServiceException", "local AWS has container images as configuration alone: it cannot run them")
	_, err = b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "x")})
	wantError(t, err, "InvalidParameterValueException", "local AWS has container images as configuration alone: UpdateFunctionCode of one is not supported")
	wantError(t, b.setLayers(b.publishLayer("a", archive(t, "a"))), "InvalidParameterValueException", "Please don't provide Layers when the function PackageType is Image.")
	b.publish()
}
