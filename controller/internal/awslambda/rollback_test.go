package awslambda_test

import (
	"errors"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestSetAlias(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		obs := f.observe("")
		version, err := f.client.Publish(f.t.Context(), obs.Latest, "d")
		if err == nil {
			err = f.client.PointAlias(f.t.Context(), obs.Latest, "live", nil, version)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		hold := plan.Hold{Version: "1", Against: []string{strings.Repeat("a", 22)}, Was: "theirs"}.String()
		before := f.observe("live")
		if err := f.client.SetAlias(f.t.Context(), before.Latest, *before.Alias, version, hold); err != nil {
			f.t.Fatal(err)
		}
		held := f.observe("live")
		if held.Alias.Description != hold || held.Hold() == nil {
			f.t.Errorf("description %q", held.Alias.Description)
		}
		err = f.client.SetAlias(f.t.Context(), before.Latest, *before.Alias, version, "")
		if !errors.Is(err, plan.ErrReobserve) {
			f.t.Errorf("with a RevisionId that is stale: %v", err)
		}
		if err := f.client.PointAlias(f.t.Context(), held.Latest, "live", held.Alias, version); err != nil {
			f.t.Fatal(err)
		}
		if got := f.observe("live").Alias.Description; got != "theirs" {
			f.t.Errorf("behind the hold: %q", got)
		}
		// What is no hold is not touched.
		after := f.observe("live")
		if err := f.client.PointAlias(f.t.Context(), after.Latest, "live", after.Alias, version); err != nil || f.observe("live").Alias.Description != "theirs" {
			f.t.Errorf("moved without a hold: %q, %v", f.observe("live").Alias.Description, err)
		}
	})
}
