package controller_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
)

func (f *fixture) rotate(t controller.Target) (controller.Result, []string) {
	f.t.Helper()
	earlier := len(f.aws.Calls())
	result, err := f.r.Rotate(f.t.Context(), t, f.trusted, "a test")
	if err != nil {
		f.t.Fatal(err)
	}
	return result, f.callsSince(earlier)
}

func TestRotate(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		f.apply(target)
		_, zipped, _ := f.live("hello")
		_, first := f.open("hello", zipped)
		f.uploads.byFunction.Clear()      // as on another machine
		result, calls := f.rotate(target) // within the second of the apply
		if diff := cmp.Diff(codeCalls, calls); diff != "" || result.Plan.BundleReason != "rotated by hand: a test" || result.Version != "2" {
			f.t.Errorf("reason %q, version %q, calls (-want +got):\n%s", result.Plan.BundleReason, result.Version, diff)
		}
		_, zipped, _ = f.live("hello")
		values, second := f.open("hello", zipped)
		if values["TOKEN"] != canary || bytes.Equal(first.WrappedKey(), second.WrappedKey()) || first.ID() == second.ID() {
			f.t.Error("the value is gone, or the data key or bundle id kept")
		}
		if result, calls = f.apply(target); len(calls) != 0 || !result.Plan.InSync() {
			f.t.Errorf("an apply after it is not idle: %v", calls)
		}
		if strings.Contains(f.log.String(), canary) {
			f.t.Error("the log has a plaintext in it")
		}
	})
}

// A rotation that meets another writer behind its upload starts again, and draws no
// second data key.
func TestRotateMeetsAnotherWriter(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		f.apply(target)
		var once sync.Once
		f.intercept(func(operation string) {
			if operation != "PUT configuration" {
				return
			}
			once.Do(func() {
				f.intercept(func(string) {})
				live, err := f.lambda.GetFunction(context.Background(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
				if err == nil {
					_, err = f.lambda.UpdateFunctionConfiguration(context.Background(), &lambda.UpdateFunctionConfigurationInput{
						FunctionName: aws.String("hello"), RevisionId: live.Configuration.RevisionId, Timeout: aws.Int32(7)})
				}
				if err != nil {
					f.t.Error(err)
				}
			})
		})
		_, calls := f.rotate(target)
		want := []string{"Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration",
			"UpdateFunctionConfiguration ResourceConflictException", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
		if diff := cmp.Diff(want, calls); diff != "" {
			f.t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// Cut off behind its upload, a rotation is ended by the next apply with the key that
// it drew; another rotation is a new wish, and draws one more.
func TestRotateIsCutOff(t *testing.T) {
	for name, test := range map[string]struct {
		next func(*fixture, controller.Target) (controller.Result, []string)
		want []string
	}{
		"then apply":  {(*fixture).apply, envCalls},
		"then rotate": {(*fixture).rotate, codeCalls},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				f.apply(target)
				ctx, cut := context.WithCancel(f.t.Context())
				uploaded := false
				f.intercept(func(operation string) {
					if uploaded {
						cut()
					}
					uploaded = uploaded || operation == "PUT code"
				})
				if _, err := f.r.Rotate(ctx, target, f.trusted, ""); err == nil {
					f.t.Fatal("the rotation was not cut off")
				}
				f.intercept(func(string) {})
				_, calls := test.next(f, target)
				if diff := cmp.Diff(test.want, calls); diff != "" {
					f.t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}
