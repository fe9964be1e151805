package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// interactive reports whether standard input is a terminal.
func (p process) interactive() bool { return p.terminal() != nil }

// terminal is standard input if it is a terminal, else nil.
func (p process) terminal() *os.File {
	if f, ok := p.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// confirm prints what a command is about to do and asks for confirmation.
func (a *app) confirm(ctx context.Context, plan string) (bool, error) {
	if _, err := fmt.Fprintf(a.ui.Stderr(), "%s\nContinue? [y/N] ", plan); err != nil {
		return false, err
	}
	in := bufio.NewReader(io.LimitReader(a.process.stdin, 1<<10))
	line, err := awaited(ctx, func() (string, error) { return in.ReadString('\n') })
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return false, err
	}
	said := strings.ToLower(strings.TrimSpace(line)) // an input that ends is no confirmation
	return said == "y" || said == "yes", nil
}
