package envelope_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/envelope"
)

const canary = "SEALIFTCANARY-7f3a"

// verbs are all that package fmt knows, with the flags that change what it prints.
var verbs = []string{"%v", "%+v", "%#v", "%T", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%g", "%t", "%p", "%w", "%20s", "%.3s", "%-5v", "%z"}

type holder struct {
	Exported envelope.Secret
	hidden   envelope.Secret
	Pointer  *envelope.Secret
	List     []envelope.Secret
	Map      map[string]envelope.Secret
	Any      any
	inner    struct{ hidden any }
}

func newHolder() *holder {
	s := text(canary)
	h := &holder{Exported: s, hidden: s, Pointer: &s, List: []envelope.Secret{s}, Map: map[string]envelope.Secret{"k": s}, Any: s}
	h.inner.hidden = s
	return h
}

// assertHidden looks for the canary as text, as hexadecimal, and as the numbers
// of its bytes.
func assertHidden(t *testing.T, how, printed string) {
	t.Helper()
	numbers := strings.Trim(fmt.Sprint([]byte(canary)[:4]), "[]")
	for _, leak := range []string{canary, hex.EncodeToString([]byte(canary)), fmt.Sprintf("%X", canary), numbers, canary[:8]} {
		if strings.Contains(printed, leak) {
			t.Errorf("%s printed %s", how, printed)
		}
	}
}

func TestSecretPrintsRedacted(t *testing.T) {
	s := text(canary)
	for _, verb := range verbs {
		printed := fmt.Sprintf(verb, s)
		if printed != "[redacted]" && verb != "%T" && verb != "%p" && verb != "%w" {
			t.Errorf("%s printed %s", verb, printed)
		}
		for _, v := range []any{s, &s, []envelope.Secret{s}, [1]envelope.Secret{s}, map[string]envelope.Secret{"k": s},
			newHolder(), *newHolder(), []any{newHolder()}, struct{ s envelope.Secret }{s}, struct{ s *envelope.Secret }{&s}} {
			assertHidden(t, fmt.Sprintf("%s of %T", verb, v), fmt.Sprintf(verb, v))
		}
	}
	for how, printed := range map[string]string{
		"String": s.String(), "GoString": s.GoString(), "Sprint": fmt.Sprint(s), "Sprintln": strings.TrimSpace(fmt.Sprintln(s)), "Errorf": fmt.Errorf("%v", s).Error(),
	} {
		if printed != "[redacted]" {
			t.Errorf("%s printed %s", how, printed)
		}
	}
}

func TestSecretEncodesRedacted(t *testing.T) {
	encoders := []struct {
		name   string
		encode func(any) ([]byte, error)
	}{
		{name: "json", encode: json.Marshal},
		{name: "yaml v3", encode: yaml.Marshal},
		{name: "sigs yaml", encode: k8syaml.Marshal},
		{name: "slog text", encode: func(v any) ([]byte, error) {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			return out.Bytes(), nil
		}},
		{name: "slog json", encode: func(v any) ([]byte, error) {
			var out bytes.Buffer
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			return out.Bytes(), nil
		}},
		{name: "template", encode: func(v any) ([]byte, error) {
			var out bytes.Buffer
			err := template.Must(template.New("t").Parse(`{{.}} {{printf "%s %v %x" . . .}}`)).Execute(&out, v)
			return out.Bytes(), err
		}},
	}
	for _, e := range encoders {
		t.Run(e.name, func(t *testing.T) {
			for _, v := range []any{text(canary), newHolder(), map[string]any{"secret": text(canary)}, []envelope.Secret{text(canary)}} {
				out, err := e.encode(v)
				if err != nil {
					t.Fatalf("%T: %v", v, err)
				}
				if !strings.Contains(string(out), "[redacted]") {
					t.Errorf("%T became %s", v, out)
				}
				assertHidden(t, e.name, string(out))
			}
		})
	}
	out, err := xml.Marshal(text(canary))
	if err != nil || !strings.Contains(string(out), "[redacted]") {
		t.Errorf("xml: %s, %v", out, err)
	}
}

func TestSecretIsOwned(t *testing.T) {
	data := []byte(canary)
	s := envelope.NewSecret(data)
	copied := s
	if &s.Reveal()[0] != &data[0] {
		t.Error("NewSecret copied the plaintext, of which nobody wipes the first")
	}
	s.Wipe()
	if !bytes.Equal(data, make([]byte, len(canary))) || !bytes.Equal(copied.Reveal(), data) {
		t.Error("Wipe left plaintext behind")
	}
	var zero envelope.Secret
	zero.Wipe()
	if zero.Reveal() != nil || fmt.Sprint(zero) != "[redacted]" {
		t.Error("the zero Secret is not empty")
	}
}

// TestKeysPrintRedacted makes sure of the same for the two other holders of key
// material.
func TestKeysPrintRedacted(t *testing.T) {
	key := &envelope.DataKey{KeyID: keyARN, Plaintext: []byte(canary + canary)[:32], Wrapped: []byte{1}}
	want := "data key of " + keyARN + " [redacted]"
	if got := key.String(); got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	encoded, err := json.Marshal(map[string]any{"pointer": key, "value": *key})
	if err != nil {
		t.Fatal(err)
	}
	assertHidden(t, "json", string(encoded))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "pointer", key, "value", *key)
	assertHidden(t, "slog", log.String())
	for _, verb := range verbs {
		if verb == "%p" || verb == "%w" { // no methods are called for these: go vet refuses both
			continue
		}
		assertHidden(t, verb, fmt.Sprintf(verb, key)+fmt.Sprintf(verb, *key))
	}
	sealer, err := envelope.NewOnlineSealer(strings.NewReader(""), "payments", "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range verbs {
		assertHidden(t, verb, fmt.Sprintf(verb, sealer)+fmt.Sprintf(verb, *sealer))
	}
}
