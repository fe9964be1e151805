package ui

import (
	"fmt"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// Limits of what a frame shows.
const (
	mostItems = 20 // so that the log stays visible
	leastName = 8  // a name is not shortened below this width
	gap       = "  "
)

// frame is the lines that fit on a terminal: one for each phase, then the active
// items. The last column stays free, because some terminals break a line that
// fills it.
func (p *Progress) frame(width, height int) []string {
	phases, items := p.shown()
	width, room := max(1, width-1), height-1 // the cursor has the last line
	var lines []string
	for _, ph := range phases {
		lines = append(lines, p.output.phaseLine(ph.look(items), width))
	}
	if len(lines) >= room {
		return lines[:max(0, room)]
	}
	room = min(room-len(lines), mostItems+1)
	shown := len(items)
	if shown > room || shown > mostItems {
		shown = room - 1
	}
	indent := ""
	if len(phases) > 0 {
		indent = gap
	}
	lines = append(lines, itemLines(items[:shown], width, indent)...)
	if more := len(items) - shown; more > 0 {
		lines = append(lines, clip(fmt.Sprintf("%sand %s more", indent, Count(more)), width))
	}
	return lines
}

// cell is a part of a line. On a narrow terminal the cells with the lowest rank
// are left out first; those of rank 0 stay.
type cell struct {
	text string
	rank int
}

const (
	nounRank = 4
	lastRank = 6
)

func (o *Output) phaseLine(l outlook, width int) string {
	cells := []cell{{l.note, 5}}
	if l.tables > 0 {
		noun := "tables"
		if l.tables == 1 {
			noun = "table"
		}
		cells = append(cells, cell{fmt.Sprintf("%s of %s", Count(l.done), Count(l.tables)), lastRank}, cell{noun, nounRank})
	}
	if l.rows > 0 {
		cells = append(cells, cell{Count(l.rows).String() + " rows", 2}, cell{Count(l.rate).String() + " rows/s", 1})
	}
	if l.bytes > 0 {
		cells = append(cells, cell{Bytes(l.bytes).String(), 3})
	}
	if l.shared {
		cells = append(cells, cell{shareText(l.share, true), 0}, cell{leftText(l.left, l.leaving), 0})
	}
	if !l.leaving {
		cells = append(cells, cell{Duration(l.elapsed).String(), 0})
	}
	rest := joined(cells)
	for rank := 1; rank <= lastRank && widthOf(l.title)+widthOf(rest) > width; rank++ {
		for i := range cells {
			if cells[i].rank == rank {
				cells[i].text = ""
			}
		}
		rest = joined(cells)
	}
	title := clip(shorten(l.title, max(leastName, width-widthOf(rest))), width)
	return o.paint(bold, title) + clip(rest, width-widthOf(title))
}

// joined puts cells after a title. A noun belongs to the number before it.
func joined(cells []cell) string {
	var b strings.Builder
	for _, c := range cells {
		switch {
		case c.text == "":
		case c.rank == nounRank:
			b.WriteString(" " + c.text)
		default:
			b.WriteString(gap + c.text)
		}
	}
	return b.String()
}

// itemLines align the items' columns: name, rows, rate, bytes, share and time
// left. On a narrow terminal the rate is left out first, then bytes and rows;
// then names are shortened.
func itemLines(items []*Item, width int, indent string) []string {
	const columns = 6
	order := []int{2, 3, 1} // the columns that may be left out, in this order
	rows := make([][columns]string, len(items))
	var widths [columns]int
	for i, item := range items {
		s := item.look()
		share, shared := s.share()
		left, leaving := s.left()
		rows[i] = [columns]string{
			item.name, Count(s.rows).String() + " rows", Count(s.rate).String() + " rows/s", Bytes(s.bytes).String(),
			shareText(share, shared), leftText(left, leaving),
		}
		if s.bytes == 0 {
			rows[i][3] = ""
		}
		for c, text := range rows[i] {
			widths[c] = max(widths[c], widthOf(text))
		}
	}
	// A name that takes more than half of the line is shortened before a column
	// is left out.
	wanted := min(widths[0], max(2*leastName, width/2))
	for _, c := range order {
		if len(indent)+wanted+taken(widths[1:]) <= width {
			break
		}
		widths[c] = 0
	}
	widths[0] = min(widths[0], max(leastName, width-len(indent)-taken(widths[1:])))
	lines := make([]string, len(rows))
	for i, row := range rows {
		var line strings.Builder
		line.WriteString(indent + pad(shorten(row[0], widths[0]), widths[0]))
		for c := 1; c < columns; c++ {
			if widths[c] > 0 {
				line.WriteString(gap + strings.Repeat(" ", widths[c]-widthOf(row[c])) + row[c])
			}
		}
		lines[i] = clip(strings.TrimRight(line.String(), " "), width)
	}
	return lines
}

// taken is the width of columns with the gaps before them.
func taken(widths []int) int {
	sum := 0
	for _, w := range widths {
		if w > 0 {
			sum += w + len(gap)
		}
	}
	return sum
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-widthOf(s))) }

// shorten takes characters out of the middle: tables often share their first
// part, and partitions the last.
func shorten(s string, width int) string {
	if widthOf(s) <= width {
		return s
	}
	if width <= 1 {
		return clip(s, width)
	}
	runes := []rune(s)
	head := clip(s, (width-1)/2)
	tail, room := len(runes), width-1-widthOf(head)
	for tail > 0 && room-prettytext.RuneWidth(runes[tail-1]) >= 0 {
		tail--
		room -= prettytext.RuneWidth(runes[tail])
	}
	return head + "…" + string(runes[tail:])
}

// clip is the beginning of a text that fits into a width.
func clip(s string, width int) string {
	for i, r := range s {
		if width -= prettytext.RuneWidth(r); width < 0 {
			return s[:i]
		}
	}
	return s
}
