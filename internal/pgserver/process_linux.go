package pgserver

import "syscall"

// boundToParent has the kernel send the signal when the starting thread ends, however it ends.
func boundToParent(sig syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: sig}
}
