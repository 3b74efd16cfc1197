package lambda_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// writes are the three writes of $LATEST with a RevisionId; each is refused while another is in progress.
func (b *bench) writes(revision *string) map[string]error {
	_, code := b.UpdateFunctionCode(b.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(b.t, "two"), RevisionId: revision})
	_, configuration := b.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(hello), Description: aws.String("two"), RevisionId: revision})
	_, version := b.PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(hello), RevisionId: revision})
	return map[string]error{"UpdateFunctionCode": code, "UpdateFunctionConfiguration": configuration, "PublishVersion": version}
}

func TestPendingRefusesWrites(t *testing.T) {
	b := start(t)
	if _, err := b.CreateFunction(t.Context(), creation(t)); err != nil {
		t.Fatal(err)
	}
	for operation, err := range b.writes(nil) {
		t.Run(operation, func(t *testing.T) { wantError(t, err, "ResourceConflictException", pending) })
	}
	_, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)})
	wantError(t, err, "ResourceConflictException", pending)
}

func TestStaleRevisionRefusesWrites(t *testing.T) {
	b := start(t)
	created := b.create()
	for operation, err := range b.writes(created.RevisionId) {
		t.Run(operation, func(t *testing.T) {
			wantError(t, err, "PreconditionFailedException", stale)
			if _, ok := errors.AsType[*types.PreconditionFailedException](err); !ok {
				t.Errorf("got %T", err)
			}
		})
	}
	if got := b.get(""); aws.ToString(got.Description) != "" || aws.ToString(got.CodeSha256) != codeSHA256(archive(t, "one")) {
		t.Errorf("a refused write had an effect: %+v", got)
	}
}

func TestUpdateStates(t *testing.T) {
	b := start(t)
	b.create()
	first, second := codeSHA256(archive(t, "one")), codeSHA256(archive(t, "two"))
	before := b.get("")
	updated, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two"), RevisionId: before.RevisionId})
	if err != nil {
		t.Fatal(err)
	}
	if updated.LastUpdateStatus != types.LastUpdateStatusInProgress || updated.State != types.StateActive || aws.ToString(updated.CodeSha256) != second {
		t.Errorf("answer: %s, %s, %s", updated.LastUpdateStatus, updated.State, aws.ToString(updated.CodeSha256))
	}
	for operation, err := range b.writes(nil) {
		t.Run("in progress/"+operation, func(t *testing.T) {
			wantError(t, err, "ResourceConflictException", inProgress)
			if _, ok := errors.AsType[*types.ResourceConflictException](err); !ok {
				t.Errorf("got %T", err)
			}
		})
	}
	b.clock.advance(settle - 1)
	during := b.get("")
	if during.LastUpdateStatus != types.LastUpdateStatusInProgress || aws.ToString(during.RevisionId) != aws.ToString(updated.RevisionId) {
		t.Errorf("a nanosecond before: %s, revision moved: %t", during.LastUpdateStatus, aws.ToString(during.RevisionId) != aws.ToString(updated.RevisionId))
	}
	if _, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)}); err != nil {
		t.Fatal(err)
	}
	if got := b.invoker.last(t).CodeSHA256; got != first {
		t.Errorf("in progress, %s runs; want the code before, %s", got, first)
	}
	b.clock.advance(1)
	after := b.get("")
	if after.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("settled: %s", after.LastUpdateStatus)
	}
	revisions := map[string]bool{aws.ToString(before.RevisionId): true, aws.ToString(updated.RevisionId): true, aws.ToString(after.RevisionId): true}
	if len(revisions) != 3 {
		t.Errorf("the revision moved %d times, want at the write and at its end", len(revisions)-1)
	}
	if _, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)}); err != nil {
		t.Fatal(err)
	}
	if got := b.invoker.last(t).CodeSHA256; got != second {
		t.Errorf("settled, %s runs; want %s", got, second)
	}
	for operation, err := range b.writes(updated.RevisionId) {
		t.Run("revision of the answer/"+operation, func(t *testing.T) { wantError(t, err, "PreconditionFailedException", stale) })
	}
}

