package main

import (
	"bufio"
	"context"
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
	answer := make(chan string, 1)
	go func() { // a read from a terminal cannot be canceled: it ends with the process at the latest
		line, _ := bufio.NewReader(io.LimitReader(a.process.stdin, 1<<10)).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case said := <-answer:
		return said == "y" || said == "yes", nil
	}
}
