package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// module is how a profile's file names begin.
const module = "sealift.dev/sealift/"

// formats are the folders and files that read what others wrote, or keep secrets out
// of what is printed.
var formats = []string{
	"api/envelope/", "api/openssl/", "api/v1alpha1/", "controller/internal/pack/", "controller/internal/plan/marker.go",
	"controller/internal/awskms/errors.go", "controller/internal/awslambda/errors.go", "controller/cli/dotenv.go", "controller/cli/values.go",
}

// block is a run of statements of a file.
type block struct {
	file, span string
}

// state is how many statements a block has, and whether they ran.
type state struct {
	statements int
	ran        bool
}

// blocks are those of a profile. One that several binaries have is there once.
type blocks map[block]state

// readProfile reads a coverage profile (go help testflag):
// "FILE:SPAN STATEMENTS COUNT" a line, under a line with the mode.
func readProfile(r io.Reader) (blocks, error) {
	all := blocks{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mode:") {
			continue
		}
		where, numbers, _ := strings.Cut(lines.Text(), " ")
		file, span, ok := strings.Cut(where, ":")
		var statements, count int
		if n, err := fmt.Sscanf(numbers, "%d %d", &statements, &count); !ok || n != 2 || err != nil {
			return nil, fmt.Errorf("not a line of a profile: %q", lines.Text())
		}
		file = strings.TrimPrefix(file, module)
		if strings.Contains(file, "zz_generated") {
			continue
		}
		key := block{file, span}
		all[key] = state{statements, all[key].ran || count > 0}
	}
	return all, lines.Err()
}

// percent returns the share of the statements that ran in the files that are wanted.
func (b blocks) percent(wanted func(file string) bool) string {
	all, ran := 0, 0
	for key, s := range b {
		if !wanted(key.file) {
			continue
		}
		all += s.statements
		if s.ran {
			ran += s.statements
		}
	}
	if all == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %% of %d", 100*float64(ran)/float64(all), all)
}

// strict reports whether a file is one of formats.
func strict(file string) bool {
	for _, prefix := range formats {
		if strings.HasPrefix(file, prefix) {
			return true
		}
	}
	return false
}
