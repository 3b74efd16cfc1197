package controller_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// rollbacks returns those that work on the fixture's function. after is called behind each
// call's effect, ahead of its answer.
func (f *fixture) rollbacks(after func(operation string)) *controller.Rollbacks {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.before(operation(r))
		answer := httptest.NewRecorder()
		f.aws.ServeHTTP(answer, r)
		after(operation(r))
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
	cfg := awstest.Config(handler, region)
	return controller.NewRollbacks(controller.RollbackOptions{
		Versions: awslambda.New(cfg, awslambda.Options{HTTP: awstest.Client(handler)}), Keys: awskms.New(cfg), Log: f.logger,
	})
}

func (f *fixture) rollback(t controller.Target, to, reason string) (controller.Rollback, error) {
	f.t.Helper()
	r := f.rollbacks(func(string) {})
	planned, err := r.Plan(f.t.Context(), t, to, reason)
	if err == nil {
		err = r.Apply(f.t.Context(), t, planned)
	}
	return planned, err
}

func (f *fixture) alias() (version, description string) {
	f.t.Helper()
	out, err := f.lambda.GetAlias(f.t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")})
	if err != nil {
		f.t.Fatal(err)
	}
	return aws.ToString(out.FunctionVersion), aws.ToString(out.Description)
}

// twice applies two revisions, and returns the second.
func (f *fixture) twice() controller.Target {
	f.t.Helper()
	f.apply(f.hello("code 1", map[string]string{"LOG_LEVEL": "info"}, f.seal("hello", map[string]string{"TOKEN": canary + "-1"})))
	target := f.hello("code 2", map[string]string{"LOG_LEVEL": "info"}, f.seal("hello", map[string]string{"TOKEN": canary + "-2"}))
	f.apply(target)
	return target
}

func TestRollbackHolds(t *testing.T) {
	for _, delivery := range []string{"package", "layer", "environment"} {
		t.Run(delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.apply(f.delivered(delivery, nil, f.seal("hello", map[string]string{"TOKEN": canary + "-1"})))
				target := f.delivered(delivery, nil, f.seal("hello", map[string]string{"TOKEN": canary + "-2"}))
				f.apply(target)
				calls := len(f.aws.Calls())
				planned, err := f.rollback(target, "", "slow")
				if err != nil || planned.Version != "1" || len(planned.Notes) != 0 {
					f.t.Fatalf("version %q, notes %q, %v", planned.Version, planned.Notes, err)
				}
				if diff := cmp.Diff([]string{"DescribeKey", "UpdateAlias"}, f.callsSince(calls)); diff != "" {
					f.t.Errorf("calls (-want +got):\n%s", diff)
				}
				if got := f.opens("live")["TOKEN"]; got != canary+"-1" {
					f.t.Errorf("live has %q", got)
				}
				result, made := f.apply(target)
				if e := controller.NewEvent(target, result, nil, time.Now()); e.Type != controller.EventHeld || e.Reason != plan.ReasonHeld {
					f.t.Errorf("event while it is held: %+v", e)
				}
				if len(made) != 0 || result.Plan.Held == nil || result.Plan.Held.Reason != "slow" {
					f.t.Errorf("an apply while it is held: %v, %v", made, result.Plan.Held)
				}
				f.apply(f.delivered(delivery, nil, f.seal("hello", map[string]string{"TOKEN": canary + "-3"})))
				if version, description := f.alias(); version != "3" || description != "" || f.opens("live")["TOKEN"] != canary+"-3" {
					f.t.Errorf("behind the hold: version %s, %q", version, description)
				}
			})
		})
	}
}

// Cut off at any call, a rollback has taken effect with its hold or not at all, and when
// it is repeated it ends where it would have ended, not a version further back.
func TestRollbackCutOff(t *testing.T) {
	for _, effect := range []bool{false, true} {
		t.Run(fmt.Sprintf("behind its effect %t", effect), func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.apply(f.hello("code 0", nil, f.seal("hello", map[string]string{"TOKEN": canary + "-0"})))
				target := f.twice()
				ctx, cancel := context.WithCancel(f.t.Context())
				cut := func(at bool) func(string) {
					return func(operation string) {
						if operation == "PUT live" && at == effect && ctx.Err() == nil {
							cancel()
							panic(http.ErrAbortHandler)
						}
					}
				}
				f.before = cut(false)
				r := f.rollbacks(cut(true))
				planned, err := r.Plan(ctx, target, "", "slow")
				if err != nil {
					f.t.Fatal(err)
				}
				if err := r.Apply(ctx, target, planned); !errors.Is(err, context.Canceled) {
					f.t.Fatalf("cut off: %v", err)
				}
				f.before = func(string) {}
				version, description := f.alias()
				_, held, _ := plan.ParseHold(description)
				if want := map[bool]string{false: "3", true: "2"}[effect]; version != want || held != effect {
					f.t.Errorf("the alias names %s, held %t", version, held)
				}
				_, err = f.rollback(target, "", "slow")
				want := ""
				if effect {
					want = "payments/hello: alias live of us-east-2/hello is held at version 2 already (AlreadyHeld)"
				}
				if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
					f.t.Errorf("repeated: %v, want %s", err, want)
				}
				if version, description = f.alias(); version != "2" || !strings.HasPrefix(description, "sealift: held at version 2 against ") {
					f.t.Errorf("in the end: version %s, %q", version, description)
				}
				if _, calls := f.apply(target); len(calls) != 0 {
					f.t.Errorf("the next apply: %v", calls)
				}
			})
		})
	}
}

