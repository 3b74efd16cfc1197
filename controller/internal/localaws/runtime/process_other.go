//go:build !unix

package runtime

import "os/exec"

// supported says that functions cannot be run: there are no process groups.
const supported = false

func ownGroup(*exec.Cmd) {}

func killGroup(int) {}
