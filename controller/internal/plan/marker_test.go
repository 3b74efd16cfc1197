package plan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		field(0, "2"):                  plan.ErrNewerMarker.Error(),
		"12.something-else-altogether": plan.ErrNewerMarker.Error(),
	}
	for text, want := range tests {
		if _, err := plan.ParseMarker(text); err == nil || err.Error() != want {
			t.Errorf("ParseMarker(%q) = %v, want %s", text, err, want)
		}
	}
	if _, err := plan.ParseMarker(field(0, "2")); !errors.Is(err, plan.ErrNewerMarker) {
		t.Error("a newer marker is not ErrNewerMarker")
	}
}

func FuzzParseMarker(f *testing.F) {
	f.Add(marker().String())
	f.Add("1.......")
	f.Add("2.x")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := plan.ParseMarker(text)
		if err == nil && m.String() != text {
			t.Errorf("%q was read as %q", text, m)
		}
	})
}
