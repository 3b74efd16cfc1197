package lambda_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCreateFunction(t *testing.T) {
	b := start(t)
	in := creation(t)
	in.Tags = map[string]string{"team": "payments"}
	in.Architectures = []types.Architecture{types.ArchitectureArm64}
	in.KMSKeyArn = aws.String("arn:aws:kms:us-east-2:000000000000:key/x")
	created, err := b.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if created.State != types.StatePending || created.StateReasonCode != types.StateReasonCodeCreating || created.LastUpdateStatus != "" {
		t.Errorf("state %s (%s), last update %s", created.State, created.StateReasonCode, created.LastUpdateStatus)
	}
	b.settle()
	got, err := b.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(hello)})
	if err != nil {
		t.Fatal(err)
	}
	want := types.FunctionConfiguration{
		Architectures: in.Architectures, CodeSha256: aws.String(codeSHA256(in.Code.ZipFile)), CodeSize: int64(len(in.Code.ZipFile)),
		Description: aws.String(""), Environment: &types.EnvironmentResponse{Variables: map[string]string{"LEVEL": "info"}},
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(512)}, FunctionArn: aws.String(prefix + hello), FunctionName: aws.String(hello),
		Handler: in.Handler, KMSKeyArn: in.KMSKeyArn, LastModified: aws.String("2026-01-02T03:04:05.678+0000"), LastUpdateStatus: types.LastUpdateStatusSuccessful,
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String("/aws/lambda/hello")}, MemorySize: aws.Int32(128),
		PackageType: types.PackageTypeZip, Role: in.Role, Runtime: in.Runtime,
		SnapStart: &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		State:     types.StateActive, Timeout: aws.Int32(3), TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough}, Version: aws.String("$LATEST"),
	}
	options := []cmp.Option{cmpopts.IgnoreFields(want, "RevisionId"), cmpopts.IgnoreUnexported(
		want, types.EnvironmentResponse{}, types.EphemeralStorage{}, types.LoggingConfig{}, types.SnapStartResponse{}, types.TracingConfigResponse{})}
	if diff := cmp.Diff(want, *got.Configuration, options...); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in.Tags, got.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if revision := aws.ToString(got.Configuration.RevisionId); revision == "" || revision == aws.ToString(created.RevisionId) {
		t.Errorf("revision %q at creation, %q when active", aws.ToString(created.RevisionId), revision)
	}
}

func TestCreateFunctionRefusals(t *testing.T) {
	b := start(t)
	b.create()
	const sizes = "1 validation error detected: Value "
	for _, test := range []struct {
		name          string
		change        func(in *lambda.CreateFunctionInput)
		code, message string
	}{
		{"it exists", func(in *lambda.CreateFunctionInput) {}, "ResourceConflictException", "Function already exist: hello"},
		{"no zip", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("nope") }, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"damaged zip", func(in *lambda.CreateFunctionInput) {
			in.Code.ZipFile = slices.Clone(in.Code.ZipFile)
			in.Code.ZipFile[40] ^= 1
		}, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"no code", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = nil }, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"},
		{"code in S3", func(in *lambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("key")}
		}, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"},
		{"image", func(in *lambda.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }, "InvalidParameterValueException", "Please don't provide Runtime, Handler, Layers or ZipFile when the intended function PackageType is Image."},
		{"layers", func(in *lambda.CreateFunctionInput) {
			in.FunctionName, in.Layers = aws.String("other"), []string{"arn:aws:lambda:us-east-2:000000000000:layer:x:1"}
		}, "InvalidParameterValueException", "Layer version arn:aws:lambda:us-east-2:000000000000:layer:x:1 does not exist."},
		{"no runtime", func(in *lambda.CreateFunctionInput) { in.Runtime = "" }, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages."},
		{"role", func(in *lambda.CreateFunctionInput) { in.Role = aws.String("hello") }, "ValidationException", sizes + `'hello' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`},
		{"two architectures", func(in *lambda.CreateFunctionInput) {
			in.Architectures = []types.Architecture{"x86_64", "arm64"}
		}, "ValidationException", sizes + "'[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"},
		{"architecture", func(in *lambda.CreateFunctionInput) { in.Architectures = []types.Architecture{"riscv"} }, "ValidationException", sizes + "'[riscv]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		{"two faults at once", func(in *lambda.CreateFunctionInput) { in.Timeout, in.MemorySize = aws.Int32(901), aws.Int32(64) }, "ValidationException", "2 validation errors detected: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128; Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		{"handler", func(in *lambda.CreateFunctionInput) { in.Handler = aws.String("a b") }, "ValidationException", sizes + `'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+`},
		{"long name", func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("a", 65)) }, "InvalidParameterValueException", sizes + "'" + strings.Repeat("a", 65) + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"variable's name", func(in *lambda.CreateFunctionInput) { in.Environment.Variables = map[string]string{"1A": "secret"} }, "ValidationException", sizes + "at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"},
		{"reserved variables", func(in *lambda.CreateFunctionInput) {
			in.Environment.Variables = map[string]string{"AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "y"}
		}, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_ACCESS_KEY_ID, AWS_REGION"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := creation(t)
			test.change(in)
			_, err := b.CreateFunction(t.Context(), in)
			wantError(t, err, test.code, test.message)
		})
	}
	in := creation(t)
	in.Runtime = "nodejs99.x"
	_, err := b.CreateFunction(t.Context(), in)
	if wrong, ok := errors.AsType[*types.InvalidParameterValueException](err); !ok || !strings.HasPrefix(wrong.ErrorMessage(), "Value nodejs99.x at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [") {
		t.Errorf("an unknown runtime: %v", err)
	}
}

