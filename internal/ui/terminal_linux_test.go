package ui

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// openTerminal makes a pseudo-terminal and returns the program's end of it.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	_, program := openPair(t)
	return program
}

// openPair makes a pseudo-terminal.
func openPair(t *testing.T) (tty, program *os.File) {
	t.Helper()
	tty, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close(); tty.Close() })
	return tty, program
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

// A person reads TERM=dumb: the log is text there. Nothing is drawn.
func TestDumbTerminal(t *testing.T) {
	tty, program := openPair(t)
	o := NewOutput(Options{Stdout: io.Discard, Stderr: program, Environment: func(name string) string {
		return map[string]string{"TERM": "dumb"}[name]
	}})
	log := o.Logger(LogAuto, slog.LevelInfo, "r")
	p := o.Progress(log)
	ph := p.Phase(Titled("snapshot"))
	ph.Start("public.orders", 10).Add(5, 5)
	log.Info("a line")
	p.Close()
	got := make([]byte, 1024)
	n, err := tty.Read(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := "level=INFO msg=\"a line\" run=r\r\n"; !strings.HasSuffix(string(got[:n]), want) || strings.Contains(string(got[:n]), "\x1b") {
		t.Errorf("%q, want a line that ends with %q", got[:n], want)
	}
}

// The size of the terminal is read again for each frame.
func TestSizeOfTerminal(t *testing.T) {
	_, program := openPair(t)
	for _, want := range [][2]int{{40, 10}, {200, 50}} {
		if err := pty.Setsize(program, &pty.Winsize{Cols: uint16(want[0]), Rows: uint16(want[1])}); err != nil {
			t.Fatal(err)
		}
		if width, height := sizeOf(program); width != want[0] || height != want[1] {
			t.Errorf("%d by %d, want %v", width, height, want)
		}
	}
	if width, height := sizeOf(io.Discard); width != 80 || height != 24 {
		t.Errorf("no terminal: %d by %d", width, height)
	}
}
