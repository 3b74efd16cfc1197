package cli_test

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// badManifest is a manifest with what is given at each field.
const badManifest = `apiVersion: sealift.dev/v1alpha1
kind: SealedConfig
metadata:
  name: hello
  namespace: payments
spec:
  function:
    name: hello
    region: us-east-2
    alias: live
  package:
    path: ../functions/hello
  bundle:
    kmsKey: alias/sealift-bundle
    path: sealed-config.jwe
    maxAge: 720h
  driftPolicy: Correct
  interval: 5m
  environment:
    LOG_LEVEL: info
`

// badFields are lines of badManifest with a text.
func badFields() []string {
	return []string{"  name: hello\n", "  namespace: payments\n", "    region: us-east-2\n", "    alias: live\n", "    path: ../functions/hello\n", "    kmsKey: alias/sealift-bundle\n", "    path: sealed-config.jwe\n", "    LOG_LEVEL: info\n"}
}

// value puts another value at a field.
func badValue(field, value string) string {
	name, _, _ := strings.Cut(field, ":")
	return strings.Replace(badManifest, field, name+": "+value+"\n", 1)
}

// manifests are faults of manifests apart from sealed values.
func (m *badMaker) manifests() {
	for _, field := range badFields() {
		add := func(fault, cause, value string) { m.add("manifest", fault, cause, badValue(field, value)) }
		add("anchor", "aliases and anchors are not allowed", "&a x")
		add("alias", "aliases and anchors are not allowed", "*a")
		add("tag", "tags are not allowed", "!!str x")
		add("tag of a program", "tags are not allowed", "!!python/object/apply:os.system [x]")
		add("integer", "a number where text is wanted", "7")
		add("float", "a number where text is wanted", ".inf")
		add("hexadecimal", "a number where text is wanted", "0x1F")
		add("boolean", "a boolean where text is wanted", "true")
		add("YAML 1.1 boolean", "other YAML readers take for a boolean", "yes")
		add("date", "a date where text is wanted", "2026-01-01")
		add("null", "no value", "~")
		add("mapping for text", "a mapping where text is wanted", "{a: b}")
		add("list for text", "a list where text is wanted", "[a]")
		add("bidirectional text", "bidirectional control character", "\"\u202egnp.exe\"")
		add("control character", "control character", "\"\x1b[2J\"")
		add("line separator", "Unicode line break", "\"a\u2028b\"")
		add("open quote", "not valid YAML", "\"open")
		name := strings.TrimSpace(field[:strings.IndexByte(field, ':')])
		m.add("manifest", "field twice", "given twice, first on line", strings.Replace(badManifest, field, field+field, 1))
		if name != "LOG_LEVEL" {
			m.add("manifest", "wrong case", "unknown field", strings.Replace(badManifest, field, strings.Replace(field, name, strings.ToUpper(name), 1), 1))
			m.add("manifest", "confusable name", "unknown field", strings.Replace(badManifest, field, strings.NewReplacer("a", "а", "e", "е").Replace(field[:len(name)+4])+field[len(name)+4:], 1))
		}
	}
	m.encodings("manifest", badManifest)
	m.names()
	m.shapes()
}

// encodings are faults of a file's encoding.
func (m *badMaker) encodings(door, text string) {
	var little, big strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		little.Write([]byte{byte(unit), byte(unit >> 8)})
		big.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	m.add(door, "UTF-16", "not UTF-8|NUL", "\xff\xfe"+little.String(), "\xfe\xff"+big.String(), little.String(), big.String())
	m.add(door, "byte order mark", "byte order mark", "\ufeff"+text)
	m.add(door, "invalid UTF-8", "not UTF-8", text+"# \xff\n", text+"# \xc0\xaf\n", text+"# \xed\xa0\x80\n", text+"# caf\xe9\n", "# \xf5\x80\x80\x80\n"+text)
	m.add(door, "NUL", "NUL", text+"# \x00\n", text+"\x00")
	m.add(door, "control character in a comment", "control character", text+"# \x1b]0;x\x07\n", text+"# \x7f\n", text+"# \u009b\n")
	m.add(door, "carriage return", "carriage return without line feed", text+"# a\rb\n", strings.ReplaceAll(text, "\n", "\r"))
	m.add(door, "bidirectional comment", "bidirectional control character", text+"# \u202e\n", text+"# \u2066x\u2069\n", text+"# \u200f\n")
	m.add(door, "line break that editors do not show", "Unicode line break", text+"# a\u0085b\n", text+"# a\u2029b\n")
}

