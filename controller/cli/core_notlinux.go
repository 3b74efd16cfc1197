//go:build unix && !linux

package cli

// notDumpable has nothing to add to the limit.
func notDumpable() error { return nil }
