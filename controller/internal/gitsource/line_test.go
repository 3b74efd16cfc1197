package gitsource_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// The line of a branch is what it was at: of a merge the first parent, and never what was
// merged into it.
func TestLine(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "1"})
	w.git("checkout", "-q", "-b", "side")
	side := w.commit(map[string]string{"b": "1"})
	w.git("checkout", "-q", "main")
	second := w.commit(map[string]string{"a": "2"})
	w.git("merge", "-q", "--no-ff", "-m", "merge", "side")
	merge := strings.TrimSpace(w.git("rev-parse", "HEAD"))
	head := w.commit(map[string]string{"a": "3"})
	all := []string{head, merge, second, first}

	bare := filepath.Join(t.TempDir(), "bare.git")
	w.git("clone", "-q", "--bare", w.dir, bare)
	shallow := filepath.Join(t.TempDir(), "shallow")
	w.git("clone", "-q", "--depth", "2", "file://"+w.dir, shallow)
	lines := map[string]func(context.Context, string, int) ([]string, error){
		"repository": w.open().Line, "in place": openRemote(t, gitsource.RemoteOptions{URL: w.dir}).Line, "bare": openRemote(t, gitsource.RemoteOptions{URL: bare}).Line,
	}
	for name, line := range lines {
		for limit, want := range map[int][]string{1: all[:1], 3: all[:3], 100: all} {
			if got, err := line(t.Context(), head, limit); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%s, limit %d: %v\n%s", name, limit, err, cmp.Diff(want, got))
			}
		}
		if got, err := line(t.Context(), side, 100); err != nil || !cmp.Equal(got, []string{side, first}) {
			t.Errorf("%s: the side has %v, %v", name, got, err)
		}
		if _, err := line(t.Context(), strings.Repeat("f", 40), 100); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("%s: of a commit that is not there: %v", name, err)
		}
	}
	repository := open(t, shallow)
	for name, line := range map[string]func(context.Context, string, int) ([]string, error){"repository": repository.Line, "in place": openRemote(t, gitsource.RemoteOptions{URL: shallow}).Line} {
		if got, err := line(t.Context(), head, 100); err != nil || !cmp.Equal(got, all[:2]) {
			t.Errorf("%s: a shallow clone has %v, %v", name, got, err)
		}
	}
	if _, err := openRemote(t, gitsource.RemoteOptions{URL: bare}).Line(t.Context(), "main", 1); err == nil || !strings.Contains(err.Error(), "want a full commit id of 40 digits") {
		t.Errorf("of a name: %v", err)
	}
}
