package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/v1alpha1"
)

// seeds are tails of a manifest.
func seeds(sealed string) []string {
	return []string{
		"",
		"  sealed: {AA: " + sealed + "}\n",
		"  sealed:\n    AA: '" + sealed + "' # c\n  suspend: true",
		"  sealed:\r\n    BB: |+\r\n      x\r\n\r\n",
		"  sealed: {}\n", "  sealed: ~ # c\n", "  sealed:", "  sealed: {\n  # c\n  }",
		"  sealed: {BB: , AA: \"x\\\"\", }\n",
		"  environment:\n    AB: a\n      b\n    CD: >-\n      x\n\n      y\n",
		"  environment: {AB: &x y, CD: *x, <<: z, EF: !t u, GH: 1, IJ: yes}\n",
		"  bundle: {kmsKey: alias/x, maxAge: 2h}\n",
		"  ? sealed\n  : ? AA\n    : x\n", "  environment: {AB: x, IJ: yes}\n", "  sealed:\n    AA: plain # c\n    BB: x\n", "  sealed: {AA: plain  , BB: x}\n", "  suspend: TRUE\n", "  driftPolicy: report\n",
		"---\n...\n", "\t", "  \"\\u202e\": [{\n",
	}
}

// FuzzDecode checks that nothing panics, that what is accepted means the same to the
// YAML reader of the Kubernetes tools and when it is written out and read again, and
// that no error repeats what stands under spec.sealed.
func FuzzDecode(f *testing.F) {
	const canary = "Tr0ub4dor-and-3"
	sealed := seal(f, "payments", "hello", "AA")
	for _, tail := range seeds(sealed) {
		f.Add(valid + tail)
	}
	f.Fuzz(func(t *testing.T, text string) {
		config, err := v1alpha1.Decode("m.yaml", []byte(text))
		if err != nil {
			checkError(t, err)
			hidden := strings.ReplaceAll(text, sealed, canary) + "\n  sealed: {ZZ: " + canary + "}\n"
			if _, err := v1alpha1.Decode("m.yaml", []byte(hidden)); err != nil && strings.Contains(err.Error(), canary) && !strings.Contains(text, canary) {
				t.Errorf("the error repeats a value: %v", err)
			}
			return
		}
		other := &v1alpha1.SealedConfig{}
		if err := yaml.UnmarshalStrict([]byte(text), other); err != nil {
			t.Fatalf("another reader refuses it: %v", err)
		}
		v1alpha1.Default(other)
		if diff := cmp.Diff(config, other); diff != "" {
			t.Errorf("another reader sees another config (-ours +theirs)\n%s", diff)
		}
		config.Spec.Function.Account = ""
		again, err := v1alpha1.Decode("m.yaml", []byte(asciiJSON(t, config)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("written and read again (-before +after)\n%s", diff)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	faults := v1alpha1.Errors(nil)
	if !errors.Is(err, v1alpha1.ErrOtherKind) && (!errors.As(err, &faults) || len(faults) == 0) {
		t.Errorf("got %#v, want Errors or ErrOtherKind", err)
	}
	for _, fault := range faults {
		if strings.ContainsAny(fault.Error(), "\n\r\x1b\u202e") {
			t.Errorf("an error of more than a line: %q", fault.Error())
		}
	}
}

// asciiJSON writes a config as JSON in which characters beyond ASCII are YAML escapes.
func asciiJSON(t *testing.T, config *v1alpha1.SealedConfig) string {
	t.Helper()
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range string(encoded) {
		if r < 0x20 || r > 0x7e {
			fmt.Fprintf(&b, `\U%08x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// FuzzSetSealed checks that an edit changes one name under spec.sealed, as another YAML
// reader sees it, and no byte elsewhere.
func FuzzSetSealed(f *testing.F) {
	old, value := seal(f, "payments", "hello", "AA"), seal(f, "payments", "hello", "AA")
	for _, tail := range seeds(old) {
		f.Add(valid, tail)
	}
	f.Add("{\"apiVersion\": \"sealift.dev/v1alpha1\", metadata: {name: hello, namespace: payments}, spec: {", "sealed: }}")
	f.Fuzz(func(t *testing.T, head, tail string) {
		data := head + tail
		got, err := v1alpha1.SetSealed([]byte(data), map[string]string{"AA": value})
		if err != nil {
			return
		}
		before, after := generic(t, data), generic(t, string(got))
		spec := before["spec"].(map[string]any)
		had, _ := spec["sealed"].(map[string]any)
		now := after["spec"].(map[string]any)["sealed"].(map[string]any)
		if now["AA"] != value {
			t.Error("the value is not set")
		}
		_, replaced := had["AA"]
		was, _ := had["AA"].(string)
		delete(had, "AA")
		delete(now, "AA")
		if len(had)+len(now) > 0 {
			if diff := cmp.Diff(had, now); diff != "" {
				t.Errorf("other sealed values (-before +after)\n%s", diff)
			}
		}
		delete(spec, "sealed")
		delete(after["spec"].(map[string]any), "sealed")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
		checkBytes(t, data, string(got), value, replaced, len(had) > 0)
		if was != "" && !strings.ContainsAny(was, "\n\\'\"") && len(strings.Split(data, was)) == 2 {
			checkReplaced(t, data, string(got), was, value)
		}
	})
}

// checkReplaced checks that a value that stands in one place of a file, as it is, is all
// that is replaced, but for quotes around it.
func checkReplaced(t *testing.T, before, after, was, value string) {
	t.Helper()
	head, tail, _ := strings.Cut(before, was)
	bare := strings.NewReplacer(`"`, "", "'", "")
	if bare.Replace(after) != bare.Replace(head+value+tail) {
		t.Errorf("more than the value changed:\n%q\n%q", before, after)
	}
}

func generic(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

// checkBytes compares the bytes around a value: a replaced one stands between what was
// around the old one, and where a name is added to others nothing is taken away.
func checkBytes(t *testing.T, before, after, value string, replaced, others bool) {
	t.Helper()
	head, tail, _ := strings.Cut(after, value)
	switch {
	case replaced:
		if !strings.HasPrefix(before, strings.TrimRight(head, `"' `)) || !strings.HasSuffix(before, strings.TrimLeft(tail, `"'`)) {
			t.Errorf("bytes around the value changed:\n%q\n%q", before, after)
		}
	case others:
		if tail = strings.TrimLeft(tail, `"'`); !strings.HasSuffix(before, tail) || !strings.HasPrefix(after, strings.TrimSuffix(before, tail)) {
			t.Errorf("bytes around the value changed:\n%q\n%q", before, after)
		}
	}
}
