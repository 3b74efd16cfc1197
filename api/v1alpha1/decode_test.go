package v1alpha1_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestDecode(t *testing.T) {
	password := seal(t, "payments", "hello", "DB_PASSWORD")
	text := `---
# A comment.
apiVersion: sealift.dev/v1alpha1
kind: SealedConfig
metadata:
  name: hello
  namespace: payments
  labels: {app.kubernetes.io/name: hello}
  annotations: {example.com/Owner: "the payments team"}
spec:
  function:
    name: arn:aws:lambda:us-east-2:111122223333:function:hello
    alias: live
    keepVersions: 20
  package:
    path: ./../functions/hello/
    exclude: ["hello.json", "*.test.js"]
  bundle:
    kmsKey: alias/sealift-bundle
    delivery: layer
    path: config/sealed.jwe
    maxAge: 720h
  environment:
    LOG_LEVEL: info
    "NO": "no"
    TEXT: |
      two
      lines
    ESCAPED: "\u202e\t"
    EMPTY: ""
  sealed:
    DB_PASSWORD: ` + password + `
  interval: 90s
  driftPolicy: Report
  deletionPolicy: Scrub
  suspend: true
`
	want := &v1alpha1.SealedConfig{
		TypeMeta: metav1.TypeMeta{APIVersion: "sealift.dev/v1alpha1", Kind: "SealedConfig"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "hello", Namespace: "payments",
			Labels:      map[string]string{"app.kubernetes.io/name": "hello"},
			Annotations: map[string]string{"example.com/Owner": "the payments team"},
		},
		Spec: v1alpha1.SealedConfigSpec{
			Function: v1alpha1.FunctionSpec{Name: "hello", Account: "111122223333", Region: "us-east-2", Alias: "live", KeepVersions: new(int32(20))},
			Package:  &v1alpha1.PackageSpec{Path: "../functions/hello", Exclude: []string{"hello.json", "*.test.js"}},
			Bundle: v1alpha1.BundleSpec{
				KMSKey: "alias/sealift-bundle", Delivery: v1alpha1.DeliveryLayer, Path: "config/sealed.jwe", Format: v1alpha1.FormatJWE, MaxAge: &metav1.Duration{Duration: 720 * time.Hour},
			},
			Environment: map[string]string{
				"LOG_LEVEL": "info", "NO": "no", "TEXT": "two\nlines\n", "ESCAPED": "\u202e\t", "EMPTY": "",
			},
			Sealed:      map[string]string{"DB_PASSWORD": password},
			Interval:    &metav1.Duration{Duration: 90 * time.Second},
			DriftPolicy: v1alpha1.DriftReport, DeletionPolicy: v1alpha1.DeletionScrub,
			Suspend: true,
		},
	}
	for name, text := range map[string]string{"LF": text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n")} {
		got, err := v1alpha1.Decode("m.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestDecodeFillsDefaults(t *testing.T) {
	text := "{apiVersion: sealift.dev/v1alpha1, kind: SealedConfig, metadata: {name: hello}, spec: {function: {name: hello}, package: {path: .}, bundle: , environment: ~, sealed: null}}"
	got, err := v1alpha1.Decode("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.SealedConfig{
		TypeMeta:   metav1.TypeMeta{APIVersion: "sealift.dev/v1alpha1", Kind: "SealedConfig"},
		ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: "default"},
		Spec: v1alpha1.SealedConfigSpec{
			Function: v1alpha1.FunctionSpec{Name: "hello"},
			Package:  &v1alpha1.PackageSpec{Path: "."},
			Bundle:   v1alpha1.BundleSpec{Delivery: v1alpha1.DeliveryPackage, Path: "sealed-config.jwe", Format: v1alpha1.FormatJWE},
			Interval: &metav1.Duration{Duration: 5 * time.Minute}, DriftPolicy: v1alpha1.DriftCorrect, DeletionPolicy: v1alpha1.DeletionRetain,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeReportsForm(t *testing.T) {
	tests := []struct {
		name string
		file string // m.yaml if empty
		text string
		want []string
	}{
		{name: "unknown field", text: valid + "  delivery: layer\n", want: []string{"m.yaml:7: spec.delivery: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend"}},
		{name: "misspelt field", text: valid + "  enviroment: {}\n", want: []string{"m.yaml:7: spec.enviroment: unknown field; did you mean environment?"}},
		{name: "wrong case", text: valid + "  bundle: {KmsKey: alias/x}\n", want: []string{"m.yaml:7: spec.bundle.KmsKey: unknown field; did you mean kmsKey?"}},
		{name: "wrong case of apiVersion", text: swap(t, "apiVersion", "apiversion"), want: []string{
			"m.yaml:1: apiVersion: required; want sealift.dev/v1alpha1",
			"m.yaml:1: apiversion: unknown field; did you mean apiVersion?",
		}},
		{name: "wrong case of the group", text: swap(t, "sealift.dev", "Sealift.dev"), want: []string{"m.yaml:1: apiVersion: unknown version; want sealift.dev/v1alpha1"}},
		{name: "status", text: valid + "status: {}\n", want: []string{"m.yaml:7: status: unknown field; want one of apiVersion, kind, metadata, spec"}},
		{name: "metadata of a cluster", text: swap(t, "name: hello, n", "uid: x, name: hello, n"), want: []string{"m.yaml:3: metadata.uid: unknown field; want one of annotations, labels, name, namespace"}},
		{name: "unknown name that is no name", text: valid + "  \"a\\u202eb\": x\n", want: []string{"m.yaml:7: spec: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend"}},
		{name: "duplicate field", text: valid + "  suspend: true\n  suspend: false\n", want: []string{"m.yaml:8: spec.suspend: given twice, first on line 7"}},
		{name: "duplicate variable", text: valid + "  environment:\n    AB: x\n    AB: y\n", want: []string{"m.yaml:9: spec.environment.AB: given twice, first on line 8"}},
		{name: "duplicate in other quotes", text: valid + "  environment: {AB: x, \"AB\": y}\n", want: []string{"m.yaml:7: spec.environment.AB: given twice, first on line 7"}},
		{name: "anchor and alias", text: valid + "  environment:\n    AB: &x y\n    CD: *x\n", want: []string{
			"m.yaml:8: spec.environment.AB: YAML aliases and anchors are not allowed; write the value out",
			"m.yaml:9: spec.environment.CD: YAML aliases and anchors are not allowed; write the value out",
		}},
		{name: "alias to nothing", text: valid + "  environment:\n    AB: *hunter2\n", want: []string{"m.yaml:8: YAML aliases and anchors are not allowed; write the value out"}},
		{name: "alias as apiVersion", text: "x: &v sealift.dev/v1alpha1\napiVersion: *v\n", want: []string{
			"m.yaml:1: kind: required; want SealedConfig",
			"m.yaml:1: metadata.name: required",
			"m.yaml:1: spec.function.name: required",
			"m.yaml:1: x: YAML aliases and anchors are not allowed; write the value out",
			"m.yaml:1: x: unknown field; want one of apiVersion, kind, metadata, spec",
			"m.yaml:2: apiVersion: YAML aliases and anchors are not allowed; write the value out",
		}},
		{name: "merge key", text: valid + "  environment:\n    <<: {AB: x}\n", want: []string{"m.yaml:8: spec.environment: YAML merge keys are not allowed; write the fields out"}},
		{name: "explicit tag", text: valid + "  environment:\n    AB: !!str 5\n", want: []string{"m.yaml:8: spec.environment.AB: YAML tags are not allowed; remove the tag and put text in quotes"}},
		{name: "custom tag", text: valid + "  environment:\n    AB: !env x\n    CD: ! y\n", want: []string{
			"m.yaml:8: spec.environment.AB: YAML tags are not allowed; remove the tag and put text in quotes",
			"m.yaml:9: spec.environment.CD: YAML tags are not allowed; remove the tag and put text in quotes",
		}},
		{name: "tag with a handle", text: "%TAG ! tag:example.com,2000:\n---\n" + valid + "  suspend: !x true\n", want: []string{"m.yaml:9: spec.suspend: YAML tags are not allowed; remove the tag and put text in quotes"}},
		{name: "tag on a name", text: valid + "  environment: {!!str AB: x}\n", want: []string{"m.yaml:7: spec.environment.AB: YAML tags are not allowed; remove the tag and put text in quotes"}},
		{name: "binary", text: valid + "  environment: {AB: !!binary aGk=}\n", want: []string{"m.yaml:7: spec.environment.AB: YAML tags are not allowed; remove the tag and put text in quotes"}},
		{name: "number", text: valid + "  environment: {AB: 5, CD: 1.5, EF: 0x10, GH: 0o17, IJ: 1_000}\n", want: []string{
			"m.yaml:7: spec.environment.AB: a number where text is wanted; put it in quotes",
			"m.yaml:7: spec.environment.CD: a number where text is wanted; put it in quotes",
			"m.yaml:7: spec.environment.EF: a number where text is wanted; put it in quotes",
			"m.yaml:7: spec.environment.GH: a number where text is wanted; put it in quotes",
			"m.yaml:7: spec.environment.IJ: a number where text is wanted; put it in quotes",
		}},
		{name: "boolean", text: valid + "  environment: {AB: true}\n", want: []string{"m.yaml:7: spec.environment.AB: a boolean where text is wanted; put it in quotes"}},
		{name: "date", text: valid + "  environment: {AB: 2001-01-01}\n", want: []string{"m.yaml:7: spec.environment.AB: a date where text is wanted; put it in quotes"}},
		{name: "null", text: valid + "  environment: {AB: , CD: ~}\n", want: []string{
			`m.yaml:7: spec.environment.AB: no value; remove it, or write "" for an empty text`,
			`m.yaml:7: spec.environment.CD: no value; remove it, or write "" for an empty text`,
		}},
		{name: "mapping as text", text: valid + "  environment: {AB: {x: y}, CD: [x]}\n", want: []string{
			"m.yaml:7: spec.environment.AB: a mapping where text is wanted",
			"m.yaml:7: spec.environment.CD: a list where text is wanted",
		}},
		{name: "Norway", text: valid + "  environment:\n    AB: y\n    CD: yes\n    EF: no\n    GH: on\n    IJ: Off\n", want: []string{
			"m.yaml:8: spec.environment.AB: text that other YAML readers take for a boolean; put it in quotes",
			"m.yaml:9: spec.environment.CD: text that other YAML readers take for a boolean; put it in quotes",
			"m.yaml:10: spec.environment.EF: text that other YAML readers take for a boolean; put it in quotes",
			"m.yaml:11: spec.environment.GH: text that other YAML readers take for a boolean; put it in quotes",
			"m.yaml:12: spec.environment.IJ: text that other YAML readers take for a boolean; put it in quotes",
		}},
		{name: "Norway as names", text: valid + "  environment:\n    no: x\n    on: x\n    yes: x\n", want: []string{
			"m.yaml:8: spec.environment.no: a name that other YAML readers take for a boolean or a number; put it in quotes",
			"m.yaml:9: spec.environment.on: a name that other YAML readers take for a boolean or a number; put it in quotes",
			"m.yaml:10: spec.environment.yes: a name that other YAML readers take for a boolean or a number; put it in quotes",
		}},
		{name: "sexagesimal and octal", text: valid + "  environment:\n    AB: 1:30\n    CD: 0777\n    EF: 0b11\n", want: []string{
			"m.yaml:9: spec.environment.CD: a number where text is wanted; put it in quotes",
			"m.yaml:10: spec.environment.EF: a number where text is wanted; put it in quotes",
		}},
		{name: "number as name", text: valid + "  environment: {1: x, true: x, ~: x, 1.5: x}\n", want: []string{
			"m.yaml:7: spec.environment: a name that is not text; put it in quotes",
			"m.yaml:7: spec.environment.1: a name that is not text; put it in quotes",
			"m.yaml:7: spec.environment.1.5: a name that is not text; put it in quotes",
			"m.yaml:7: spec.environment.true: a name that is not text; put it in quotes",
		}},
		{name: "mapping as name", text: valid + "  environment:\n    ? {a: b}\n    : x\n    ? [a]\n    : x\n", want: []string{
			"m.yaml:8: spec.environment: a name that is not text",
			"m.yaml:10: spec.environment: a name that is not text",
		}},
		{name: "text as mapping", text: valid + "  bundle: x\n  environment: [x]\n", want: []string{
			"m.yaml:7: spec.bundle: want a mapping of names to values",
			"m.yaml:8: spec.environment: want a mapping of names to values",
		}},
		{name: "text as list", text: swap(t, "path: ../functions/hello", "path: x, exclude: y"), want: []string{"m.yaml:6: spec.package.exclude: want a list"}},
		{name: "wrong items", text: swap(t, "path: ../functions/hello", "path: x, exclude: [1, {a: b}, ok]"), want: []string{
			"m.yaml:6: spec.package.exclude[0]: a number where text is wanted; put it in quotes",
			"m.yaml:6: spec.package.exclude[1]: a mapping where text is wanted",
		}},
		{name: "text as boolean", text: valid + "  suspend: \"true\"\n", want: []string{"m.yaml:7: spec.suspend: want true or false, without quotes"}},
		{name: "yes as boolean", text: valid + "  suspend: yes\n", want: []string{"m.yaml:7: spec.suspend: want true or false, without quotes"}},
		{name: "boolean in another case", text: valid + "  suspend: True\n", want: []string{"m.yaml:7: spec.suspend: want true or false, without quotes"}},
		{name: "hostile file name in a command", file: "$(x) y.yaml", text: valid + "  sealed: {AB: x}\n", want: []string{"$(x) y.yaml:7: spec.sealed.AB: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f FILE AB"}},
		{name: "one fault twice on a line", text: valid + "  sealed: {\"a b\": x, \"c d\": x}\n", want: []string{"m.yaml:7: spec.sealed: not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"}},
		{name: "duration without unit", text: valid + "  bundle: {maxAge: 720}\n", want: []string{"m.yaml:7: spec.bundle.maxAge: want a number with a unit, such as 720h"}},
		{name: "duration that is none", text: valid + "  bundle: {maxAge: a month}\n", want: []string{"m.yaml:7: spec.bundle.maxAge: want a number with a unit, such as 720h"}},
		{name: "spec is a list", text: "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: x}\nspec: []\n", want: []string{"m.yaml:4: spec: want a mapping of names to values"}},
		{name: "nothing else", text: "apiVersion: sealift.dev/v1alpha1\n", want: []string{
			"m.yaml:1: kind: required; want SealedConfig",
			"m.yaml:1: metadata.name: required",
			"m.yaml:1: spec.function.name: required",
		}},
		{name: "kind without apiVersion", text: swap(t, "apiVersion: sealift.dev/v1alpha1\n", ""), want: []string{"m.yaml:1: apiVersion: required; want sealift.dev/v1alpha1"}},
		{name: "unknown version", text: swap(t, "v1alpha1", "v9") + "  unknown: x\n", want: []string{"m.yaml:1: apiVersion: unknown version; want sealift.dev/v1alpha1"}},
		{name: "group without version", text: swap(t, "sealift.dev/v1alpha1", "sealift.dev"), want: []string{"m.yaml:1: apiVersion: unknown version; want sealift.dev/v1alpha1"}},
		{name: "unknown kind", text: swap(t, "SealedConfig", "SealedSecret"), want: []string{"m.yaml:2: kind: unknown kind; want SealedConfig"}},
		{name: "two documents", text: "kind: Other\n---\n" + valid, want: []string{"m.yaml:2: more than one document; want one config in a file, without a second '---'"}},
		{name: "empty second document", text: valid + "---\n", want: []string{"m.yaml:7: more than one document; want one config in a file, without a second '---'"}},
		{name: "two configs", text: valid + "---\n" + valid, want: []string{"m.yaml:7: more than one document; want one config in a file, without a second '---'"}},
		{name: "broken second document", text: valid + "---\na: [\n", want: []string{"m.yaml:9: not valid YAML: did not find expected node content"}},
		{name: "NUL", text: valid + "  # a\x00b\n", want: []string{"m.yaml:7: NUL; a manifest is text"}},
		{name: "control character", text: valid + "\n  # a\x1bb\n", want: []string{"m.yaml:8: control character; write it as an escape in double quotes"}},
		{name: "byte order mark", text: "\ufeff" + valid, want: []string{"m.yaml:1: byte order mark; save the file as UTF-8 without it"}},
		{name: "UTF-16", text: "\xff\xfe" + strings.Join(strings.Split(valid, ""), "\x00") + "\x00", want: []string{"m.yaml:1: not UTF-8; save the file as UTF-8"}},
		{name: "not UTF-8", text: valid + "  # \xff\n", want: []string{"m.yaml:7: not UTF-8; save the file as UTF-8"}},
		{name: "bidirectional control", text: valid + "  environment: {AB: \"\u202ex\"}\n", want: []string{"m.yaml:7: bidirectional control character, which hides what a line says; write it as an escape in double quotes"}},
		{name: "line breaks of YAML alone", text: valid + "  # \u0085\n  # \u2028\n  # \r  suspend: true\n", want: []string{
			"m.yaml:7: Unicode line break, which only YAML readers see; write it as an escape in double quotes",
			"m.yaml:9: carriage return without line feed; end lines with LF or CRLF",
		}},
		{name: "file name with controls", file: "a\x1b\n\u202e.yaml", text: valid + "  x: y\n", want: []string{`"a\x1b\n\u202e.yaml":7: spec.x: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend`}},
		{name: "tab", text: valid + "\tsuspend: true\n", want: []string{"m.yaml:7: not valid YAML: found character that cannot start any token"}},
		{name: "unclosed bracket", text: valid + "  environment: {AB: x\n  suspend: true\n", want: []string{"m.yaml:7: not valid YAML: did not find expected ',' or '}'"}},
		{name: "unclosed quote", text: valid + "  environment: {AB: \"x}\n", want: []string{"m.yaml:7: not valid YAML: found unexpected end of stream"}},
		{name: "bad indentation", text: valid + " suspend: true\n", want: []string{"m.yaml:7: not valid YAML: did not find expected key"}},
		{name: "colon in plain text", text: valid + "  suspend: a: b\n", want: []string{"m.yaml:7: not valid YAML: mapping values are not allowed in this context"}},
		{name: "reserved character", text: valid + "  suspend: @hunter2\n", want: []string{"m.yaml:7: not valid YAML: found character that cannot start any token"}},
		{name: "deep", text: valid + "  environment: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "\n", want: []string{
			"m.yaml:7: spec.environment: want a mapping of names to values",
			"m.yaml:7: spec.environment[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16 levels",
		}},
		{name: "very deep", text: valid + "  environment: " + strings.Repeat("[", 20000) + "\n", want: []string{"m.yaml:7: not valid YAML: exceeded max depth of 10000"}},
		{name: "over 1 MiB", text: valid + "#" + strings.Repeat("x", v1alpha1.MaxManifestSize), want: []string{"m.yaml: larger than 1048576 bytes"}},
		{name: "all at once", text: swap(t, "name: hello, region", "nmae: hello, region") + "  environment:\n    AB: 5\n    AWS_REGION: x\n    CD: yes\n  bundle: {maxAge: 1m}\n", want: []string{
			"m.yaml:5: spec.function.name: required",
			"m.yaml:5: spec.function.nmae: unknown field; did you mean name?",
			"m.yaml:8: spec.environment.AB: a number where text is wanted; put it in quotes",
			"m.yaml:9: spec.environment.AWS_REGION: reserved by AWS Lambda; remove it",
			"m.yaml:10: spec.environment.CD: text that other YAML readers take for a boolean; put it in quotes",
			"m.yaml:11: spec.bundle.maxAge: want at least 1h: every renewal is a new version of the function",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := v1alpha1.Decode(fileOf(test.file), []byte(test.text))
			if faults := (v1alpha1.Errors)(nil); !errors.As(err, &faults) {
				t.Fatalf("got %v, want Errors", err)
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func fileOf(name string) string {
	if name == "" {
		return "m.yaml"
	}
	return name
}

func TestDecodeLeavesOtherFilesAlone(t *testing.T) {
	tests := map[string]string{
		"empty":               "",
		"only a comment":      "# sealift.dev/v1alpha1\n",
		"text":                "hello",
		"list":                "- apiVersion: sealift.dev/v1alpha1\n",
		"null":                "~\n",
		"other group":         "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n",
		"other SealedConfig":  "apiVersion: example.com/v1\nkind: SealedConfig\n",
		"group with a prefix": "apiVersion: x.sealift.dev/v1\nkind: SealedConfig\n",
		"no apiVersion":       "kind: Deployment\n",
		"template":            "{{- if .Values.x }}\nfoo: {{ .y }}\n",
		"binary":              "\x00\x01\x02",
		"documents":           "kind: A\n---\nkind: B\n",
		"large":               strings.Repeat("# x\n", v1alpha1.MaxManifestSize/2),
		"mention in a value":  "apiVersion: v1\ndata: {x: sealift.dev/v1alpha1}\n",
		"odd characters":      "apiVersion: v1\ndata: {x: \"sealift.dev/\u202e\"}\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := v1alpha1.Decode("m.yaml", []byte(text)); !errors.Is(err, v1alpha1.ErrOtherKind) {
				t.Errorf("got %v, want ErrOtherKind", err)
			}
		})
	}
}

func TestTheCRDIsOfAnotherKind(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(crdFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v1alpha1.Decode("crd.yaml", text); !errors.Is(err, v1alpha1.ErrOtherKind) {
		t.Errorf("got %v, want ErrOtherKind", err)
	}
}