// names are values out of form.
func (m *badMaker) names() {
	add := func(field int, fault, cause string, values ...string) {
		for _, value := range values {
			m.add("manifest", fault, cause, badValue(badFields()[field], value))
		}
	}
	add(0, "name out of form", "want lower-case letters", "Hello", "-a", "a_b", "a..b", `"a/../b"`, `"hello\n"`, "héllo", "hеllo", strings.Repeat("a", 254), `"a b"`)
	add(1, "namespace out of form", "want lower-case letters", "Pay", "a.b", strings.Repeat("a", 64), `"../x"`, `"payments/x"`)
	add(2, "region out of form", "region", "mars", "US-EAST-2", `"us-east-2 "`, "us-east-2a", `"us-east-2/../x"`, "us_east_2")
	add(3, "alias out of form", "alias", `"7"`, `"a b"`, `"$LATEST"`, strings.Repeat("a", 129), `"live:1"`)
	add(4, "path that leads away", "path", "/etc", `"C:\\x"`, `""`)
	add(5, "key out of form", "key", "alias/aws/lambda", "alias/", `"alias/a b"`, "arn:aws:kms:us-east-2:1:key/x", `"alias/x\n"`)
	add(6, "bundle path out of form", "path", "../x", "/x", "a//b", `"a\\b"`, `"a\u0000b"`, ".")
	for name, values := range map[string][]string{"maxAge: 720h": {"maxAge: -1h", "maxAge: 0h", "maxAge: 1s", "maxAge: 720", "maxAge: 1e9h", "maxAge: 30d", "maxAge: 99999999h"}} {
		for _, value := range values {
			m.add("manifest", "duration", "maxAge", strings.Replace(badManifest, name, value, 1))
		}
	}
	for _, value := range []string{"-5m", "1ns", "5", "5 m", "１m", "PT5M"} {
		m.add("manifest", "duration", "interval", strings.Replace(badManifest, "interval: 5m", "interval: "+value, 1))
	}
	for _, value := range []string{"correct", "CORRECT", "Ignore"} {
		m.add("manifest", "unknown word", "driftPolicy|no value", strings.Replace(badManifest, "driftPolicy: Correct", "driftPolicy: "+value, 1))
	}
	for _, value := range []string{"scrub", "Delete", "Retain,Scrub"} {
		m.add("manifest", "unknown word", "deletionPolicy|no value", badManifest+"  deletionPolicy: "+value+"\n")
	}
	for _, value := range []string{"0", "4", "1001", "-5", "5.0", "0x10", "1_000", "99999999999999999999"} {
		m.add("manifest", "number out of range", "keepVersions", strings.Replace(badManifest, "    alias: live\n", "    alias: live\n    keepVersions: "+value+"\n", 1))
	}
	for _, name := range []string{"AWS_REGION", "SEALIFT_MARKER", "1A", "\"A B\"", "\"A=B\"", "A-B", "\"\"", "_HANDLER", "LD_PRELOAD\u200b"} {
		m.add("manifest", "variable that none may set", "environment", strings.Replace(badManifest, "LOG_LEVEL", name, 1))
	}
}

