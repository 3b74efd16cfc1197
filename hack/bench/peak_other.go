//go:build !unix

package main

import "os"

// peak returns 0: the system does not tell it with the exit status.
func peak(*os.ProcessState) int64 { return 0 }

// self returns 0, as peak does.
func self() int64 { return 0 }
