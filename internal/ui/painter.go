package ui

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// painter keeps some lines at the end of a terminal. What is written through it
// goes above them. The cursor stays in the first column below the lines, so that
// nothing is torn when the program is killed. Only Ctrl-C moves it: the terminal
// shows ^C there.
type painter struct {
	to   io.Writer
	size func() (width, height int)

	mu    sync.Mutex
	drawn []string // the lines on the terminal
	width int      // of the terminal when they were drawn
	tail  []byte   // what was written after the last line break
}

// Write writes whole lines above the drawn ones. It keeps the rest until its line
// ends.
func (w *painter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tail = append(w.tail, p...)
	end := bytes.LastIndexByte(w.tail, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	lines := w.tail[:end]
	w.tail = slices.Clone(w.tail[end:])
	width, _ := w.size()
	if _, err := io.WriteString(w.to, w.erase(width)+string(lines)+text(w.drawn)); err != nil {
		return 0, err
	}
	w.width = width
	return len(p), nil
}

// draw replaces the lines. Lines that are on the terminal already are not
// written again.
func (w *painter) draw(frame func(width, height int) []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	width, height := w.size()
	lines := frame(width, height)
	if width == w.width && slices.Equal(lines, w.drawn) {
		return
	}
	_, _ = io.WriteString(w.to, w.erase(width)+text(lines))
	w.drawn, w.width = lines, width
}

// end removes the lines, and writes what was left of a line.
func (w *painter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	width, _ := w.size()
	_, _ = io.WriteString(w.to, w.erase(width)+string(w.tail))
	w.drawn, w.tail = nil, nil
}

// erase removes the lines from a terminal of this width, and what Ctrl-C left
// below them. A terminal that became narrower has wrapped them. It erases line by
// line: when a whole screen is erased at once, some terminals keep its lines in
// their history.
func (w *painter) erase(width int) string {
	if len(w.drawn) == 0 {
		return ""
	}
	rows := 0
	for _, line := range w.drawn {
		rows += max(1, (widthOf(line)+width-1)/width)
	}
	return "\r\x1b[2K" + strings.Repeat("\x1b[1A\x1b[2K", rows)
}

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// widthOf is the number of columns that a text takes.
func widthOf(s string) int { return prettytext.StringWidthWithoutEscSequences(s) }

// filed is a file, as far as a terminal's size needs one.
type filed interface{ Fd() uintptr }

func terminalSize(f filed) (width, height int, ok bool) {
	width, height, err := term.GetSize(int(f.Fd()))
	return width, height, err == nil && width > 0 && height > 0
}
