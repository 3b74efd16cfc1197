package plan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func marker() plan.Marker {
	return desired(revision1, config(nil), nil).MarkerFor(strings.Repeat("b", 22), codeSHA, time.Unix(1_795_000_000, 0))
}

func TestMarkerRoundTrip(t *testing.T) {
	for _, owned := range [][]string{nil, {"A1"}, {"A1", "LOG_LEVEL"}} {
		m := marker()
		m.Owned = owned
		got, err := plan.ParseMarker(m.String())
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

// apartMarkers are of bundles that are not in the package.
func apartMarkers() []plan.Marker {
	layer, variable, image := marker(), marker(), marker()
	layer.Delivery, layer.Place = v1alpha1.DeliveryLayer, "12"
	variable.Delivery, variable.Place = v1alpha1.DeliveryEnvironment, plan.VariableDigest("x")
	image.Delivery, image.Place, image.CodeSHA256 = v1alpha1.DeliveryEnvironment, plan.VariableDigest("x"), strings.Repeat("0a", 32)
	return []plan.Marker{layer, variable, image}
}

// The marker of a bundle in the package is the one that earlier versions wrote; that of
// another delivery has another version, which they leave alone.
func TestMarkerOfDeliveries(t *testing.T) {
	const first = "bbbbbbbbbbbbbbbbbbbbbb.XeB5jYdLoS6_pneiQUEo4b2ABwIu5UNDL-ByFpBXllg.ebLtsg-pBClyvPQ0IWRulymE6qkVrsBSWEn0xV_gWAA." +
		"1111111111111111111111111111111111111111.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.1795000000.LOG_LEVEL."
	if got, want := marker().String(), "1."+first+"payments/hello"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	wants := []string{"2." + first + "layer.12.payments/hello", "2." + first + "environment.LXEWQrcmsEQBYnyp-6wy9Q.payments/hello", ""}
	for i, m := range apartMarkers() {
		if got := m.String(); wants[i] != "" && got != wants[i] {
			t.Errorf("%s, want %s", got, wants[i])
		}
		got, err := plan.ParseMarker(m.String())
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestParseMarkerRefusesPlaces(t *testing.T) {
	for _, test := range []struct{ delivery, place, err string }{
		{"package", "", "marker: delivery is neither layer nor environment"},
		{"layer", "", "marker: place is not one of delivery layer"},
		{"layer", "01", "marker: place is not one of delivery layer"},
		{"layer", "-1", "marker: place is not one of delivery layer"},
		{"environment", "12", "marker: place is not one of delivery environment"},
		{"Layer", "12", "marker: delivery is neither layer nor environment"},
	} {
		fields := strings.Split(apartMarkers()[0].String(), ".")
		fields[8], fields[9] = test.delivery, test.place
		if _, err := plan.ParseMarker(strings.Join(fields, ".")); err == nil || err.Error() != test.err {
			t.Errorf("%s %q: %v, want %s", test.delivery, test.place, err, test.err)
		}
	}
	layer := apartMarkers()[0]
	layer.CodeSHA256 = strings.Repeat("0a", 32)
	if _, err := plan.ParseMarker(layer.String()); err == nil || err.Error() != "marker: CodeSha256 is out of form" {
		t.Errorf("the CodeSha256 of an image, with a layer: %v", err)
	}
}

func TestParseMarkerRefuses(t *testing.T) {
	field := func(i int, value string) string {
		fields := strings.Split(marker().String(), ".")
		fields[i] = value
		return strings.Join(fields, ".")
	}
	tests := map[string]string{
		"":                             "marker: 1 fields where there are 9",
		"hello":                        "marker: 1 fields where there are 9",
		"1.a.b.c":                      "marker: 4 fields where there are 9",
		field(8, "payments"):           "marker: config is not a namespace and a name",
		field(8, "payments/hello\n"):   "marker: config is not a namespace and a name",
		field(1, "short"):              "marker: bundle id is out of form",
		field(2, "short"):              "marker: source: not the base64url of a SHA-256",
		field(3, ""):                   "marker: code: not the base64url of a SHA-256",
		field(4, "main"):               "marker: revision is not a commit id",
		field(5, "short"):              "marker: CodeSha256 is out of form",
		field(6, "-1"):                 "marker: data key time is not a count of seconds",
		field(6, "01"):                 "marker: data key time is not a count of seconds",
		field(7, "A1,,B1"):             "marker: owned keys are out of form",
		field(0, "2"):                  "marker: 9 fields where there are 11",
		field(0, "3"):                  plan.ErrNewerMarker.Error(),
		"12.something-else-altogether": plan.ErrNewerMarker.Error(),
	}
	for text, want := range tests {
		if _, err := plan.ParseMarker(text); err == nil || err.Error() != want {
			t.Errorf("ParseMarker(%q) = %v, want %s", text, err, want)
		}
	}
	if _, err := plan.ParseMarker(field(0, "3")); !errors.Is(err, plan.ErrNewerMarker) {
		t.Error("a newer marker is not ErrNewerMarker")
	}
}

// FuzzParseMarker checks that a marker has one spelling: what is read is written again as
// it was.
func FuzzParseMarker(f *testing.F) {
	f.Add(marker().String())
	f.Add(strings.Replace(marker().String(), "=.", "=.0", 1)) // the time
	f.Add("1.......")
	f.Add("2.x")
	for _, m := range apartMarkers() {
		f.Add(m.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := plan.ParseMarker(text)
		if err == nil && m.String() != text {
			t.Errorf("%q was read as %q", text, m)
		}
	})
}