// shapes are documents of another shape.
func (m *badMaker) shapes() {
	m.add("manifest", "more than one document", "more than one document", badManifest+"---\n"+badManifest, badManifest+"---\na: b\n", "a: b\n---\n"+badManifest)
	m.add("manifest", "unknown version", "unknown version", strings.Replace(badManifest, "v1alpha1", "v1beta1", 1), strings.Replace(badManifest, "v1alpha1", "v1", 1), strings.Replace(badManifest, "/v1alpha1", "/", 1))
	m.add("manifest", "unknown kind", "unknown kind", strings.Replace(badManifest, "SealedConfig", "sealedconfig", 1), strings.Replace(badManifest, "SealedConfig", "Secret", 1))
	m.add("manifest", "group in another case", "unknown version|unknown field", strings.Replace(badManifest, "sealift.dev", "Sealift.Dev", 1), strings.Replace(badManifest, "apiVersion", "apiversion", 1))
	m.add("manifest", "another tool's file", "not a sealift manifest", "apiVersion: v1\nkind: Secret\n", "- a\n- b\n", "", "text", "\x00\x01\x02", "kind: [", "%YAML 9.9\n---\n{}\n")
	m.add("manifest", "merge key", "merge keys are not allowed", badManifest+"    <<: {A: b}\n", badManifest+"  <<: [{suspend: true}]\n")
	m.add("manifest", "key that is no text", "a name that is not text", badManifest+"    1: x\n", badManifest+"    true: x\n", badManifest+"    ~: x\n", badManifest+"    ? [a]\n    : x\n", badManifest+"    2026-01-01: x\n")
	m.add("manifest", "key that others read differently", "boolean or a number|a name that is not text", badManifest+"    y: x\n", badManifest+"    no: x\n", badManifest+"    0o7: x\n")
	m.add("manifest", "unknown field", "unknown field", badManifest+"  sealedd: {}\n", badManifest+"  secrets: {A: "+badCanary+"}\n", badManifest+"extra: "+badCanary+"\n", badManifest+"  function.name: x\n", badManifest+"  __proto__: {}\n")
	m.add("manifest", "undefined anchor", "aliases and anchors", badManifest+"  suspend: *x\n")
	m.add("manifest", "anchor on itself", "aliases and anchors|not valid YAML", badManifest+"  sealed: &a {A: *a}\n")
	var bomb strings.Builder
	bomb.WriteString("  a: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 30 {
		fmt.Fprintf(&bomb, "  a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i+1, i, i, i, i, i, i, i, i, i)
	}
	m.add("manifest", "billion laughs", "aliases and anchors", badManifest+bomb.String(), strings.ReplaceAll(badManifest, "  environment:\n", bomb.String()+"  environment:\n"))
	m.recipe("manifest", "merge bomb", "aliases and anchors", pieceOf(badManifest+"    A: &a {B: c}\n"), piece{Text: "    <<: [*a, *a, *a, *a, *a, *a, *a, *a]\n", Times: 1000})
	for _, open := range []string{"[", "{a: ", "- ", "? "} {
		for _, times := range []int{20, 200, 20_000} {
			m.recipe("manifest", "depth", "nested deeper|not valid YAML|want |name that is not text|other YAML readers|cannot|may not|NAME", pieceOf(badManifest+"  sealed:\n    A: "), piece{Text: open, Times: times}, pieceOf("\n"))
		}
	}
	m.recipe("manifest", "indentation without end", "unknown field", pieceOf(badManifest), piece{Text: "  a:\n"}, piece{Text: " ", Times: 100_000}, pieceOf("b: c\n"))
	m.recipe("manifest", "oversize", "larger than", pieceOf(badManifest+"# "), piece{Text: "x", Times: 9 << 20})
	m.recipe("manifest", "oversize", "larger than", pieceOf(badManifest), piece{Text: "\n", Times: 9 << 20})
	m.recipe("manifest", "oversize", "larger than", piece{Base64: "AA==", Times: 9 << 20}, pieceOf(badManifest))
	m.recipe("manifest", "long scalar", "environment|bytes|characters", pieceOf(badManifest+"    B: "), piece{Text: "x", Times: 1 << 20}, pieceOf("\n"))
	m.recipe("manifest", "many variables", "environment|more errors", pieceOf(badManifest), piece{Text: "    B: x\n", Times: 20_000})
	m.recipe("manifest", "many unknown fields", "more errors", pieceOf(badManifest), piece{Text: "  \"\\e\": x\n", Times: 20_000})
	m.add("manifest", "escape that is none", "not valid YAML", badManifest+"    B: \"\\q\"\n", badManifest+"    B: \"\\xZZ\"\n", badManifest+"    B: \"\\ud800\"\n", badManifest+"    B: \"\\UFFFFFFFF\"\n")
	m.add("manifest", "escape that hides", "environment|control|text", badManifest+"    B: \"\\0\"\n")
	m.add("manifest", "tab", "not valid YAML", badManifest+"\tB: x\n", strings.Replace(badManifest, "  name", "\tname", 1))
	m.add("manifest", "directive", "not valid YAML|tags|aliases|more than one|not a sealift", "%YAML 3.0\n---\n"+badManifest, "%TAG ! tag:x,2026:\n---\n"+strings.Replace(badManifest, "name: hello", "name: !x hello", 1))
}
