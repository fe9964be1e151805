//go:build cgo && linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Run is one execution of one command.
type Run struct {
	Wall       time.Duration `json:"wall_ns"`
	ClientCPU  time.Duration `json:"client_cpu_ns"` // user and system, of the command and what it waited for
	ServerCPU  time.Duration `json:"server_cpu_ns"` // of all of the server's processes
	PeakMemory int64         `json:"peak_memory_bytes"`
	Requests   int64         `json:"requests"`   // to the workspace
	Statements int           `json:"statements"` // on the SQL warehouse
	Wakeups    int           `json:"wakeups"`    // of the SQL warehouse
}

// Median takes the median of each figure by itself, but the greatest memory.
func Median(runs []Run) Run {
	middle := func(of func(Run) int64) int64 {
		all := make([]int64, len(runs))
		for i, r := range runs {
			all[i] = of(r)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	m := Run{
		Wall:       time.Duration(middle(func(r Run) int64 { return int64(r.Wall) })),
		ClientCPU:  time.Duration(middle(func(r Run) int64 { return int64(r.ClientCPU) })),
		ServerCPU:  time.Duration(middle(func(r Run) int64 { return int64(r.ServerCPU) })),
		Requests:   middle(func(r Run) int64 { return r.Requests }),
		Statements: int(middle(func(r Run) int64 { return int64(r.Statements) })),
		Wakeups:    int(middle(func(r Run) int64 { return int64(r.Wakeups) })),
	}
	for _, r := range runs {
		m.PeakMemory = max(m.PeakMemory, r.PeakMemory)
	}
	return m
}

// command is what a run executes.
type command struct {
	args []string
	env  []string // besides this process's own PATH
	// until, if set, is waited for while the command goes on; the command is
	// then interrupted, and the time that counts ends here.
	until func(ctx context.Context) error
}

// shell runs a script of sh.
func shell(script string, env ...string) command {
	return command{args: []string{"sh", "-c", script}, env: env}
}

// execute runs a command and measures it. What it printed is in the error.
func (b *bench) execute(ctx context.Context, c command) (Run, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.dir}, c.env...)
	cmd.Dir = b.dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	requests, statements, wakeups := b.workspace.Requests(), len(b.workspace.Statements()), b.workspace.Wakeups()
	server, err := b.source.cpu()
	if err != nil {
		return Run{}, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Run{}, err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	var wall time.Duration
	var untilErr error
	if c.until != nil {
		untilErr = c.until(ctx)
		wall = time.Since(start)
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have failed by itself: Wait returns that
	}
	err = cmd.Wait()
	close(ended)
	memory := <-peak
	if err := errors.Join(err, untilErr); err != nil {
		return Run{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, output.String())
	}
	if c.until == nil {
		wall = time.Since(start)
	}
	after, err := b.source.cpu()
	if err != nil {
		return Run{}, err
	}
	return Run{
		Wall: wall, ClientCPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), ServerCPU: after - server,
		PeakMemory: memory,
		Requests:   b.workspace.Requests() - requests, Statements: len(b.workspace.Statements()) - statements,
		Wakeups: b.workspace.Wakeups() - wakeups,
	}, nil
}

// watchMemory reads the peak memory of a process until it ends. wait4 cannot be used: its value begins with the memory of this
// process when it started the other one.
func watchMemory(pid int, ended <-chan struct{}) (peak int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // it has just ended
		}
		for line := range strings.Lines(string(status)) {
			if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				if kb, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64); err == nil {
					peak = max(peak, kb<<10)
				}
			}
		}
	}
}
