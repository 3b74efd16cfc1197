package main

import (
	"fmt"
	"strings"
)

// table is what is printed: a name and a figure a row, in the order in which they came.
type table struct{ rows [][2]string }

func (t *table) add(name, figure string) { t.rows = append(t.rows, [2]string{name, figure}) }

// markdown returns the table with its columns aligned.
func (t *table) markdown() string {
	rows := append([][2]string{{"what", "figure"}}, t.rows...)
	var width [2]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %-*s | %-*s |\n", width[0], row[0], width[1], row[1])
		if i == 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", strings.Repeat("-", width[0]), strings.Repeat("-", width[1]))
		}
	}
	return b.String()
}
