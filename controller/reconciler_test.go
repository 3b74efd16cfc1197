package controller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// inBubble runs a test in which time passes by itself.
func inBubble(t *testing.T, test func(*fixture)) {
	synctest.Test(t, func(t *testing.T) { test(newFixture(t)) })
}

func (f *fixture) hello(code string, env, sealed map[string]string) controller.Target {
	f.t.Helper()
	return f.commit(code, manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", env: env, sealed: sealed})[0]
}

var (
	firstCalls = []string{"Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}
	codeCalls  = []string{"Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
	envCalls   = []string{"UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
)

func TestApply(t *testing.T) {
	inBubble(t, func(f *fixture) {
		sealed := f.seal("hello", map[string]string{"TOKEN": canary + "-token", "DB_PASSWORD": canary + "-password"})
		env := map[string]string{"LOG_LEVEL": "info"}
		target := f.hello("code 1", env, sealed)

		result, calls := f.apply(target)
		if diff := cmp.Diff(firstCalls, calls); diff != "" || result.Version != "1" {
			f.t.Errorf("first apply: version %q, calls (-want +got):\n%s", result.Version, diff)
		}
		_, zipped, liveEnv := f.live("hello")
		if diff := cmp.Diff([]string{"bootstrap", "lib/data.txt", bundleFile}, f.entries(zipped)); diff != "" {
			f.t.Errorf("package (-want +got):\n%s", diff)
		}
		values, first := f.open("hello", zipped)
		if diff := cmp.Diff(map[string]string{"TOKEN": canary + "-token", "DB_PASSWORD": canary + "-password"}, values); diff != "" {
			f.t.Errorf("secrets (-want +got):\n%s", diff)
		}
		delete(liveEnv, plan.MarkerVariable)
		if diff := cmp.Diff(map[string]string{"FOREIGN": "kept", "LOG_LEVEL": "info"}, liveEnv); diff != "" {
			f.t.Errorf("environment (-want +got):\n%s", diff)
		}

		if result, calls = f.apply(target); len(calls) != 0 || !result.Plan.InSync() {
			f.t.Errorf("second apply is not idle: %v", calls)
		}

		changed := maps.Clone(sealed)
		maps.Copy(changed, f.seal("hello", map[string]string{"TOKEN": canary + "-new"}))
		result, calls = f.apply(f.hello("code 1", env, changed))
		// Two batches of sealed values, two questions to KMS.
		if diff := cmp.Diff(append([]string{"Decrypt"}, codeCalls...), calls); diff != "" || result.Plan.BundleReason != "sealed values changed" {
			f.t.Errorf("secret change: reason %q, calls (-want +got):\n%s", result.Plan.BundleReason, diff)
		}
		version, zipped, _ := f.live("hello")
		values, second := f.open("hello", zipped)
		if version != "2" || values["TOKEN"] != canary+"-new" || bytes.Equal(first.WrappedKey(), second.WrappedKey()) || first.ID() == second.ID() {
			f.t.Errorf("after a secret change: version %s, token new %t, data key or bundle id kept", version, values["TOKEN"] == canary+"-new")
		}

		_, calls = f.apply(f.hello("code 1", map[string]string{"LOG_LEVEL": "debug"}, changed))
		if diff := cmp.Diff(envCalls, calls); diff != "" {
			f.t.Errorf("environment change, calls (-want +got):\n%s", diff)
		}
		_, calls = f.apply(f.hello("code 2", map[string]string{"LOG_LEVEL": "debug"}, changed))
		if diff := cmp.Diff(append([]string{"Decrypt"}, codeCalls...), calls); diff != "" {
			f.t.Errorf("code change, calls (-want +got):\n%s", diff)
		}
		if strings.Contains(f.log.String(), canary) {
			f.t.Error("the log has a plaintext in it")
		}
	})
}

// A bundle in another function's package is refused before KMS, and KMS refuses
// its data key for that function too.
func TestBundleOfAnotherFunction(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.apply(f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary})))
		_, zipped, _ := f.live("hello")
		_, bundle := f.open("hello", zipped)
		other := envelope.Consumer{Region: region, Function: "other"}
		_, err := bundle.Open(other, make([]byte, 32))
		if want := "bundle sealed for us-east-2/hello, used by us-east-2/other"; err == nil || err.Error() != want {
			f.t.Errorf("Open: %v, want %s", err, want)
		}
		if _, err := f.unwrap(bundle, other); err == nil || !strings.Contains(err.Error(), "InvalidCiphertextException") {
			f.t.Errorf("KMS unwrapped the data key for another function: %v", err)
		}
	})
}