// An answer that gets lost is no failure where the write took effect, and an alias that
// somebody else moved meanwhile stays as they left it.
func TestRollbackMeetsAnotherWriter(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.twice()
		lost := 0
		r := f.rollbacks(func(operation string) {
			if operation == "PUT live" && lost == 0 {
				lost++
				panic(http.ErrAbortHandler)
			}
		})
		planned, err := r.Plan(f.t.Context(), target, "", "")
		if err == nil {
			err = r.Apply(f.t.Context(), target, planned)
		}
		if version, _ := f.alias(); err != nil || version != "1" || lost != 1 {
			f.t.Fatalf("lost %d answers: version %s, %v", lost, version, err)
		}
		r = f.rollbacks(func(string) {})
		if planned, err = r.PlanResume(f.t.Context(), target); err != nil {
			f.t.Fatal(err)
		}
		_, err = f.lambda.UpdateAlias(f.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("2"), Description: aws.String("theirs")})
		if err != nil {
			f.t.Fatal(err)
		}
		err = r.Apply(f.t.Context(), target, planned)
		want := "payments/hello: the alias live of us-east-2/hello was changed by another writer meanwhile, and is left as it is (Superseded)"
		if err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		if version, description := f.alias(); version != "2" || description != "theirs" {
			f.t.Errorf("version %s, %q", version, description)
		}
	})
}

// A rollback that comes in the middle of an apply wins over it.
func TestRollbackDuringApply(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.twice()
		next := f.hello("code 3", nil, f.seal("hello", map[string]string{"TOKEN": canary + "-3"}))
		once := false
		f.before = func(operation string) {
			if operation != "PUT live" || once {
				return
			}
			once = true
			if _, err := f.rollback(next, "1", "stop"); err != nil {
				f.t.Error(err)
			}
		}
		result, err := f.r.Apply(f.t.Context(), next, f.trusted)
		f.before = func(string) {}
		if err != nil || result.Plan.Held == nil {
			f.t.Fatalf("held %v, %v", result.Plan.Held, err)
		}
		if version, _ := f.alias(); version != "1" {
			f.t.Errorf("the alias names %s", version)
		}
	})
}

func TestRollbackRefusesAKeyThatCannotBeUsed(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.twice()
		keys := kms.NewFromConfig(awstest.Config(f.aws, region))
		if _, err := keys.DisableKey(f.t.Context(), &kms.DisableKeyInput{KeyId: &f.bundle}); err != nil {
			f.t.Fatal(err)
		}
		_, err := f.rollback(target, "", "")
		want := "payments/hello: the bundle of version 1 can't be opened: its key " + f.bundle + " is in the state Disabled (BundleKeyUnusable)"
		if err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		if version, _ := f.alias(); version != "2" {
			f.t.Errorf("the alias names %s", version)
		}
	})
}

// What may not be looked at is said, and does not hold a rollback up.
func TestRollbackSaysWhatItCouldNotCheck(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.twice()
		f.before = func(operation string) {
			if operation == "DescribeKey" {
				panic(http.ErrAbortHandler)
			}
		}
		planned, err := f.rollback(target, "", "")
		want := []string{"not checked whether the bundle of version 1 opens: kms:DescribeKey on " + f.bundle + ": no answer"}
		if diff := cmp.Diff(want, planned.Notes); diff != "" || err != nil {
			f.t.Errorf("%v, notes (-want +got):\n%s", err, diff)
		}
	})
}

// The newest older version of this config is chosen, and no other's.
func TestRollbackPassesOverForeignVersions(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.apply(f.hello("code 1", nil, f.seal("hello", map[string]string{"TOKEN": canary + "-1"})))
		in := &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: map[string]string{}}}
		if _, err := f.lambda.UpdateFunctionConfiguration(f.t.Context(), in); err != nil {
			f.t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if _, err := f.lambda.PublishVersion(f.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")}); err != nil {
			f.t.Fatal(err)
		}
		target := f.hello("code 3", nil, f.seal("hello", map[string]string{"TOKEN": canary + "-3"}))
		if result, _ := f.apply(target); result.Version != "3" {
			f.t.Fatalf("version %s", result.Version)
		}
		if planned, err := f.rollback(target, "", ""); err != nil || planned.Version != "1" {
			f.t.Errorf("version %s, %v", planned.Version, err)
		}
	})
}
