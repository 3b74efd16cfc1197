//go:build unix

package runtime

import (
	"os/exec"
	"syscall"
)

// supported says that functions can be run: their processes can be kept together and killed together.
const supported = true

// ownGroup makes cmd the leader of a process group.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills every process of the group that leader leads or led. A group that is gone is no error.
func killGroup(leader int) {
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}
