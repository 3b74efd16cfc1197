package gitsource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfig(t *testing.T) {
	repo := newWorkTree(t).open()
	for _, values := range [][]string{nil, {"one"}, {"two", "three"}, {"--unset", "with\nline", " spaces "}, nil} {
		if err := repo.SetConfig(t.Context(), "sealift.test", values...); err != nil {
			t.Fatalf("set %q: %v", values, err)
		}
		got, err := repo.Config(t.Context(), "sealift.test")
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if _, err := repo.Config(t.Context(), "no-section"); err == nil || err.Error() != "read git config no-section: not the name of a variable" {
		t.Errorf("name without a section: %v", err)
	}
	if err := repo.SetConfig(t.Context(), "--global"); err == nil || err.Error() != "set git config --global: not the name of a variable" {
		t.Errorf("name that is a flag: %v", err)
	}
}
