package ui

import (
	"os"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// Screen shows a text on standard output again and again. On a terminal each text replaces the one
// before. Elsewhere they follow one another, with an empty line between them.
type Screen struct {
	out  *Output
	size func() (width, height int) // 0, 0: no terminal
	used bool
}

// Screen begins to show texts.
func (o *Output) Screen() *Screen {
	s := &Screen{out: o, size: func() (int, int) { return 0, 0 }}
	if f, ok := o.stdout.(*os.File); ok && o.redraws {
		s.size = func() (int, int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0, 0
			}
			return width, height
		}
	}
	return s
}

// Show shows a text. A line that the terminal is too narrow for is cut. If there are too many lines, the
// last line says how many are left out.
func (s *Screen) Show(text string) error {
	text = strings.TrimRight(text, "\n")
	width, height := s.size()
	first := !s.used
	s.used = true
	if width <= 0 || height <= 0 {
		if !first {
			text = "\n" + text
		}
		return s.out.write(text + "\n")
	}
	return s.out.write(redraw(text, width, height, first))
}

// Escape sequences of every terminal that is not dumb (ECMA-48).
const (
	home      = "\x1b[H"
	eraseAll  = "\x1b[2J"
	eraseLine = "\x1b[K" // to its end
	eraseRest = "\x1b[J" // below
)

// redraw is what replaces a terminal's contents by a text. It erases behind each line instead of
// everything before the first, so that nothing flickers. The cursor stays on a free line below.
func redraw(text string, width, height int, first bool) string {
	lines := strings.Split(text, "\n")
	if room := height - 1; len(lines) > room {
		room = max(0, room-1)
		left := len(lines) - room
		lines = append(lines[:room:room], Count(left).String()+" more lines; a higher terminal shows them")
	}
	var b strings.Builder
	if first {
		b.WriteString(eraseAll)
	}
	b.WriteString(home)
	for _, line := range lines {
		b.WriteString(prettytext.Trim(line, width) + eraseLine + "\n")
	}
	b.WriteString(eraseRest)
	return b.String()
}
