package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Options say how an Output is made.
type Options struct {
	Stdout, Stderr io.Writer
	Structured     bool                // results as JSON, not as text
	Quiet          bool                // no progress, no notes
	NoColor        bool                // whatever the environment says
	Environment    func(string) string // NO_COLOR and TERM are looked up
}

// Output is the program's two streams. Its methods may be called from any
// goroutine; each call's text stays together.
type Output struct {
	// Structured says that results are JSON: a command then prints with JSON
	// or Line, and else with Print or Table.
	Structured bool
	Quiet      bool
	Color      bool // on standard error
	Terminal   bool // whether standard error is a terminal that can redraw a line
	Shown      bool // whether standard output is a terminal

	redraws bool // whether standard output is such a terminal

	mu      sync.Mutex
	stdout  io.Writer
	written bool // a result was written
	stderr  *relay

	terminal io.Writer // standard error itself
	attended bool      // standard error is a terminal, of whatever kind
}

// NewOutput looks once at what the streams are.
func NewOutput(o Options) *Output {
	smart := o.Environment("TERM") != "dumb"
	able := isTerminal(o.Stderr) && smart
	return &Output{
		Structured: o.Structured,
		Quiet:      o.Quiet,
		Color:      able && !o.NoColor && o.Environment("NO_COLOR") == "",
		Terminal:   able,
		Shown:      isTerminal(o.Stdout),
		redraws:    isTerminal(o.Stdout) && smart,
		stdout:     o.Stdout,
		stderr:     &relay{to: o.Stderr},
		terminal:   o.Stderr,
		attended:   isTerminal(o.Stderr),
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Attended reports whether standard error is a terminal, of whatever kind.
func (o *Output) Attended() bool { return o.attended || o.Terminal }

// Stderr is standard error for code that writes to it directly, such as a
// log: it writes above the lines of a Progress instead of through them.
func (o *Output) Stderr() io.Writer { return o.stderr }

// Print writes text to standard output, with a line break at its end.
func (o *Output) Print(format string, args ...any) error {
	return o.write(fmt.Sprintf(format, args...) + "\n")
}

// JSON writes v to standard output as one object, indented. A run calls it
// once.
func (o *Output) JSON(v any) error { return o.encode(v, "  ") }

// Line writes v to standard output as one line of JSON. A long run writes many,
// each with its type, the last a summary.
func (o *Output) Line(v any) error { return o.encode(v, "") }

func (o *Output) encode(v any, indent string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return o.write(b.String())
}

func (o *Output) write(s string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = true
	if _, err := io.WriteString(o.stdout, s); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Note writes a line for people to standard error, unless Quiet.
func (o *Output) Note(format string, args ...any) {
	if !o.Quiet {
		o.say(fmt.Sprintf(format, args...) + "\n")
	}
}

// failed is the JSON result of a command that ended with an error before it had a
// result.
type failed struct {
	Error    string `json:"error"`
	Hint     string `json:"hint,omitempty"`
	ExitCode int    `json:"exit_code"`
}

// Failed writes the JSON result of a command that failed, if results are JSON and
// the command has written none.
func (o *Output) Failed(err error, exitCode int) error {
	o.mu.Lock()
	skip := !o.Structured || o.written
	o.mu.Unlock()
	if skip || err == nil {
		return nil
	}
	return o.JSON(failed{err.Error(), failure.HintOf(err), exitCode})
}

// Error writes an error and its hint, if it has one, to standard error. A nil
// error writes nothing.
func (o *Output) Error(err error) {
	if err == nil {
		return
	}
	s := o.paint(red, "Error:") + " " + Plain(err.Error()) + "\n"
	if hint := failure.HintOf(err); hint != "" {
		s += o.paint(cyan, "Hint:") + " " + Plain(hint) + "\n"
	}
	o.say(s)
}

// say ignores write errors: standard error is where they would go.
func (o *Output) say(s string) { _, _ = io.WriteString(o.stderr, s) }

const (
	red    = "\x1b[1;31m"
	green  = "\x1b[1;32m"
	yellow = "\x1b[1;33m"
	cyan   = "\x1b[36m"
	bold   = "\x1b[1m"
)

// Good, Caution and Bad color a verdict that goes to standard error.
func (o *Output) Good(s string) string    { return o.paint(green, s) }
func (o *Output) Caution(s string) string { return o.paint(yellow, s) }
func (o *Output) Bad(s string) string     { return o.paint(red, s) }

func (o *Output) paint(color, s string) string {
	if !o.Color {
		return s
	}
	return color + s + "\x1b[0m"
}

// relay is a writer whose target can be changed while others write.
type relay struct {
	mu sync.Mutex
	to io.Writer
}

func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Write(p)
}