func TestUpdateFunctionConfigurationIsPartial(t *testing.T) {
	b := start(t)
	b.create()
	before := b.get("")
	for _, test := range []struct {
		name   string
		input  lambda.UpdateFunctionConfigurationInput
		change func(c *types.FunctionConfiguration)
	}{
		{"description", lambda.UpdateFunctionConfigurationInput{Description: aws.String("d")}, func(c *types.FunctionConfiguration) { c.Description = aws.String("d") }},
		{"handler", lambda.UpdateFunctionConfigurationInput{Handler: aws.String("a.b")}, func(c *types.FunctionConfiguration) { c.Handler = aws.String("a.b") }},
		{"runtime", lambda.UpdateFunctionConfigurationInput{Runtime: types.RuntimeProvidedal2023}, func(c *types.FunctionConfiguration) { c.Runtime = types.RuntimeProvidedal2023 }},
		{"limits", lambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(900), MemorySize: aws.Int32(10240)}, func(c *types.FunctionConfiguration) {
			c.Timeout, c.MemorySize = aws.Int32(900), aws.Int32(10240)
		}},
		{"role", lambda.UpdateFunctionConfigurationInput{Role: aws.String(roleARN + "2")}, func(c *types.FunctionConfiguration) { c.Role = aws.String(roleARN + "2") }},
		{"key", lambda.UpdateFunctionConfigurationInput{KMSKeyArn: aws.String("arn:aws:kms:us-east-2:000000000000:key/k")}, func(c *types.FunctionConfiguration) {
			c.KMSKeyArn = aws.String("arn:aws:kms:us-east-2:000000000000:key/k")
		}},
		{"environment as a whole", lambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: map[string]string{"OTHER": "1"}}}, func(c *types.FunctionConfiguration) {
			c.Environment = &types.EnvironmentResponse{Variables: map[string]string{"OTHER": "1"}}
		}},
		{"empty environment", lambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{}}, func(c *types.FunctionConfiguration) {
			c.Environment = &types.EnvironmentResponse{Variables: map[string]string{}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.input.FunctionName = aws.String(hello)
			if _, err := b.UpdateFunctionConfiguration(t.Context(), &test.input); err != nil {
				t.Fatal(err)
			}
			modified := b.clock.Now()
			b.settle()
			test.change(&before)
			got := b.get("")
			before.RevisionId, before.LastModified = got.RevisionId, aws.String(modified.Format("2006-01-02T15:04:05.000+0000"))
			unexported := cmpopts.IgnoreUnexported(before, types.EnvironmentResponse{}, types.EphemeralStorage{}, types.LoggingConfig{}, types.SnapStartResponse{}, types.TracingConfigResponse{})
			if diff := cmp.Diff(before, got, unexported); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	_, err := b.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(hello), DeadLetterConfig: &types.DeadLetterConfig{}})
	wantError(t, err, "InvalidParameterValueException", `local AWS does not have the member "DeadLetterConfig" of UpdateFunctionConfiguration`)
}

func TestUpdateFunctionCodeArchitecture(t *testing.T) {
	b := start(t)
	b.create()
	update := func(architectures ...types.Architecture) types.Architecture {
		t.Helper()
		out, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two"), Architectures: architectures})
		if err != nil {
			t.Fatal(err)
		}
		b.settle()
		return out.Architectures[0]
	}
	if got := update(types.ArchitectureArm64); got != types.ArchitectureArm64 {
		t.Errorf("asked for arm64: %s", got)
	}
	if got := update(); got != types.ArchitectureArm64 {
		t.Errorf("asked for none: %s", got)
	}
}

func TestUpdateFunctionCodeRefusals(t *testing.T) {
	b := start(t)
	b.create()
	for _, test := range []struct {
		name          string
		input         lambda.UpdateFunctionCodeInput
		code, message string
	}{
		{"no such function", lambda.UpdateFunctionCodeInput{FunctionName: aws.String("other"), ZipFile: archive(t, "x")}, "ResourceNotFoundException", "Function not found: " + prefix + "other"},
		{"a version", lambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello:1"), ZipFile: archive(t, "x")}, "InvalidParameterValueException", "The operation takes no version and no alias: hello:1"},
		{"no zip", lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: []byte("nope")}, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"nothing", lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello)}, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"},
		{"image", lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ImageUri: aws.String("x")}, "InvalidParameterValueException", `local AWS does not have the member "ImageUri" of UpdateFunctionCode`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.UpdateFunctionCode(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestUpdateFunctionCodeDryRun(t *testing.T) {
	b := start(t)
	b.create()
	before := b.get("")
	if _, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two"), DryRun: true}); err != nil {
		t.Fatal(err)
	}
	_, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: []byte("nope"), DryRun: true})
	wantError(t, err, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again.")
	if after := b.get(""); aws.ToString(after.RevisionId) != aws.ToString(before.RevisionId) || aws.ToString(after.CodeSha256) != aws.ToString(before.CodeSha256) {
		t.Error("a dry run changed the function")
	}
}

func TestUpdateFunctionCodePublish(t *testing.T) {
	b := start(t)
	b.create()
	out, err := b.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(hello), ZipFile: archive(t, "two"), Publish: true})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.Version) != "1" || aws.ToString(out.FunctionArn) != prefix+"hello:1" || aws.ToString(out.CodeSha256) != codeSHA256(archive(t, "two")) {
		t.Errorf("got version %s, %s", aws.ToString(out.Version), aws.ToString(out.FunctionArn))
	}
	if got := b.get(""); got.LastUpdateStatus != types.LastUpdateStatusInProgress {
		t.Errorf("$LATEST: %s", got.LastUpdateStatus)
	}
}
