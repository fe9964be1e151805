// Package chart draws charts as SVG. Colours are CSS properties, so that one
// drawing fits light and dark; File adds them for a drawing that stands alone.
// Numbers are drawn by github.com/go-analyze/charts.
package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/go-analyze/charts"

	"github.com/ingest-tool/ingest/internal/page"
)

// Series is a row of values. NaN is a value that is not known.
type Series struct {
	Name   string
	Values []float64
}

// Options say how a chart looks.
type Options struct {
	Width, Height int      // 0: 380 and 200
	Labels        []string // one for each value
	Format        func(float64) string
	Named         bool // the name of a single series is shown, too
	// Steps are distances between two lines of the grid that read well, ascending. Without them they are 1, 2
	// and 5 times a power of ten.
	Steps []float64
}

// SVG is a drawing.
type SVG string

// fontSize is in points. Labels are measured with a wide font (Roboto Medium at this size) and drawn with the
// reader's font a little smaller, so that none is cut off.
const fontSize = 9

// The theme's colours only name the CSS properties that replace them.
var properties = []string{"--ink", "--soft", "--line", "--s1", "--s2", "--s3", "--s4", "--s5", "--s6"}

func color(property string) charts.Color {
	return charts.Color{R: 1, G: 2, B: uint8(3 + slices.Index(properties, property)), A: 255}
}

var theme = charts.MakeTheme(charts.ThemeOption{
	AxisStrokeColor: color("--soft"), AxisSplitLineColor: color("--line"), BackgroundColor: charts.Color{},
	TextColor: color("--ink"), TextColorXAxis: color("--soft"), TextColorYAxis: color("--soft"), TextColorLegend: color("--ink"),
	SeriesColors: []charts.Color{color("--s1"), color("--s2"), color("--s3"), color("--s4"), color("--s5"), color("--s6")},
})

// painter begins a drawing, and finish ends it.
func (o *Options) painter() *charts.Painter {
	if o.Width == 0 {
		o.Width, o.Height = 380, 200
	}
	if o.Format == nil {
		o.Format = func(v float64) string { return fmt.Sprintf("%g", v) }
	}
	return charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: o.Width, Height: o.Height, Theme: theme})
}

var (
	drawnColor = regexp.MustCompile(`rgb\(1,2,(\d+)\)`)
	drawnFont  = regexp.MustCompile(`font-size:[0-9.]+px;font-family:[^"]*"`)
)

func finish(p *charts.Painter) (SVG, error) {
	raw, err := p.Bytes()
	if err != nil {
		return "", fmt.Errorf("draw a chart: %w", err)
	}
	s := drawnColor.ReplaceAllStringFunc(string(raw), func(c string) string {
		var n int
		if _, err := fmt.Sscanf(c, "rgb(1,2,%d)", &n); err != nil || n-3 >= len(properties) {
			return c
		}
		return "var(" + properties[n-3] + ")"
	})
	return SVG(drawnFont.ReplaceAllString(s, `font-size:11px;font-family:inherit"`)), nil
}

// values copies series for the library, which takes its own value for one that is not known.
func values(series []Series) (data [][]float64, names []string) {
	for _, s := range series {
		row := slices.Clone(s.Values)
		for i, v := range row {
			if math.IsNaN(v) {
				row[i] = charts.GetNullValue()
			}
		}
		data, names = append(data, row), append(names, s.Name)
	}
	return data, names
}

func font() charts.FontStyle { return charts.FontStyle{FontSize: fontSize} }

func (o *Options) legend(names []string) charts.LegendOption {
	return charts.LegendOption{
		SeriesNames: names, FontStyle: font(), Symbol: charts.SymbolSquare, Show: new(len(names) > 1 || o.Named),
		Offset: charts.OffsetStr{Left: charts.PositionLeft}, Padding: charts.NewBoxEqual(2),
	}
}

// sparse returns the labels with those left out that would stand on one another.
func (o *Options) sparse() []string {
	most := 1
	for _, l := range o.Labels {
		most = max(most, len([]rune(l)))
	}
	fit := max(2, (o.Width-80)/(most*7+14))
	every := (len(o.Labels) + fit - 1) / fit
	labels := make([]string, len(o.Labels))
	for i, l := range o.Labels {
		if labels[i] = " "; i%max(every, 1) == 0 {
			labels[i] = l
		}
	}
	return labels
}

var padding = charts.Box{Left: 8, Top: 8, Right: 24, Bottom: 8}

