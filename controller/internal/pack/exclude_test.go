package pack_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/pack"
)

// ignorer asks git which files of a tree are not excluded.
type ignorer struct {
	t     *testing.T
	dir   string
	paths []string
}

func newIgnorer(t *testing.T, paths []string) ignorer {
	t.Helper()
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	g := ignorer{t: t, dir: t.TempDir(), paths: slices.Sorted(slices.Values(paths))}
	if out, err := exec.Command("git", "init", "-q", g.dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	for _, path := range paths {
		full := filepath.Join(g.dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// kept returns the files that git does not ignore.
func (g ignorer) kept(patterns []string) []string {
	g.t.Helper()
	exclude := filepath.Join(g.dir, ".git", "info", "exclude")
	if err := os.WriteFile(exclude, []byte(strings.Join(patterns, "\n")+"\n"), 0o644); err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command("git", "check-ignore", "--no-index", "-z", "--stdin")
	cmd.Dir, cmd.Stdin = g.dir, strings.NewReader(strings.Join(g.paths, "\x00")+"\x00")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && (cmd.ProcessState.ExitCode() != 1 || stderr.Len() > 0) {
		g.t.Fatalf("git check-ignore: %v\n%s", err, stderr.Bytes())
	}
	kept := slices.Clone(g.paths)
	for path := range strings.SplitSeq(string(out), "\x00") {
		kept = slices.DeleteFunc(kept, func(p string) bool { return p == path })
	}
	return kept
}

// packed returns the files that Build keeps.
func packed(t *testing.T, paths, patterns []string) []string {
	t.Helper()
	tree := fstest.MapFS{}
	for _, path := range paths {
		tree[path] = &fstest.MapFile{}
	}
	built, err := pack.Build(tree, patterns, pack.File{})
	if err != nil && strings.HasPrefix(err.Error(), "the package is empty") {
		return []string{}
	}
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, line := range unzip(t, bytesOf(built)) {
		names = append(names, strings.SplitN(line, " ", 4)[3])
	}
	return names
}

func excludeTree() []string {
	return []string{
		"a", "b", "foo", "foo.log", "keep.log", "hello.json", "index.js", "index.test.js", "#hash", "!bang", "sp ace", "trail ", "z", "[x]", "-", "A",
		"a1", "a-", "ab", "ü", "star*", "b]", "b^",
		"dir/a", "dir/b.log", "dir/keep.log", "dir/foo", "dir/sub/a", "dir/sub/foo", "dir/sub/deep/a", "dir/index.test.js", "dir/sub/deep/foo/bar",
		"node_modules/x/index.js", "node_modules/x/package.json", "node_modules/y/index.js", "lib/node_modules/z/index.js",
		"x/a/x/a/b", "x/a/y/b", "x/b", "build/out", "build/keep", "src/build/out", "sp/a b/c",
	}
}

func TestExcludeIsWhatGitIgnores(t *testing.T) {
	g := newIgnorer(t, excludeTree())
	for _, patterns := range [][]string{
		{"foo"}, {"/foo"}, {"foo/"}, {"*.log"}, {"*.log", "!keep.log"}, {"!keep.log", "*.log"}, {"*.log", "!/keep.log"},
		{"hello.json", "*.test.js"}, {"node_modules"}, {"/node_modules"}, {"node_modules/*", "!node_modules/x"}, {"node_modules", "!node_modules/x"},
		{"node_modules/**", "!node_modules/x/"}, {"node_modules/**", "!node_modules/**/", "!node_modules/x/**"},
		{"dir/sub"}, {"dir/*"}, {"dir/**"}, {"dir/**/a"}, {"**/a"}, {"**/foo/**"}, {"**/a/b"}, {"x/**/b"}, {"**"}, {"/**"}, {"/*"}, {"*/"}, {"*"},
		{"/*", "!/dir"}, {"*", "!*/", "!*.js"}, {"**/", "!dir/"}, {"dir/", "!dir/a"}, {"dir/**", "!dir/a"}, {"dir/**", "!dir/sub/", "!dir/sub/a"}, {"dir", "!foo/"}, {"*.log", "!dir/"}, {"*.log", "!dir"},
		{"a**"}, {"**a"}, {"d**r/a"}, {"dir/**b.log"}, {"***"}, {"dir/***/a"}, {"x/**/**/b"}, {"**/**/b"},
		{`\#hash`}, {`\!bang`}, {"!bang"}, {"sp ace"}, {"sp ace   "}, {`trail\ `}, {"trail "}, {`\f\o\o`}, {`star\*`}, {`[x]`}, {`\[x]`}, {`[[]x]`},
		{"?"}, {"??"}, {"[a-z]"}, {"[!a-z]"}, {"[^a-z]"}, {"[]b]"}, {"b[]]"}, {"b[!]]"}, {"[z-a]"}, {"a[0-9-]"}, {"a[-0-9]"}, {"[[:upper:]]"},
		{"a[[:digit:][:punct:]]"}, {"[[:alpha:]]"}, {"[![:alpha:]]*"}, {"[[:x]"}, {"[a[:digit:]-z]"}, {`[\a-\c]`}, {"ü"}, {"[ü]*"}, {"dir[/]a"}, {"dir?a"},
		{"//foo"}, {"dir//a"}, {"foo//"}, {"./foo"}, {"dir/"}, {"/dir/"}, {"/dir/sub/"}, {"sub/"}, {"build", "!/build"}, {"build/*", "!build/keep"},
		{"/build/*", "!/build/keep", "src"}, {"sp/a b"}, {"*.js", "!index.js", "dir"}, {"x/*/b"}, {"x/*/*/b"}, {"**/x/a/b"}, {"*/a/*"},
	} {
		t.Run(fmt.Sprintf("%q", patterns), func(t *testing.T) {
			if diff := cmp.Diff(g.kept(patterns), packed(t, g.paths, patterns)); diff != "" {
				t.Errorf("git keeps (-), the package keeps (+):\n%s", diff)
			}
		})
	}
}

// TestAsterisksBesideOtherCharactersAreRegularOnes follows gitignore(5), where git itself took those after a plain
// prefix for a whole `**/` for years.
func TestAsterisksBesideOtherCharactersAreRegularOnes(t *testing.T) {
	paths := []string{"dir/a", "dir/sub/a", "dir2/a"}
	if diff := cmp.Diff([]string{"dir/sub/a"}, packed(t, paths, []string{"dir**/a"})); diff != "" {
		t.Error(diff)
	}
}

// TestExcludeIsWhatGitIgnoresAtRandom compares random pattern lists, from a fixed seed, over a tree made of the same parts.
func TestExcludeIsWhatGitIgnoresAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tree := map[string]bool{}
	for len(tree) < 60 {
		parts := make([]string, 1+random.IntN(4))
		for i := range parts {
			parts[i] = []string{"a", "b", "ab", "ba", "aab"}[random.IntN(5)]
		}
		tree[strings.Join(parts, "/")] = true
	}
	for path := range maps.Clone(tree) { // no file where another path has a folder
		for other := range tree {
			if strings.HasPrefix(other, path+"/") {
				delete(tree, path)
			}
		}
	}
	g := newIgnorer(t, slices.Sorted(maps.Keys(tree)))
	pieces := []string{"a", "b", "*", "?", "/**/", "**/", "/**", "/", "[ab]", "[!a]", "a*", "*b", "/*/", `\a`, "**"}
	for range 250 {
		patterns := make([]string, 1+random.IntN(3))
		for i := range patterns {
			patterns[i] = randomPattern(random, pieces)
		}
		if diff := cmp.Diff(g.kept(patterns), packed(t, g.paths, patterns)); diff != "" {
			t.Errorf("%q: git keeps (-), the package keeps (+):\n%s", patterns, diff)
		}
	}
}

// randomPattern returns a pattern that Build takes and whose asterisks every git reads alike: two or more beside
// another character after a plain prefix are read differently by older gits.
func randomPattern(random *rand.Rand, pieces []string) string {
	for {
		pattern := []string{"", "", "!", "/"}[random.IntN(4)]
		for range 1 + random.IntN(5) {
			pattern += pieces[random.IntN(len(pieces))]
		}
		if strings.Trim(pattern, "!/") == "" || strings.Contains(pattern, "a**") || strings.Contains(pattern, "b**") {
			continue
		}
		return pattern
	}
}

func TestExcludeRefusesPatternsThatMatchNothing(t *testing.T) {
	open := "it has a [ without its ], and matches nothing; write \\[ for the character itself"
	empty := "it is empty and matches nothing"
	for _, test := range []struct{ pattern, err string }{
		{pattern: "", err: `exclude pattern 2, "": ` + empty},
		{pattern: "  ", err: `exclude pattern 2, "  ": ` + empty},
		{pattern: "!", err: `exclude pattern 2, "!": ` + empty},
		{pattern: "/", err: `exclude pattern 2, "/": ` + empty},
		{pattern: "# note", err: `exclude pattern 2, "# note": it is a comment to git and matches nothing; write \# for a name that starts with #`},
		{pattern: "a\nb", err: `exclude pattern 2, "a\nb": it holds a line break or a zero byte; give each pattern as an item of its own`},
		{pattern: `a\`, err: `exclude pattern 2, "a\\": it ends in a backslash and matches nothing`},
		{pattern: "[a", err: `exclude pattern 2, "[a": ` + open},
		{pattern: "[]", err: `exclude pattern 2, "[]": ` + open},
		{pattern: "[!", err: `exclude pattern 2, "[!": ` + open},
		{pattern: `[a\`, err: `exclude pattern 2, "[a\\": ` + open},
		{pattern: `[a-\`, err: `exclude pattern 2, "[a-\\": ` + open},
		{pattern: "[[:alpha:]", err: `exclude pattern 2, "[[:alpha:]": ` + open},
		{pattern: "[[:vowel:]]", err: `exclude pattern 2, "[[:vowel:]]": there is no character class [:vowel:], so it matches nothing`},
		{pattern: strings.Repeat("x", 1025), err: `exclude pattern 2, "` + strings.Repeat("x", 60) + `": it has 1025 bytes, at most 1024 are taken`},
	} {
		t.Run(test.pattern, func(t *testing.T) {
			_, err := pack.Build(sample(), []string{"*.log", test.pattern}, bundle)
			if err == nil || err.Error() != test.err {
				t.Errorf("error\n got: %v\nwant: %s", err, test.err)
			}
		})
	}
	_, err := pack.Build(sample(), make([]string, 1001), bundle)
	if err == nil || err.Error() != "1001 exclude patterns, at most 1000 are taken" {
		t.Errorf("many patterns: %v", err)
	}
}

// FuzzExclude has no pattern panic or run away.
// Patterns that match slowly can't hold an apply up: what would take an hour ends with an error.
func TestExcludeGivesUp(t *testing.T) {
	folders := strings.Repeat(strings.Repeat("a", 250)+"/", 15)
	tree := fstest.MapFS{}
	for i := range 2000 {
		tree[fmt.Sprintf("%s%d", folders, i)] = &fstest.MapFile{}
	}
	patterns := make([]string, 1000)
	for i := range patterns {
		patterns[i] = "**/*" + strings.Repeat("a", 1000) + "/b"
	}
	_, err := pack.Build(tree, patterns, pack.File{})
	if want := "the exclude patterns take too long to match; use fewer or simpler ones"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzExclude checks that no pattern is a panic, an error of two lines or the loss of what a
// later pattern takes back, nor of the bundle, which no pattern is about.
func FuzzExclude(f *testing.F) {
	for _, seed := range []string{
		"*.log", "!a", "**/a/**/b", "[a-z]", "[[:alpha:]", `\`, strings.Repeat("*a", 100), strings.Repeat("**/", 100) + "x", "[!]]",
	} {
		f.Add(seed, "a/b/"+strings.Repeat("a", 200))
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		built, err := pack.Build(fstest.MapFS{"kept": {}, "x": {}}, []string{pattern, "!kept"}, pack.File{Path: path})
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error breaks its line: %q", err)
		}
		if err != nil || path == "" {
			return
		}
		contents := contentsOf(t, bytesOf(built))
		for _, name := range []string{"kept", path} {
			if _, there := contents[name]; !there {
				t.Errorf("%q leaves %q out", pattern, name)
			}
		}
	})
}
