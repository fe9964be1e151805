//go:build cgo && linux

package main

import (
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/chart"
)

const plotWidth = 720

// bars draws the times of a comparison, as ratios to the baseline, the first command at the top.
func bars(c Comparison) ([]byte, error) {
	n := len(c.Subjects)
	o := chart.Options{Width: plotWidth, Height: 26*n + 70, Format: func(v float64) string { return fmt.Sprintf("%.3g", v) }}
	ours, others := chart.Series{Name: "ingest", Values: make([]float64, n)}, chart.Series{Name: "others", Values: make([]float64, n)}
	for i, s := range slices.Backward(c.Subjects) {
		k := n - 1 - i
		o.Labels = append(o.Labels, s.Name)
		if s.Ours {
			ours.Values[k] = s.Ratio
		} else {
			others.Values[k] = s.Ratio
		}
	}
	svg, err := chart.Bars(o, ours, others)
	return svg.File(), err
}

// line draws a curve: a point for each measured size, which grow by powers.
func line(c Curve) ([]byte, error) {
	o := chart.Options{Width: plotWidth, Height: 260, Named: true, Format: func(v float64) string { return fmt.Sprintf("%.3g", v) }}
	values := chart.Series{Name: c.Y + ", by " + c.X}
	for _, p := range c.Points {
		o.Labels = append(o.Labels, fmt.Sprint(p.X))
		values.Values = append(values.Values, p.Y)
	}
	if len(c.Points) == 0 {
		o.Labels, values.Values = []string{"nothing was measured"}, []float64{0}
	}
	svg, err := chart.Lines(o, values)
	return svg.File(), err
}
