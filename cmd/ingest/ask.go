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

	"github.com/ingest-tool/ingest/internal/failure"
)

// asker asks questions on a terminal. Answers come from its input, questions go
// to standard error. It belongs to one goroutine.
type asker struct {
	from *os.File
	in   *bufio.Reader
	to   io.Writer
}

func newAsker(from *os.File, to io.Writer) *asker {
	return &asker{from: from, in: bufio.NewReader(from), to: to}
}

// ask asks once. An empty answer is the default.
func (a *asker) ask(ctx context.Context, question, standard string) (string, error) {
	if standard != "" {
		question += " [" + standard + "]"
	}
	line, err := a.line(ctx, question, func() (string, error) { return a.in.ReadString('\n') })
	if line = strings.TrimSpace(line); line == "" && err == nil {
		line = standard
	}
	return line, err
}

// secret asks for what must not be seen.
func (a *asker) secret(ctx context.Context, question string) (string, error) {
	before, err := term.GetState(int(a.from.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask without an echo: %w", err)
	}
	answer, err := a.line(ctx, question, func() (string, error) {
		typed, err := term.ReadPassword(int(a.from.Fd()))
		return string(typed), err
	})
	_, _ = fmt.Fprintln(a.to)
	return answer, errors.Join(err, term.Restore(int(a.from.Fd()), before))
}

// line prints a question and reads the answer.
func (a *asker) line(ctx context.Context, question string, read func() (string, error)) (string, error) {
	if _, err := fmt.Fprintf(a.to, "%s: ", question); err != nil {
		return "", err
	}
	line, err := awaited(ctx, read)
	switch {
	case errors.Is(err, io.EOF) && line == "":
		return "", failure.New(failure.Usage, "the input ended before the last question").WithHint("ingest init --help lists the flags")
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return "", err
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return line, nil
}

// awaited reads an answer until ctx ends. A read from a terminal cannot be canceled:
// it ends with the process at the latest.
func awaited(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := read()
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case said := <-answers:
		return said.line, said.err
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
