//go:build unix

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
)

// A cell of the picture, in pixels. The width is that of the usual monospaced
// fonts at this size; textLength corrects others.
const (
	cellWidth  = 8.4
	lineHeight = 18
	fontSize   = 14
	margin     = 14
)

// drawSVG draws the screen without the blank lines at its end.
func drawSVG(emulator *vt.Emulator) []byte {
	lines := strings.Split(strings.TrimRight(emulator.String(), " \n"), "\n")
	width, height := float64(emulator.Width())*cellWidth+2*margin, len(lines)*lineHeight+2*margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" role="img">
<rect width="100%%" height="100%%" rx="6" fill="#1b1f24"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" fill="#d7dce2">
`, width, height, width, height, fontSize)
	for y := range lines {
		drawLine(&b, emulator, y)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// drawLine draws the runs of cells that look the same.
func drawLine(b *bytes.Buffer, emulator *vt.Emulator, y int) {
	var run strings.Builder
	start, attributes := 0, ""
	flush := func(end int) {
		text := strings.TrimRight(run.String(), " ")
		run.Reset()
		lead := len(text) - len(strings.TrimLeft(text, " "))
		if text = text[lead:]; text == "" {
			return
		}
		cells := end - start - lead - trailing(emulator, y, end)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve"%s>`,
			margin+float64(start+lead)*cellWidth, margin+y*lineHeight+fontSize, float64(cells)*cellWidth, attributes)
		_ = xml.EscapeText(b, []byte(text))
		b.WriteString("</text>\n")
	}
	for x := range emulator.Width() {
		cell := emulator.CellAt(x, y)
		content, style := " ", ""
		if cell != nil {
			content, style = cell.Content, attributesOf(cell.Style)
			if content == "" && cell.Width == 0 { // the second half of a wide character
				continue
			}
		}
		if style != attributes {
			flush(x)
			start, attributes = x, style
		}
		run.WriteString(content)
	}
	flush(emulator.Width())
}

// trailing counts the blank cells before x.
func trailing(emulator *vt.Emulator, y, x int) (n int) {
	for ; x > 0; x-- {
		if cell := emulator.CellAt(x-1, y); cell != nil && strings.TrimSpace(cell.Content) != "" {
			return n
		}
		n++
	}
	return n
}

func attributesOf(style uv.Style) string {
	var out string
	if style.Fg != nil {
		out += fmt.Sprintf(` fill="%s"`, hex(style.Fg))
	}
	if style.Attrs&uv.AttrBold != 0 {
		out += ` font-weight="bold"`
	}
	if style.Attrs&uv.AttrFaint != 0 {
		out += ` opacity="0.65"`
	}
	return out
}

// hex is a color as the picture shows it: lighter than a terminal's basic colors,
// which are too dark on this background.
func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	lift := func(v uint32) uint32 { return 90 + (v>>8)*165/255 }
	return fmt.Sprintf("#%02x%02x%02x", lift(r), lift(g), lift(b))
}
