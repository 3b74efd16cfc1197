package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files are a module with a function, its tests and the plants below.
func files() map[string]string {
	const head = "-- sum/sum.go old --\n"
	return map[string]string{
		"go.mod":     "module example.com/m\n\ngo 1.26\n",
		"sum/sum.go": "package sum\n\nfunc Sum(a, b int) int {\n\tc := a + b\n\treturn c\n}\n\nfunc Twice(a int) int {\n\tc := 2 * a\n\treturn c\n}\n",
		"sum/sum_test.go": `package sum_test
import ("testing"; "example.com/m/sum")
func TestSum(t *testing.T) { t.Run("one and two", func(t *testing.T) { if n := sum.Sum(1, 2); n != 3 { t.Errorf("%d is no sum", n) } }) }
func TestTwice(t *testing.T) { if sum.Twice(2) != 4 { t.Error("not twice") } }
`,
		"hack/plants/caught.txtar": "test: ./sum TestSum\nwant: -1 is no sum\n" + head + "a + b\n-- sum/sum.go new --\na - b\n",
		"hack/plants/lines.txtar":  "test: ./sum TestSum/one_and_two\nwant: is no sum\n" + head + "\tc := a + b\n\treturn c\n-- sum/sum.go new --\n\treturn a\n",
		"hack/plants/both.txtar": "Both are wrong.\ntest: ./sum TestSum\ntest: ./sum TestTwice\nwant: is no sum\nwant: not twice\n" +
			head + "a + b\n-- sum/sum.go new --\na * b\n" + head + "2 * a\n-- sum/sum.go new --\n3 * a\n",
		"hack/plants/missed.txtar":    "test: ./sum TestTwice\nwant: is no sum\n" + head + "a + b\n-- sum/sum.go new --\na - b\n",
		"hack/plants/othertext.txtar": "test: ./sum TestSum\nwant: twice\n" + head + "a + b\n-- sum/sum.go new --\na - b\n",
		"hack/plants/build.txtar":     "test: ./sum TestSum\nwant: is no sum\n" + head + "a + b\n-- sum/sum.go new --\na +\n",
		"hack/plants/moved.txtar":     "test: ./sum TestSum\nwant: is no sum\n" + head + "a + a\n-- sum/sum.go new --\na\n",
		"hack/plants/twice.txtar":     "test: ./sum TestSum\nwant: is no sum\n" + head + "return c\n-- sum/sum.go new --\nreturn 0\n",
		"hack/plants/notest.txtar":    "test: ./sum TestOther\nwant: is no sum\n" + head + "a + b\n-- sum/sum.go new --\na\n",
		"hack/plants/nosub.txtar":     "test: ./sum TestSum/two\nwant: is no sum\n" + head + "a + b\n-- sum/sum.go new --\na - b\n",
		"hack/plants/same.txtar":      "test: ./sum TestSum\nwant: is no sum\n" + head + "a + b\n-- sum/sum.go new --\na + b\n",
	}
}

func TestPlants(t *testing.T) {
	root := t.TempDir()
	for name, text := range files() {
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
		"caught":      {[]string{"caught"}, 0, "caught caught\n"},
		"whole lines": {[]string{"lines"}, 0, "lines caught\n"},
		"two changes": {[]string{"both.txtar"}, 0, "both caught\n"},
		"missed":      {[]string{"missed"}, 1, "missed NOT CAUGHT: ./sum TestTwice passes\n"},
		"other text":  {[]string{"othertext"}, 1, `othertext NOT CAUGHT: the tests fail but do not print "twice"`},
		"no build":    {[]string{"build"}, 1, "build NOT CAUGHT: does not compile\n"},
		"no subtest":  {[]string{"nosub"}, 1, "nosub NOT CAUGHT: ./sum runs no test TestSum/two\n"},
		"moved":       {[]string{"-check", "moved"}, 1, "moved NOT CAUGHT: no longer applies: sum/sum.go: the old text occurs 0 times, want 1\n"},
		"not once":    {[]string{"-check", "twice"}, 1, "twice NOT CAUGHT: no longer applies: sum/sum.go: the old text occurs 2 times, want 1\n"},
		"no test":     {[]string{"-check", "notest"}, 1, "notest NOT CAUGHT: no longer applies: ./sum has no test TestOther\n"},
		"no change":   {[]string{"-check", "same"}, 1, "same NOT CAUGHT: no longer applies: sum/sum.go: the new text is the old one\n"},
		"checked":     {[]string{"-check", "l*", "ca*"}, 0, "caught applies\nlines applies\n2 plants, 0 not caught\n"},
		"no plant":    {[]string{"x*"}, 1, "plant: no plant is called x*\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			status := run(t.Context(), append([]string{"-C", root}, test.args...), &out, &out)
			printed := strings.Join(strings.FieldsFunc(out.String(), func(r rune) bool { return r == ' ' }), " ")
			if status != test.status || !strings.HasPrefix(printed, test.want) {
				t.Errorf("status %d and\n%s\nwant %d and\n%s", status, printed, test.status, test.want)
			}
		})
	}
	data, err := os.ReadFile(filepath.Join(root, "sum/sum.go"))
	if err != nil || string(data) != files()["sum/sum.go"] {
		t.Errorf("the tree was touched: %v\n%s", err, data)
	}
}