// An apply that ends behind its upload is resumed without a second data key; one
// that ends behind its configuration, without a second configuration.
func TestResume(t *testing.T) {
	tests := []struct {
		name   string
		cutOff string // the call ahead of which the apply ends
		forget bool   // what was uploaded
		want   []string
	}{
		{"before the upload", "PUT code", false, firstCalls},
		{"before the configuration", "PUT configuration", false, firstCalls[3:]},
		{"before the configuration, on another machine", "PUT configuration", true, firstCalls},
		{"before the version", "POST versions", false, firstCalls[4:]},
		{"before the version, on another machine", "POST versions", true, firstCalls[4:]},
		{"before the alias", "POST aliases", false, firstCalls[4:]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				ctx, cancel := context.WithCancel(f.t.Context())
				f.before = func(operation string) {
					if operation == test.cutOff {
						cancel()
						panic(http.ErrAbortHandler)
					}
				}
				if _, err := f.r.Apply(ctx, target, f.trusted); !errors.Is(err, context.Canceled) {
					f.t.Fatalf("cut off: %v", err)
				}
				f.before = func(string) {}
				if test.forget {
					f.uploads.byFunction.Clear()
				}
				_, calls := f.apply(target)
				if diff := cmp.Diff(test.want, calls); diff != "" {
					f.t.Errorf("calls of the resuming apply (-want +got):\n%s", diff)
				}
				version, zipped, _ := f.live("hello")
				if values, _ := f.open("hello", zipped); version != "1" || values["TOKEN"] != canary {
					f.t.Errorf("version %s does not open", version)
				}
			})
		})
	}
}

// Somebody else writes between our reading and our writing: nothing of theirs is
// lost, and ours is there in the end.
func TestAnotherWriter(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.hello("code", map[string]string{"LOG_LEVEL": "info"}, f.seal("hello", map[string]string{"TOKEN": canary}))
		interfered := false
		f.before = func(operation string) {
			if operation != "PUT configuration" || interfered {
				return
			}
			interfered = true
			_, err := f.lambda.UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: map[string]string{"THEIRS": "too"}},
			})
			if err != nil {
				f.t.Error(err)
			}
			time.Sleep(5 * time.Second) // their update ends
		}
		_, calls := f.apply(target)
		want := []string{"Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration",
			"UpdateFunctionConfiguration PreconditionFailedException", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}
		if diff := cmp.Diff(want, calls); diff != "" {
			f.t.Errorf("calls (-want +got):\n%s", diff)
		}
		_, _, env := f.live("hello")
		if env["THEIRS"] != "too" || env["LOG_LEVEL"] != "info" {
			f.t.Errorf("environment %v", env)
		}
	})
}

