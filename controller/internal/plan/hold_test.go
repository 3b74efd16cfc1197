package plan_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

var (
	digestA = strings.Repeat("a", 22)
	digestB = strings.Repeat("b", 22)
)

func TestHoldForm(t *testing.T) {
	tests := []struct {
		name string
		hold plan.Hold
		text string
	}{
		{"least", plan.Hold{Version: "7", Against: []string{digestA}}, "sealift: held at version 7 against " + digestA},
		{"all", plan.Hold{Version: "12", Against: []string{digestA, digestB}, Reason: "it is; slow", Was: "theirs | was: x\ntwo"},
			"sealift: held at version 12 against " + digestA + "," + digestB + "; it is; slow | was: theirs | was: x\ntwo"},
		{"own text alone", plan.Hold{Version: "7", Against: []string{digestA}, Was: "; theirs"}, "sealift: held at version 7 against " + digestA + " | was: ; theirs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.hold.String(); got != test.text {
				t.Errorf("String: %q, want %q", got, test.text)
			}
			got, held, err := plan.ParseHold(test.text)
			if diff := cmp.Diff(test.hold, got); diff != "" || !held || err != nil {
				t.Errorf("ParseHold: held %t, %v (-want +got):\n%s", held, err, diff)
			}
		})
	}
}

func TestParseHoldRefuses(t *testing.T) {
	whole := "sealift: held at version 7 against " + digestA
	for _, own := range []string{"", "live", "sealift", " " + whole, "Sealift: held at version 7 against " + digestA} {
		if _, held, err := plan.ParseHold(own); held || err != nil {
			t.Errorf("%q: held %t, %v", own, held, err)
		}
	}
	for _, damaged := range []string{
		whole + " ", whole + "\n", whole + ";", whole + "; ", whole + ", ", whole + "a", whole + "," + digestB + "," + digestB, whole + " | was: ",
		whole + "; a|b", whole + "; a\nb", "sealift: held ", "sealift: held at version 0 against " + digestA, "sealift: held at version 07 against " + digestA,
		"sealift: held at version $LATEST against " + digestA, "sealift: held at version 7 against " + digestA[1:], "sealift: held at version 7  against " + digestA,
		"sealift: held at version 7",
	} {
		_, held, err := plan.ParseHold(damaged)
		if want := `the description begins with "sealift: held" and is not a hold`; held || err == nil || err.Error() != want {
			t.Errorf("%q: held %t, %v", damaged, held, err)
		}
	}
}

// What is taken for a hold is exactly the form of one, so that what comes back at its end
// is what was there before.
func FuzzParseHold(f *testing.F) {
	f.Add("sealift: held at version 7 against " + digestA + "," + digestB + "; why | was: theirs")
	f.Add("sealift: held at version 7 against " + digestA + " | was: | was: ")
	f.Add("sealift: held")
	f.Fuzz(func(t *testing.T, text string) {
		hold, held, err := plan.ParseHold(text)
		if held && (err != nil || hold.String() != text) {
			t.Errorf("%q: %+v, %v", text, hold, err)
		}
	})
}

func TestHoldFits(t *testing.T) {
	hold := plan.Hold{Version: "7", Against: []string{digestA, digestB}}
	room := plan.MaxDescription - len(hold.String()) - len(" | was: ")
	hold.Was = strings.Repeat("x", room)
	if !hold.Fits() {
		t.Error("one of 256 characters does not fit")
	}
	hold.Was += "x"
	if hold.Fits() {
		t.Error("one of 257 characters fits")
	}
	hold.Was = strings.Repeat("😀", room/2+1) // two characters each where Lambda counts
	if hold.Fits() {
		t.Error("one of 257 UTF-16 units fits")
	}
}

