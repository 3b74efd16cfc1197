package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadProfile(t *testing.T) {
	all, err := readProfile(strings.NewReader(`mode: set
sealift.dev/sealift/api/envelope/a.go:1.1,2.2 3 0
sealift.dev/sealift/controller/run.go:1.1,2.2 6 0
mode: set
sealift.dev/sealift/api/envelope/a.go:1.1,2.2 3 1
sealift.dev/sealift/api/envelope/a.go:4.1,5.2 1 0
sealift.dev/sealift/api/v1alpha1/zz_generated.deepcopy.go:1.1,2.2 90 0
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := all.percent(strict); got != "75.0 % of 4" {
		t.Error("formats:", got)
	}
	if got := all.percent(func(string) bool { return true }); got != "30.0 % of 10" {
		t.Error("all:", got)
	}
}

func TestReadProfileRefuses(t *testing.T) {
	_, err := readProfile(strings.NewReader("a.go 1\n"))
	if want := `not a line of a profile: "a.go 1"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestTally(t *testing.T) {
	var rows table
	count := tally(strings.NewReader(`{"Action":"output","Package":"p","Test":"TestKill","Output":"    kill_test.go:9: survival: kills: 276 cases\n"}
not JSON
{"Action":"pass","Package":"p","Test":"TestKill"}
{"Action":"skip","Package":"p","Test":"TestMoto"}
{"Action":"pass","Package":"p"}
`), &rows, io.Discard)
	if diff := cmp.Diff(map[string]int{"pass": 1, "skip": 1}, count); diff != "" {
		t.Errorf("count (-want +got):\n%s", diff)
	}
	want := "| what  | figure    |\n| ----- | --------- |\n| kills | 276 cases |\n"
	if diff := cmp.Diff(want, rows.markdown()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
