package controller_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
)

// cutOffAt has the nth of the calls of an operation from now on be the last of what ctx
// bounds: it never comes to its effect.
func (f *fixture) cutOffAt(operation string, nth int) (ctx context.Context) {
	ctx, cancel := context.WithCancel(f.t.Context())
	seen := 0
	f.intercept(func(made string) {
		if made != operation {
			return
		}
		if seen++; seen == nth {
			cancel()
			panic(http.ErrAbortHandler)
		}
	})
	return ctx
}

// A rotation that is cut off between its layer and its configuration is ended by the next
// apply, with the layer that is there: nothing of the function itself tells of it.
func TestRotationOfALayerIsCutOff(t *testing.T) {
	configured := layerCalls[3:]
	tests := []struct {
		name   string
		cutOff string
		next   func(*fixture, controller.Target) (controller.Result, []string)
		want   []string // the calls of next
		keeps  bool     // whether the bundle from before the rotation stays
	}{
		{"ahead of the configuration, then apply", "PUT configuration", (*fixture).apply, configured, false},
		{"ahead of the configuration, then rotate", "PUT configuration", (*fixture).rotate, layerCalls, false},
		{"ahead of the layer, then apply", "POST versions", (*fixture).apply, nil, true},
		{"ahead of the configuration, then apply on another machine", "PUT configuration",
			func(f *fixture, t controller.Target) (controller.Result, []string) {
				f.uploads.byFunction.Clear()
				return f.apply(t)
			}, nil, true},
		{"ahead of the configuration, then another machine rotates", "PUT configuration",
			func(f *fixture, t controller.Target) (controller.Result, []string) {
				mine := f.uploads.Last(*f.get("").Configuration.FunctionArn)
				f.uploads.byFunction.Clear()
				time.Sleep(time.Hour)
				f.rotate(t)
				_ = f.uploads.Remember(*f.get("").Configuration.FunctionArn, *mine)
				return f.apply(t)
			}, nil, false},
		{"ahead of the configuration, then another machine rotates within the second", "PUT configuration",
			func(f *fixture, t controller.Target) (controller.Result, []string) {
				mine := *f.uploads.Last(*f.get("").Configuration.FunctionArn)
				f.uploads.byFunction.Clear()
				f.rotate(t)
				mine.DataKey = mine.DataKey.Add(time.Minute) // as its clock has it
				_ = f.uploads.Remember(*f.get("").Configuration.FunctionArn, mine)
				return f.apply(t)
			}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				target := f.delivered("layer", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				f.apply(target)
				before := string(f.found(f.get("live")))
				ctx := f.cutOffAt(test.cutOff, 1)
				if _, err := f.r.Rotate(ctx, target, f.trusted, "a test"); !errors.Is(err, context.Canceled) {
					f.t.Fatalf("cut off: %v", err)
				}
				f.intercept(func(string) {})
				f.allOpen("cut off")
				if string(f.found(f.get("live"))) != before {
					f.t.Error("a rotation that was cut off is live")
				}
				_, calls := test.next(f, target)
				f.wantCalls("the next", test.want, calls)
				f.allOpen("in the end")
				if keeps := string(f.found(f.get("live"))) == before; keeps != test.keeps {
					f.t.Errorf("the bundle from before is live: %t", keeps)
				}
				if _, calls := f.apply(target); len(calls) > 0 {
					f.t.Errorf("not in sync in the end: %v", calls)
				}
			})
		})
	}
}

// The bundle is taken out of the package also where its path changes with the delivery, and
// the apply is cut off behind the configuration that leads to the new one.
func TestBundleOfAnEarlierPathLeavesThePackage(t *testing.T) {
	for name, cut := range map[string]struct {
		operation string
		nth       int
	}{
		"not cut off":       {"", 0},
		"ahead of the code": {"PUT code", 1},
		"behind the code":   {"PUT configuration", 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				f.apply(f.delivered("package", nil, sealed))
				target := f.delivered("layer", func(m *manifest) {
					m.path, m.env = "new/place.jwe", map[string]string{"LOG_LEVEL": "debug"}
				}, sealed)
				if cut.operation != "" {
					if _, err := f.r.Apply(f.cutOffAt(cut.operation, cut.nth), target, f.trusted); !errors.Is(err, context.Canceled) {
						f.t.Fatalf("cut off: %v", err)
					}
					f.intercept(func(string) {})
					f.allOpen("cut off")
				}
				f.apply(target)
				f.allOpen("in the end")
				if left := f.entries(f.fetch(*f.get("live").Code.Location)); slices.Contains(left, bundleFile) {
					f.t.Errorf("the package still carries a bundle: %v", left)
				}
				if _, calls := f.apply(target); len(calls) > 0 {
					f.t.Errorf("not in sync in the end: %v", calls)
				}
			})
		})
	}
}