func TestEnvironmentSize(t *testing.T) {
	b := start(t)
	b.create()
	// {"LARGE":"…"} in JSON is 12 bytes and the value; é is two bytes, a quote is escaped.
	for _, test := range []struct {
		name, value string
		fits        bool
	}{
		{"4096 bytes", strings.Repeat("x", 4084), true},
		{"4097 bytes", strings.Repeat("x", 4085), false},
		{"4096 bytes of UTF-8", strings.Repeat("é", 2042), true},
		{"4098 bytes of UTF-8", strings.Repeat("é", 2043), false},
		{"4096 bytes with escapes", strings.Repeat(`"`, 2042), true},
		{"4098 bytes with escapes", strings.Repeat(`"`, 2043), false},
		{"4096 bytes of HTML", strings.Repeat("<", 4084), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String(hello), Environment: &types.Environment{Variables: map[string]string{"LARGE": test.value}},
			})
			if test.fits {
				if err != nil {
					t.Fatal(err)
				}
				b.settle()
				return
			}
			measured, _ := json.Marshal(map[string]string{"LARGE": test.value})
			wantError(t, err, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: "+string(measured))
		})
	}
}

// claim is a package whose entries' headers say that they are of these sizes, which they are not.
func claim(t *testing.T, sizes ...uint64) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for i, size := range sizes {
		entry, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i), UncompressedSize64: size, CompressedSize64: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestPackageSizes(t *testing.T) {
	b := start(t)
	b.create()
	const unreadable = "Could not unzip uploaded file. Please check your file, then try to upload again."
	for _, test := range []struct {
		name          string
		content       []byte
		code, message string
	}{
		{"unzipped too large", claim(t, 250<<20, 1), "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"},
		{"a size that overflows", claim(t, 1, 1<<64-1), "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"},
		{"a size that is not true", claim(t, 250<<20), "InvalidParameterValueException", unreadable},
		{"a size that is too small", claim(t, 0), "InvalidParameterValueException", unreadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: test.content})
			wantError(t, err, test.code, test.message)
		})
	}
}

// Without the SDK, which takes long to make such requests.
func TestRequestSizes(t *testing.T) {
	b := start(t)
	b.create()
	const code = "/2015-03-31/functions/hello/code"
	for _, test := range []struct {
		name    string
		size    int // of the package in base64
		message string
	}{
		{"request too large", 70167211, "Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"},
		{"zip too large", 4 * (50<<20/3 + 1), "Zipped size must be smaller than 52428800 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := `{"ZipFile":"` + strings.Repeat("A", test.size) + `"}`
			request := httptest.NewRequest("PUT", code, strings.NewReader(body))
			request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-2/lambda/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
			answer := httptest.NewRecorder()
			b.server.ServeHTTP(answer, request)
			want := `{"Type":"User","message":"` + test.message + "\"}\n"
			if answer.Code != http.StatusRequestEntityTooLarge || answer.Body.String() != want || answer.Header().Get("X-Amzn-Errortype") != "RequestEntityTooLargeException" {
				t.Errorf("got %d, %s", answer.Code, answer.Body)
			}
		})
	}
}

func TestDeleteFunction(t *testing.T) {
	b := start(t)
	b.create()
	b.publish()
	b.describe("second")
	b.publish()
	alias := &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: aws.String("live"), FunctionVersion: aws.String("2"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.5}}}
	if _, err := b.CreateAlias(t.Context(), alias); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, qualifier, code, message string }{
		{"$LATEST", "$LATEST", "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."},
		{"an alias", "live", "InvalidParameterValueException", "Deletion of aliases is not currently supported."},
		{"an alias' version", "2", "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]"},
		{"a weighted version", "1", "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(hello), Qualifier: &test.qualifier})
			wantError(t, err, test.code, test.message)
		})
	}
	if _, err := b.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String(hello), Name: aws.String("live")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(hello), Qualifier: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	_, err := b.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(hello), Qualifier: aws.String("1")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: "+prefix+"hello:1")
	if _, err := b.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(hello)}); err != nil {
		t.Fatal(err)
	}
	_, err = b.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(hello)})
	wantError(t, err, "ResourceNotFoundException", "Function not found: "+prefix+hello)
	_, err = b.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(hello)})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("deleting it again: %v", err)
	}
	want := []string{prefix + "hello:$LATEST", prefix + "hello:1", prefix + hello}
	if diff := cmp.Diff(want, b.invoker.forgotten); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
}
