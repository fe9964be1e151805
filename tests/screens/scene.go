//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// scene is a command on a terminal.
type scene struct {
	picture       string // "" for a command that only prepares the next one
	args          string
	width, height int
	change        bool // change rows of the source first
	// when says that the screen is the picture's; nil takes the last one.
	when func(screen string) bool
}

// run runs the command to its end and returns the picture.
func (s scene) run(ctx context.Context, binary, dir string, env []string) ([]byte, error) {
	if s.width == 0 {
		s.width, s.height = 100, 30
	}
	emulator := vt.NewEmulator(s.width, s.height)
	cmd := exec.CommandContext(ctx, binary, strings.Fields(s.args)...)
	cmd.Dir, cmd.Env = dir, env
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(s.width), Rows: uint16(s.height)})
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	_, _ = fmt.Fprintf(emulator, "\x1b[1m$ ingest %s\x1b[0m\r\n", s.args)
	var picture []byte
	buffer := make([]byte, 1<<16)
	for {
		n, err := terminal.Read(buffer)
		if _, err := emulator.Write(buffer[:n]); err != nil {
			return nil, err
		}
		if s.when != nil && s.when(emulator.String()) {
			picture = drawSVG(emulator)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // EIO: the program has closed the terminal
			break
		}
		if err != nil {
			return nil, err
		}
	}
	err = cmd.Wait()
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	if s.when == nil {
		picture = drawSVG(emulator)
	}
	if picture == nil {
		return nil, fmt.Errorf("the screen was never the picture's:\n%s", emulator.String())
	}
	return picture, nil
}