// Lines draws series over time.
func Lines(o Options, series ...Series) (SVG, error) {
	p := o.painter()
	data, names := values(series)
	c := charts.NewLineChartOptionWithData(data)
	c.Theme, c.Padding = theme, padding
	c.XAxis.Labels, c.XAxis.LabelFontStyle, c.XAxis.LabelCount = o.sparse(), font(), len(o.Labels)
	c.Legend = o.legend(names)
	c.YAxis = []charts.YAxisOption{o.axis(most(series, false))}
	c.LineStrokeWidth = 2
	c.ValueFormatter = o.Format
	if err := p.LineChart(c); err != nil {
		return "", fmt.Errorf("draw lines: %w", err)
	}
	return finish(p)
}

// Columns draws series as columns over time, one above the other.
func Columns(o Options, series ...Series) (SVG, error) {
	p := o.painter()
	data, names := values(series)
	c := charts.NewBarChartOptionWithData(data)
	c.Theme, c.Padding = theme, padding
	c.StackSeries = new(true)
	c.CategoryAxis.Labels, c.CategoryAxis.LabelFontStyle, c.CategoryAxis.LabelCount = o.sparse(), font(), len(o.Labels)
	c.Legend = o.legend(names)
	c.ValueAxis = []charts.ValueAxisOption{o.axis(most(series, true))}
	c.ValueFormatter = o.Format
	if err := p.BarChart(c); err != nil {
		return "", fmt.Errorf("draw columns: %w", err)
	}
	return finish(p)
}

// Bars draws one horizontal bar for each label, with its value behind it. Bars of different series are beside one another.
func Bars(o Options, series ...Series) (SVG, error) {
	p := o.painter()
	data, names := values(series)
	c := charts.NewBarChartOptionWithData(data)
	c.Horizontal = true
	c.Theme, c.Padding = theme, charts.Box{Left: 8, Top: 8, Right: 60, Bottom: 8}
	c.StackSeries = new(true)
	c.CategoryAxis.Labels, c.CategoryAxis.LabelFontStyle = o.Labels, font()
	c.Legend = o.legend(names)
	c.ValueAxis = []charts.ValueAxisOption{o.axis(most(series, true))}
	c.ValueFormatter = o.Format
	for i := range c.SeriesList {
		c.SeriesList[i].Label = charts.SeriesLabel{
			Show: new(true), FontStyle: charts.FontStyle{FontSize: fontSize, FontColor: color("--ink")},
			ValueFormatter: func(v float64) string {
				if v == 0 {
					return ""
				}
				return o.Format(v)
			},
		}
	}
	if err := p.BarChart(c); err != nil {
		return "", fmt.Errorf("draw bars: %w", err)
	}
	return finish(p)
}

// intervals is how many lines of the grid are above the first, about.
const intervals = 4

// axis begins at 0, and ends at the first line of the grid at or above a value.
func (o *Options) axis(top float64) charts.ValueAxisOption {
	step := o.step(top / intervals)
	n := max(1, int(math.Ceil(top/step-1e-9)))
	return charts.ValueAxisOption{
		Min: new(0.0), Max: new(float64(n) * step), LabelCount: n + 1, RangeValuePaddingScale: new(0.0),
		PreferNiceIntervals: new(false), LabelFontStyle: font(), ValueFormatter: o.Format,
	}
}

// step is the least distance that reads well, and is not less than another one.
func (o *Options) step(least float64) float64 {
	for _, s := range o.Steps {
		if s >= least {
			return s
		}
	}
	if least <= 0 || math.IsInf(least, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, s := range []float64{1, 2, 5} {
		if s*power >= least*(1-1e-9) {
			return s * power
		}
	}
	return 10 * power
}

// most is the greatest value, or the greatest sum of those that are above one another.
func most(series []Series, stacked bool) float64 {
	top := 0.0
	for i := 0; len(series) > 0 && i < len(series[0].Values); i++ {
		sum := 0.0
		for _, s := range series {
			v := s.Values[i]
			if math.IsNaN(v) {
				continue
			}
			if sum += v; !stacked {
				top = max(top, v)
			}
		}
		if stacked {
			top = max(top, sum)
		}
	}
	return top
}

// Inline is the drawing as a part of a page, whose style sheet has the colours.
func (s SVG) Inline(label string) template.HTML {
	return template.HTML(strings.Replace(string(s), "<svg ", //nolint:gosec // the library escapes what it draws
		`<svg role="img" aria-label="`+html.EscapeString(label)+`" `, 1))
}

// File is the drawing as a file of its own, light and dark.
func (s SVG) File() []byte {
	style := "<style>svg{" + page.Light + "background:var(--back);font-family:system-ui,\"DejaVu Sans\",sans-serif}\n" +
		"@media (prefers-color-scheme:dark){svg{" + page.Dark + "}}</style>\n"
	at := strings.Index(string(s), ">") + 1
	return []byte(string(s)[:at] + style + string(s)[at:] + "\n")
}
