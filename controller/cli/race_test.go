//go:build race

package cli_test

// underRace is how many times as long code may take that the race detector watches.
const underRace = 4
