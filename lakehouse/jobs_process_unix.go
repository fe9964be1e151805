//go:build cgo && unix

package lakehouse

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// groupGrace bounds the wait for killed processes: if no init process collects orphans, they stay in the process table.
const groupGrace = 2 * time.Second

// inGroup gives a task's process a group of its own.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup ends what a task's process left running, and waits until it is gone.
func endGroup(cmd *exec.Cmd) {
	group := -cmd.Process.Pid
	for end := time.Now().Add(groupGrace); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if errors.Is(syscall.Kill(group, syscall.SIGKILL), syscall.ESRCH) {
			return
		}
	}
}
