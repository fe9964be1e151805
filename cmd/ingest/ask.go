package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ingest/internal/failure"
)

// asker asks questions on a terminal, on standard error. Answers come from
// standard input. It belongs to one goroutine.
type asker struct {
	to    io.Writer
	lines chan string
}

// newAsker reads lines until the input ends. A read from a terminal cannot be
// canceled: the goroutine ends with the process at the latest.
func newAsker(from io.Reader, to io.Writer) *asker {
	a := &asker{to: to, lines: make(chan string)}
	go func() {
		defer close(a.lines)
		r := bufio.NewReader(from)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				a.lines <- strings.TrimSpace(line)
			}
			if err != nil {
				return
			}
		}
	}()
	return a
}

// ask asks once. An empty answer is the default.
func (a *asker) ask(ctx context.Context, question, standard string) (string, error) {
	if standard != "" {
		question += " [" + standard + "]"
	}
	if _, err := fmt.Fprintf(a.to, "%s: ", question); err != nil {
		return "", err
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line, more := <-a.lines:
		if !more {
			return "", failure.Wrap(failure.Usage, errors.New("the input ended before the last question"))
		}
		if line == "" {
			return standard, nil
		}
		return line, nil
	}
}

// until asks until accept takes the answer. It prints what accept says.
func (a *asker) until(ctx context.Context, question, standard string, accept func(answer string) error) error {
	for {
		answer, err := a.ask(ctx, question, standard)
		if err != nil {
			return err
		}
		err = accept(answer)
		if err == nil || ctx.Err() != nil {
			return err
		}
		text := err.Error()
		if hint := failure.HintOf(err); hint != "" {
			text += "\nHint: " + hint
		}
		if _, err := fmt.Fprintln(a.to, text); err != nil {
			return err
		}
	}
}
