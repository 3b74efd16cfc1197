package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sealift.dev/sealift/controller"
)

// Calls for one changed secret of twenty: what local AWS counts of KMS and of writes to Lambda. Values of two batches were
// sealed by two commands.
func TestCallsForAChangedSecret(t *testing.T) {
	for _, test := range []struct {
		name   string
		target func(f *fixture, sealed map[string]string) controller.Target
		want   []string
	}{
		{"patched package", func(f *fixture, sealed map[string]string) controller.Target { return f.patchHello(nil, sealed) },
			[]string{"Decrypt", "Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}},
		{"built package", func(f *fixture, sealed map[string]string) controller.Target { return f.hello("code", nil, sealed) },
			[]string{"Decrypt", "Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}},
		{"layer", func(f *fixture, sealed map[string]string) controller.Target { return f.delivered("layer", nil, sealed) },
			[]string{"Decrypt", "Decrypt", "GenerateDataKey", "PublishLayerVersion", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("code")}})
				values := map[string]string{}
				for i := range 20 {
					values[fmt.Sprintf("SECRET_%d", i)] = canary
				}
				sealed := f.seal("hello", values)
				f.apply(test.target(f, sealed))
				time.Sleep(5 * time.Second)
				sealed["SECRET_7"] = f.seal("hello", map[string]string{"SECRET_7": canary + "-2"})["SECRET_7"]
				_, calls := f.apply(test.target(f, sealed))
				calls = slices.DeleteFunc(calls, func(call string) bool { return packageDigest.MatchString(call) })
				f.wantCalls("one secret of twenty, in two sealing batches", test.want, calls)
				t.Logf("%s: %d calls: %s", test.name, len(calls), strings.Join(calls, ", "))
			})
		})
	}
}
