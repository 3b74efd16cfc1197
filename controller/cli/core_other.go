//go:build !unix

package cli

// noCoreDumps has nothing to turn off.
func noCoreDumps() error { return nil }
