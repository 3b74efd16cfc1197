package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	exec1   = "arn:aws:lambda:us-east-2:123456789012:layer:sealift-exec:1"
	exec2   = "arn:aws:lambda:us-east-2:123456789012:layer:sealift-exec:2"
	another = "arn:aws:lambda:us-east-2:999999999999:layer:theirs:7"
)

// wrappedBy returns the config with an exec wrapper, "" for none.
func wrappedBy(arn string, edits ...func(*v1alpha1.SealedConfig)) *v1alpha1.SealedConfig {
	return config(func(c *v1alpha1.SealedConfig) {
		if c.Spec.Bundle.Wrapper = arn; arn != "" {
			c.Spec.Environment[plan.WrapperVariable] = plan.WrapperPath
		}
		for _, edit := range edits {
			edit(c)
		}
	})
}

func layersOf(arns ...string) (layers []plan.Layer) {
	for _, arn := range arns {
		layers = append(layers, plan.Layer{ARN: arn})
	}
	return layers
}

func TestWrapper(t *testing.T) {
	inLayer := func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.Delivery = v1alpha1.DeliveryLayer }
	tests := []struct {
		name      string
		was, is   *v1alpha1.SealedConfig
		live      []string // layers of the function and of the version
		runtime   string
		forgotten bool
		items     []string // about layers
		layers    []string // to be written; nil: nothing is written
		drift     bool
		err       string
	}{
		{name: "none", was: wrappedBy(""), is: wrappedBy(""), live: []string{another}},
		{name: "added behind others", was: wrappedBy(""), is: wrappedBy(exec1), live: []string{another}, items: []string{"change layer of the exec wrapper: " + exec1}, layers: []string{another, exec1}},
		{name: "in place", was: wrappedBy(exec1), is: wrappedBy(exec1), live: []string{exec1, another}},
		{name: "another version", was: wrappedBy(exec1), is: wrappedBy(exec2), live: []string{exec1, another}, items: []string{"change layer of the exec wrapper: " + exec2}, layers: []string{exec2, another}},
		{name: "no longer wanted", was: wrappedBy(exec1), is: wrappedBy(""), live: []string{exec1, another}, items: []string{"remove layer of the exec wrapper: no longer wanted"}, layers: []string{another}},
		{name: "no longer wanted, and the history is gone", was: wrappedBy(exec1), is: wrappedBy(""), live: []string{exec1}, forgotten: true, layers: []string{exec1}},
		{name: "taken away", was: wrappedBy(exec1), is: wrappedBy(exec1), live: []string{another}, items: []string{"change layer of the exec wrapper: " + exec1}, layers: []string{another, exec1}, drift: true},
		{name: "beside the bundle's", was: wrappedBy(""), is: wrappedBy(exec1, inLayer), live: []string{another}, items: []string{"add layer sealift-hello: a new version", "change layer of the exec wrapper: " + exec1},
			layers: []string{another, "arn:aws:lambda:us-east-2:123456789012:layer:sealift-hello:", exec1}},
		{name: "a sixth", was: wrappedBy(""), is: wrappedBy(exec1), live: []string{another, another + "1", another + "2", another + "3", another + "4"},
			err: "us-east-2/hello has 5 layers, and Lambda allows 5 (TooManyLayers)"},
		{name: "a runtime without", was: wrappedBy(""), is: wrappedBy(exec1), runtime: "provided.al2023",
			err: "us-east-2/hello has the runtime provided.al2023, in which Lambda runs no exec wrapper (WrapperNotRun)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			was := desired(revision1, tt.was, nil)
			want := desired(revision2, tt.is, tt.was)
			if tt.forgotten {
				want.Previous = nil
			}
			obs := applied(was)
			obs.Latest.Layers, obs.Live.Layers, obs.Latest.Runtime = layersOf(tt.live...), layersOf(tt.live...), tt.runtime
			p, err := plan.Decide(want, obs, nil, now)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("%v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			about := slices.DeleteFunc(lines(p), func(line string) bool { return !strings.Contains(line, " layer ") })
			if diff := cmp.Diff(strings.Join(tt.items, "\n"), strings.Join(about, "\n")); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if p.Configure != (tt.layers != nil) {
				t.Errorf("Configure = %t: %q", p.Configure, lines(p))
			}
			got := p.Layers(obs.Latest.Layers, plan.Marker{Delivery: want.Delivery()})
			if diff := cmp.Diff(tt.layers, got); tt.layers != nil && diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
			if p.OnlyDrift() != tt.drift {
				t.Errorf("OnlyDrift() = %t", p.OnlyDrift())
			}
		})
	}
}
