//go:build unix && !linux

package pgserver

import "syscall"

// boundToParent can't bind here: a server that outlives a killed process is ended by the next Start.
func boundToParent(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