// The digest moves with what the function is made, and with nothing else.
func TestDesiredDigest(t *testing.T) {
	base := desired(revision1, config(nil), nil)
	// As api/SPEC.md has it, on holds that are written already.
	if got, want := base.Digest(), "Oe7bxMRtyQNlrj7sGyNh0A"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	same := []func(*v1alpha1.SealedConfig){
		func(c *v1alpha1.SealedConfig) { c.Spec.Suspend = true },
		func(c *v1alpha1.SealedConfig) { c.Spec.DriftPolicy = v1alpha1.DriftReport },
		func(c *v1alpha1.SealedConfig) { c.Spec.Environment = maps.Clone(c.Spec.Environment) },
	}
	for i, edit := range same {
		if got := desired(revision2, config(edit), nil).Digest(); got != base.Digest() {
			t.Errorf("%d: another digest", i)
		}
	}
	seen := map[string]int{base.Digest(): -1}
	other := []func(*v1alpha1.SealedConfig){
		func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["API_TOKEN"] = "sealed x" },
		func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" },
		func(c *v1alpha1.SealedConfig) { c.Spec.Environment = map[string]string{"LOG_LEVEL": "", "X": "info"} },
		func(c *v1alpha1.SealedConfig) {
			c.Spec.Environment = map[string]string{"LOG_LEVEL": "\"\nenv X=\"info"}
		},
		func(c *v1alpha1.SealedConfig) { c.Spec.EnvironmentRemoved = []string{"OLD"} },
		func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "other" },
		func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
		func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.KMSKey = "alias/other" },
	}
	for i, edit := range other {
		got := desired(revision1, config(edit), nil).Digest()
		if j, known := seen[got]; known || len(got) != 22 {
			t.Errorf("%d: the digest of %d, %q", i, j, got)
		}
		seen[got] = i
	}
}

func TestDecideHeld(t *testing.T) {
	c := config(nil)
	d := desired(revision1, c, c)
	const message = "held at version 5 (it is slow), until a commit changes what this config wants, or `sealift rollback --resume payments/hello`"
	tests := []struct {
		name        string
		description string
		edit        func(*v1alpha1.SealedConfig)
		version     string // that the alias names
		held        bool
		lines       []string
		ready       string
	}{
		{name: "somebody's own text", description: "live", lines: []string{"change alias live: version 5 is not what was applied → published again"}},
		{
			name: "stands", description: "sealift: held at version 5 against " + d.Digest() + "; it is slow | was: x", held: true,
			lines: []string{"keep alias live: " + message}, ready: "False Held: " + message,
		},
		{
			name: "stands for the second digest", description: "sealift: held at version 5 against " + digestA + "," + d.Digest() + "; it is slow", held: true,
			lines: []string{"keep alias live: " + message}, ready: "False Held: " + message,
		},
		{
			name: "stands though somebody moved the alias on", description: "sealift: held at version 5 against " + d.Digest() + "; it is slow", version: "4", held: true,
			lines: []string{"keep alias live: " + strings.Replace(message, ", until", ", and moved to version 4 by somebody else, until", 1)},
		},
		{
			name: "ended by git", description: "sealift: held at version 5 against " + d.Digest(), edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" },
			lines: []string{"change env LOG_LEVEL: info → debug", "keep package : unchanged: no upload, no data key", "change alias live: version 5 → a new version; the hold at version 5 ends"},
		},
		{
			name: "ended by git though all is as wanted", description: "sealift: held at version 6 against " + digestA, version: "6",
			lines: []string{"change alias live: version 6 → a new version; the hold at version 6 ends"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			obs := applied(d)
			old := *obs.Live
			old.Version, old.CodeSHA256 = "5", otherSHA
			if test.version != "6" {
				obs.Live = &old
			}
			obs.Alias.Version, obs.Alias.Description = "5", test.description
			if test.version != "" {
				obs.Alias.Version = test.version
			}
			want := desired(revision2, config(test.edit), c)
			p, err := plan.Decide(want, obs, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.lines, lines(p)); diff != "" || p.InSync() != test.held || (p.Held != nil) != test.held {
				t.Errorf("in sync %t, held %v (-want +got):\n%s", p.InSync(), p.Held, diff)
			}
			if ready := plan.StatusOf(p, nil, now).Conditions[0]; test.ready != "" && string(ready.Status)+" "+ready.Reason+": "+ready.Message != test.ready {
				t.Errorf("Ready=%s %s: %s", ready.Status, ready.Reason, ready.Message)
			}
		})
	}
}

func TestDecideInvalidHold(t *testing.T) {
	c := config(nil)
	obs := applied(desired(revision1, c, c))
	obs.Alias.Description = "sealift: held, I think"
	_, err := plan.Decide(desired(revision1, c, c), obs, nil, now)
	want := `alias live of us-east-2/hello: the description begins with "sealift: held" and is not a hold (InvalidHold)`
	if err == nil || err.Error() != want || plan.ClassOf(err) != plan.Stalled {
		t.Errorf("%v", err)
	}
}
