package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":              "module example.com/m\n\ngo 1.26\n",
		"testdata/x_test.go":  "func FuzzOfAnother(f *testing.F) {}\n",
		"some/x_test.go":      "package x\nimport \"testing\"\nfunc FuzzGood(f *testing.F) { f.Fuzz(func(t *testing.T, n int) {}) }\nfunc FuzzBad(f *testing.F) { f.Fuzz(func(t *testing.T, n int) { if n != 0 { t.Error(\"it broke\") } }) }\n",
		"some/more/x_test.go": "package x\nimport \"testing\"\nfunc FuzzOther(f *testing.F) { f.Fuzz(func(t *testing.T, s string) {}) }\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"all":     {[]string{"-list"}, 0, `^\./some FuzzGood\n\./some FuzzBad\n\./some/more FuzzOther\n3 targets, 0 broken\n$|^\./some/more FuzzOther\n\./some FuzzGood\n\./some FuzzBad\n3 targets, 0 broken\n$`},
		"good":    {[]string{"-time", "1s", "FuzzG*"}, 0, `^\./some FuzzGood +[1-9][0-9]* inputs\n1 targets, 0 broken\n$`},
		"broken":  {[]string{"-time", "5s", "FuzzBad"}, 1, `(?s)^\./some FuzzBad +[0-9]+ inputs  BROKEN\n.*it broke.*\n1 targets, 1 broken\n$`},
		"no such": {[]string{"FuzzX"}, 2, `^fuzz: no such fuzz target\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			status := run(t.Context(), append([]string{"-C", root}, test.args...), &out, &out)
			if status != test.status || !regexp.MustCompile(test.want).MatchString(out.String()) {
				t.Errorf("status %d and\n%s", status, out.String())
			}
		})
	}
}
