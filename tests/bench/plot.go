//go:build cgo && linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

const (
	plotWidth  = 720
	labelWidth = 250
	rowHeight  = 26
	ourColor   = "#c2410c"
	otherColor = "#64748b"
)

func svg(height int, draw func(*bytes.Buffer)) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b,
		`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="13">`+"\n",
		plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, height)
	draw(&b)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// bars draws the times of a comparison, as ratios to the baseline.
func bars(c Comparison) []byte {
	var most float64
	for _, s := range c.Subjects {
		most = max(most, s.Ratio)
	}
	return svg(rowHeight*len(c.Subjects)+10, func(b *bytes.Buffer) {
		for i, s := range c.Subjects {
			y, width, color := 5+i*rowHeight, s.Ratio/most*(plotWidth-labelWidth-70), otherColor
			if s.Ours {
				color = ourColor
			}
			fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, y+17, html.EscapeString(s.Name))
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y+3, width, rowHeight-6, color)
			fmt.Fprintf(b, `<text x="%.1f" y="%d">%.2f</text>`+"\n", labelWidth+width+6, y+17, s.Ratio)
		}
	})
}

// line draws a curve over a logarithmic axis, from 0 up.
func line(c Curve) []byte {
	const height, left, right, top, bottom = 260, 60, 20, 30, 40
	if len(c.Points) == 0 {
		return svg(height, func(*bytes.Buffer) {})
	}
	var most float64
	for _, p := range c.Points {
		most = max(most, p.Y)
	}
	first, last := math.Log10(float64(c.Points[0].X)), math.Log10(float64(c.Points[len(c.Points)-1].X))
	x := func(p Point) float64 {
		return left + (math.Log10(float64(p.X))-first)/max(last-first, 1)*(plotWidth-left-right)
	}
	y := func(v float64) float64 { return height - bottom - v/most*(height-top-bottom) }
	return svg(height, func(b *bytes.Buffer) {
		fmt.Fprintf(b, `<text x="%d" y="18">%s</text>`+"\n", left, html.EscapeString(c.Y))
		for _, v := range []float64{0, most / 2, most} {
			fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%[3]f" stroke="#e2e8f0"/>`+"\n", left, plotWidth-right, y(v))
			fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%.3g</text>`+"\n", left-6, y(v)+4, v)
		}
		var path bytes.Buffer
		for i, p := range c.Points {
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			fmt.Fprintf(&path, "%s%.1f,%.1f ", verb, x(p), y(p.Y))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x(p), y(p.Y), ourColor)
			fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(p), height-bottom+18, p.X)
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), ourColor)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotWidth-right, height-4, html.EscapeString(c.X))
	})
}