// A package that somebody else made of the right parts, or of any, is not taken for
// an upload of ours, and a newer revision is not replaced by an older one.
func TestNothingForeignGoesLive(t *testing.T) {
	inBubble(t, func(f *fixture) {
		sealed := f.seal("hello", map[string]string{"TOKEN": canary})
		target := f.hello("code", nil, sealed)
		f.apply(target)
		_, theirs, _ := f.live("hello")
		f.apply(f.hello("code", map[string]string{"LOG_LEVEL": "info"}, f.seal("hello", map[string]string{"TOKEN": "new"})))
		if _, err := f.lambda.UpdateFunctionCode(f.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello"), ZipFile: theirs}); err != nil {
			f.t.Fatal(err)
		}
		f.uploads.byFunction.Clear()
		_, calls := f.apply(target)
		if diff := cmp.Diff(codeCalls, calls); diff != "" {
			f.t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestNewerRevisionIsKept(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.apply(f.hello("code 1", nil, f.seal("hello", map[string]string{"TOKEN": "1"})))
		older := f.hello("code 2", nil, f.seal("hello", map[string]string{"TOKEN": "2"}))
		newer := f.hello("code 3", nil, f.seal("hello", map[string]string{"TOKEN": "3"}))
		overtaken := false
		f.before = func(operation string) {
			if operation == "PUT code" && !overtaken {
				overtaken = true
				f.apply(newer)
			}
		}
		_, err := f.r.Apply(f.t.Context(), older, f.trusted)
		want := fmt.Sprintf("payments/hello: revision %.7s was applied meanwhile, and %.7s is not put in its place (Superseded)", newer.Revision, older.Revision)
		if err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		_, zipped, _ := f.live("hello")
		if values, _ := f.open("hello", zipped); values["TOKEN"] != "3" {
			f.t.Errorf("live is %s", values["TOKEN"])
		}
	})
}

// A value that can't be unsealed refuses the whole config, and nothing is written.
func TestApplyRefuses(t *testing.T) {
	inBubble(t, func(f *fixture) {
		good := f.seal("hello", map[string]string{"TOKEN": canary, "OTHER": canary})
		f.apply(f.hello("code", nil, good))
		version, zipped, _ := f.live("hello")

		flip := func(s string) string { return s[:len(s)-2] + string('A'+(s[len(s)-2]-'A'+4)%8) + s[len(s)-1:] }
		tests := []struct {
			name   string
			sealed map[string]string
			keys   []string
			kmsKey string
			err    string
			calls  []string
		}{
			{
				name: "damaged value", sealed: map[string]string{"TOKEN": flip(good["TOKEN"])},
				err:   "payments/hello: unseal TOKEN: does not open: its key, header or ciphertext is not what it was sealed with",
				calls: []string{"Decrypt"},
			},
			{
				name: "no bundle key", sealed: map[string]string{"TOKEN": good["TOKEN"]}, kmsKey: "alias/missing",
				err:   "payments/hello: kms:GenerateDataKey on alias/missing in us-east-2: no such key",
				calls: []string{"Decrypt", "GenerateDataKey NotFoundException"},
			},
		}
		for _, test := range tests {
			if test.kmsKey == "" {
				test.kmsKey = "alias/sealift-bundle"
			}
			target := f.commit("code 2", manifest{name: "hello", function: "hello", kmsKey: test.kmsKey, sealed: test.sealed})[0]
			earlier := len(f.aws.Calls())
			if _, err := f.r.Apply(f.t.Context(), target, f.trusted); err == nil || err.Error() != test.err {
				f.t.Errorf("%s: %v, want %s", test.name, err, test.err)
			}
			if diff := cmp.Diff(test.calls, f.callsSince(earlier)); diff != "" {
				f.t.Errorf("%s: calls (-want +got):\n%s", test.name, diff)
			}
		}
		after, still, _ := f.live("hello")
		if after != version || !bytes.Equal(zipped, still) {
			f.t.Error("what is live changed")
		}
	})
}

// KMS is never asked with a key that is merely named in git.
func TestUntrustedSealingKey(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.sealing = f.key("alias/somebody-elses").ARN
		target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		earlier := len(f.aws.Calls())
		_, err := f.r.Apply(f.t.Context(), target, f.trusted)
		want := "payments/hello: unseal TOKEN: sealed with " + f.sealing + ", which is not a configured sealing key (UntrustedSealingKey)"
		if err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		if calls := f.callsSince(earlier); len(calls) > 0 {
			f.t.Errorf("calls %v", calls)
		}
	})
}
