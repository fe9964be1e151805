package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
)

func noEnvironment(string) string { return "" }

func buffered() (o *Output, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return NewOutput(Options{Stdout: stdout, Stderr: stderr, Environment: noEnvironment}), stdout, stderr
}

func TestErrorAndHint(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"plain", errors.New("copy public.orders: no"), "Error: copy public.orders: no\n"},
		{"hint", failure.New(failure.Usage, "no catalog").WithHint("pass --catalog NAME"), "Error: no catalog\nHint: pass --catalog NAME\n"},
		{"hint below", fmt.Errorf("load: %w", failure.New(failure.Usage, "x").WithHint("y")), "Error: load: x\nHint: y\n"},
		{"escape sequence of a server", errors.New("bad\x1b[2Jname"), "Error: bad\\x1b[2Jname\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, stdout, stderr := buffered()
			o.Error(test.err)
			if diff := cmp.Diff(test.want, stderr.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if stdout.Len() != 0 {
				t.Errorf("an error went to standard output: %q", stdout)
			}
		})
	}
}

func TestErrorInColor(t *testing.T) {
	o, _, stderr := buffered()
	o.Color = true
	o.Error(failure.New(failure.Usage, "x").WithHint("y"))
	if want := "\x1b[1;31mError:\x1b[0m x\n\x1b[36mHint:\x1b[0m y\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", stderr, want)
	}
}

func TestJSON(t *testing.T) {
	type result struct {
		Name string `json:"name"`
		Rows int    `json:"rows"`
	}
	o, stdout, _ := buffered()
	if err := o.JSON(result{"a<b>&", 2}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"name\": \"a<b>&\",\n  \"rows\": 2\n}\n"; stdout.String() != want {
		t.Errorf("JSON printed %q, want %q", stdout, want)
	}
	stdout.Reset()
	if err := o.Line(result{"x", 1}); err != nil {
		t.Fatal(err)
	}
	if want := "{\"name\":\"x\",\"rows\":1}\n"; stdout.String() != want {
		t.Errorf("Line printed %q, want %q", stdout, want)
	}
	if err := o.JSON(make(chan int)); err == nil {
		t.Error("JSON took a channel")
	}
}

func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	o, stdout, _ := buffered()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 50 {
				if err := o.Line(map[string]int{"i": i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	d := json.NewDecoder(stdout)
	lines := 0
	for {
		var v map[string]int
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines++
	}
	if lines != 1000 {
		t.Errorf("%d lines, want 1000", lines)
	}
}

func TestTable(t *testing.T) {
	o, stdout, _ := buffered()
	err := o.Table([]string{"Table", "Rows", "Size", "Note"}, [][]any{
		{"public.orders", Count(1234567), Bytes(5e6), "loaded"},
		{"public.été", 7, Bytes(12), nil},
		{"x\x1b[31m\ty", nil, nil, "two\nlines"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"Table                Rows    Size  Note",
		"--------------  ---------  ------  ------",
		"public.orders   1,234,567  5.0 MB  loaded",
		"public.été              7    12 B  NULL",
		`x\x1b[31m    y       NULL    NULL  two`,
		"                                   lines",
		"",
	}, "\n")
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTableOfNoRowsHasHeaders(t *testing.T) {
	o, stdout, _ := buffered()
	if err := o.Table([]string{"a", "b"}, nil); err != nil {
		t.Fatal(err)
	}
	if want := "a  b\n-  -\n"; stdout.String() != want {
		t.Errorf("got %q, want %q", stdout, want)
	}
}

func TestNoteIsQuiet(t *testing.T) {
	o, _, stderr := buffered()
	o.Note("%d tables", 2)
	o.Quiet = true
	o.Note("more")
	if stderr.String() != "2 tables\n" {
		t.Errorf("got %q", stderr)
	}
}

// TestColorNeedsATerminalThatWantsIt uses the character device of a terminal
// that the test does not have: none of these may be colored.
func TestColorNeedsATerminalThatWantsIt(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, w := range map[string]io.Writer{"a file": file, "a buffer": &bytes.Buffer{}} {
		o := NewOutput(Options{Stdout: io.Discard, Stderr: w, Environment: noEnvironment})
		if o.Color || o.Terminal {
			t.Errorf("%s: color %v, terminal %v", name, o.Color, o.Terminal)
		}
	}
}

func TestWriteErrorIsReturned(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	o := NewOutput(Options{Stdout: w, Stderr: io.Discard, Environment: noEnvironment})
	if err := o.Print("x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Print to a closed pipe = %v", err)
	}
}
