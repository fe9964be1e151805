//go:build unix

package pgserver

import (
	"os/exec"
	"runtime"
	"syscall"
)

// process is a running server program.
type process struct {
	pid  int
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; to be read after done is closed
}

// startProcess starts the command in a process group of its own, so that Ctrl-C at the terminal reaches us
// and not it, and where the system can do that, bound to this process's life.
//
// That bond is to the *thread* that forked (prctl(2), PR_SET_PDEATHSIG): one goroutine starts the program,
// and keeps its thread until the program has ended.
func startProcess(cmd *exec.Cmd, acc account) (*process, error) {
	cmd.SysProcAttr = boundToParent(syscall.SIGQUIT)
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Credential = acc.credential()
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal does nothing to a program that has ended.
func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(p.pid, sig); err != nil && err != syscall.ESRCH {
		return err
	}
	return nil
}
