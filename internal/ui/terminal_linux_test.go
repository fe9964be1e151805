package ui

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// openTerminal makes a pseudo-terminal and returns the program's end of it.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptmx.Close() })
	var unlock, n int32
	for request, at := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &n} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ptmx.Fd(), request, uintptr(unsafe.Pointer(at))); errno != 0 {
			t.Fatal(errno)
		}
	}
	pts, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pts.Close() })
	return pts
}

func TestTerminalColorAndProgress(t *testing.T) {
	tests := []struct {
		name            string
		environment     map[string]string
		noColor         bool
		color, terminal bool
	}{
		{"a terminal", map[string]string{"TERM": "xterm"}, false, true, true},
		{"NO_COLOR", map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, false, true},
		{"NO_COLOR, empty", map[string]string{"TERM": "xterm", "NO_COLOR": ""}, false, true, true},
		{"--no-color", map[string]string{"TERM": "xterm"}, true, false, true},
		{"TERM=dumb", map[string]string{"TERM": "dumb"}, false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := NewOutput(Options{
				Stdout: io.Discard, Stderr: openTerminal(t), NoColor: test.noColor,
				Environment: func(name string) string { return test.environment[name] },
			})
			if o.Color != test.color || o.Terminal != test.terminal {
				t.Errorf("color %v, terminal %v; want %v, %v", o.Color, o.Terminal, test.color, test.terminal)
			}
		})
	}
}
