package ui

import (
	"bytes"
	"strings"
	"testing"
)

// screenOf is a screen of a size, and what is written to it.
func screenOf(width, height int) (*Screen, *bytes.Buffer) {
	o, stdout, _ := buffered()
	s := o.Screen()
	s.size = func() (int, int) { return width, height }
	return s, stdout
}

func show(t *testing.T, s *Screen, out *bytes.Buffer, text string) string {
	t.Helper()
	out.Reset()
	if err := s.Show(text); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAScreenRedraws(t *testing.T) {
	s, out := screenOf(10, 5)
	if got, want := show(t, s, out, "one\ntwo\n"), "\x1b[2J\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J"; got != want {
		t.Errorf("first %q, want %q", got, want)
	}
	if got, want := show(t, s, out, "three\n"), "\x1b[Hthree\x1b[K\n\x1b[J"; got != want {
		t.Errorf("then %q, want %q", got, want)
	}
	if got := show(t, s, out, "0123456789abc\nnäher-am-Rand"); !strings.Contains(got, "0123456789\x1b[K\nnäher-am-R\x1b[K\n") {
		t.Errorf("lines that are too long: %q", got)
	}
}

// TestAScreenIsNeverScrolled: a text never has more lines than the terminal, which would then scroll.
func TestAScreenIsNeverScrolled(t *testing.T) {
	for height := 1; height < 8; height++ {
		for lines := 1; lines < 12; lines++ {
			s, out := screenOf(80, height)
			got := show(t, s, out, strings.Repeat("x\n", lines))
			if n := strings.Count(got, "\n"); n > max(1, height-1) {
				t.Errorf("%d lines on %d: %q", n, height, got)
			}
			if cut := strings.Contains(got, " more lines; a higher terminal shows them"); cut != (lines > height-1) {
				t.Errorf("%d lines on %d: %q", lines, height, got)
			}
		}
	}
	s, out := screenOf(80, 4)
	if got := show(t, s, out, "1\n2\n3\n4\n5"); !strings.Contains(got, "1\x1b[K\n2\x1b[K\n3 more lines; a higher terminal shows them") {
		t.Errorf("%q", got)
	}
}

func TestWithoutATerminalTextsFollowOneAnother(t *testing.T) {
	o, stdout, _ := buffered()
	s := o.Screen()
	for _, text := range []string{"one\n", "two\n"} {
		if err := s.Show(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := stdout.String(); got != "one\n\ntwo\n" {
		t.Errorf("%q", got)
	}
}
