package chart

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/page"
	"github.com/ingest-tool/ingest/internal/page/browsertest"
)

// TestLabelsAreWhole: no label is cut off or on another one, however long the names and how many the values are.
func TestLabelsAreWhole(t *testing.T) {
	var values []float64
	var times []string
	for i := range 48 {
		values = append(values, float64(i*i%97)*1234)
		times = append(times, "Mar 11 09:30")
	}
	values[3] = math.NaN()
	draw := func(svg SVG, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return string(svg.Inline(`a "drawing"`))
	}
	bars := draw(Bars(Options{Width: 720, Height: 200, Labels: []string{"psql", "a command with a <very> long name --and --its --options"}},
		Series{"ingest", []float64{0, 1.23}}, Series{"others", []float64{5.37, 0}}))
	lines := draw(Lines(Options{Labels: times}, Series{"when staged", values}, Series{"when loaded", values}))
	columns := draw(Columns(Options{Labels: times[:1]}, Series{"insert", []float64{1}}, Series{"update", []float64{0}}))
	none := draw(Lines(Options{Labels: times[:1]}, Series{"nothing", []float64{math.NaN()}}))
	html := "<style>" + string(page.CSS()) + "</style>"
	for _, drawing := range []string{bars, lines, columns, none} {
		html += `<div style="width:760px">` + drawing + "</div>"
	}
	for n := 1; n <= 6; n++ { // however many charts there are, no row of them leaves a gap
		html += `<div class="charts">` + strings.Repeat("<figure>a chart</figure>", n) + "</div>"
	}
	for _, s := range browsertest.Windows(t, html) {
		if s.Width != browsertest.Desk { // the drawings keep their width here
			if strings.Contains(strings.Join(s.Problems, "\n"), "a gap of ") {
				t.Errorf("width %d: %s", s.Width, strings.Join(s.Problems, "\n"))
			}
			continue
		}
		if len(s.Problems) > 0 || s.Charts != 4 {
			t.Errorf("%d drawings: %s", s.Charts, strings.Join(s.Problems, "\n"))
		}
		for _, want := range []string{"a command with a <very> long name --and --its --options", "5.37", "1.23", "when staged",
			"Mar 11 09:30", "insert"} {
			if !slices.Contains(s.Labels, want) {
				t.Errorf("no %q in %q", want, s.Labels)
			}
		}
	}
	if !strings.Contains(bars, `role="img" aria-label="a &#34;drawing&#34;"`) {
		t.Error(bars[:200])
	}
}

// TestFileStandsAlone: a drawing in a file brings its colours, light and dark.
func TestFileStandsAlone(t *testing.T) {
	svg, err := Columns(Options{Labels: []string{"a"}}, Series{"one", []float64{1}})
	if err != nil {
		t.Fatal(err)
	}
	file := string(svg.File())
	if !strings.HasPrefix(file, "<svg ") || !strings.Contains(file, "prefers-color-scheme:dark") ||
		!strings.Contains(file, "fill:var(--s1)") || strings.Contains(file, "rgb(1,2,") {
		t.Error(file)
	}
}

// TestAxisEndsAtALine: the greatest value is at most the last line of the grid, and few lines are above the first.
func TestAxisEndsAtALine(t *testing.T) {
	for _, steps := range [][]float64{nil, {1}, {0.5, 1, 30, 60}} {
		o := Options{Steps: steps}
		for _, top := range []float64{0, 1e-9, 0.3, 1, 7, 99, 100, 101, 4321, 1e12} {
			a := o.axis(top)
			fraction := len(steps) == 1 && *a.Max != math.Trunc(*a.Max)
			if *a.Max < top || a.LabelCount < 2 || a.LabelCount > intervals+2 || fraction {
				t.Errorf("%v with %v: up to %v in %d lines", top, steps, *a.Max, a.LabelCount)
			}
		}
	}
}
