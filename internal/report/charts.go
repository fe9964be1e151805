package report

import (
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ingest-tool/ingest/internal/chart"
	"github.com/ingest-tool/ingest/internal/page"
	"github.com/ingest-tool/ingest/internal/ui"
)

// mostSteps is how many points a chart has at most.
const mostSteps = 48

// steps are the lengths of time that a point may stand for.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// axis is the time that the charts show, in steps.
type axis struct {
	from time.Time
	step time.Duration
	n    int
}

// axis begins with the first entry of the period: a pipeline of today has no empty week before it.
func (v *view) axis() axis {
	from := v.Since
	if len(v.Entries) > 0 && v.Entries[0].Time.After(from) {
		from = v.Entries[0].Time
	}
	if len(v.Loads) > 0 && len(v.Entries) == 0 && v.Loads[0].First.After(from) {
		from = v.Loads[0].First
	}
	span := max(v.Time.Sub(from), time.Second)
	step := steps[len(steps)-1]
	for _, s := range steps {
		if span <= s*mostSteps {
			step = s
			break
		}
	}
	step = max(step, (span / mostSteps).Truncate(time.Hour)) // of many years
	from = from.Truncate(step)
	return axis{from: from, step: step, n: int(v.Time.Sub(from)/step) + 1}
}

func (a axis) values(fill float64) []float64 {
	values := make([]float64, max(a.n, 1))
	for i := range values {
		values[i] = fill
	}
	return values
}

// at is the index of the step that holds a moment. A clock that is ahead counts for the last step.
func (a axis) at(t time.Time) int {
	return min(max(int(t.Sub(a.from)/a.step), 0), max(a.n, 1)-1)
}

// labels are the beginnings of the steps.
func (a axis) labels() []string {
	form := "15:04"
	switch {
	case a.step < time.Minute:
		form = "15:04:05"
	case a.step >= 24*time.Hour:
		form = "Jan 2"
	case a.step*time.Duration(a.n) > 36*time.Hour:
		form = "Jan 2 15:04"
	}
	labels := make([]string, max(a.n, 1))
	for i := range labels {
		labels[i] = a.from.Add(time.Duration(i) * a.step).UTC().Format(form)
	}
	return labels
}

// charts draws what happened over time.
func (v *view) charts() error {
	if len(v.Entries) == 0 && len(v.Loads) == 0 {
		return nil
	}
	a := v.axis()
	staged, loaded := a.values(math.NaN()), a.values(math.NaN())
	changes, snapshots, rescued, wakes := a.values(0), a.values(0), a.values(0), a.values(0)
	rows := map[string][]float64{}
	for _, op := range operations {
		rows[op] = a.values(0)
	}
	for _, e := range v.Entries {
		i := a.at(e.Time)
		for op, n := range e.Rows {
			if rows[op] != nil {
				rows[op][i] += float64(n)
			}
		}
		changes[i] += float64(e.Bytes)
		snapshots[i] += float64(e.SnapshotBytes)
		rescued[i] += float64(e.Rescued)
		if e.Lag != nil {
			staged[i] = greatest(staged[i], *e.Lag)
		}
	}
	for _, l := range v.Loads {
		i := a.at(l.Last)
		wakes[i] += float64(l.Loads)
		if l.Lag != nil {
			loaded[i] = greatest(loaded[i], *l.Lag)
		}
	}
	each := "a point is " + stepText(a.step)
	var operationSeries []chart.Series
	for _, op := range operations {
		if total(rows[op]) > 0 || op != "truncate" { // which is rare
			operationSeries = append(operationSeries, chart.Series{Name: op, Values: rows[op]})
		}
	}
	wanted := []wantedChart{
		{"Lag", "age of the newest commit, the most of a step; " + each, secondsText, seconds, chart.Lines,
			[]chart.Series{{Name: "when staged", Values: staged}, {Name: "when loaded", Values: loaded}}},
		{"Changes staged", "rows by operation; " + each, countText, whole, chart.Columns, operationSeries},
		{"Parquet staged", "bytes of segments; " + each, bytesText, whole, chart.Columns,
			[]chart.Series{{Name: "changes", Values: changes}, {Name: "snapshots", Values: snapshots}}},
		{"Loads", "each woke or used the warehouse; " + each, countText, whole, chart.Columns, []chart.Series{{Name: "loads", Values: wakes}}},
	}
	if total(rescued) > 0 {
		wanted = append(wanted, wantedChart{"Rescued values", "that did not fit their column; " + each, countText, whole, chart.Columns,
			[]chart.Series{{Name: "values", Values: rescued}}})
	}
	labels := a.labels()
	for _, w := range wanted {
		if empty(w.series) {
			continue
		}
		svg, err := w.draw(chart.Options{Labels: labels, Format: w.format, Steps: w.steps}, w.series...)
		if err != nil {
			return err
		}
		v.Charts = append(v.Charts, drawing{w.name, w.about, svg.Inline(w.name + ": " + w.about)})
	}
	return nil
}

// Steps of grids: a second and a row have no fractions that a reader would look for.
var (
	whole   = []float64{1}
	seconds = []float64{
		0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 6 * 3600,
		12 * 3600, 24 * 3600, 48 * 3600, 5 * 24 * 3600, 10 * 24 * 3600,
	}
)

// wantedChart is a chart that is drawn if it has a value.
type wantedChart struct {
	name, about string
	format      func(float64) string
	steps       []float64 // of the grid
	draw        func(chart.Options, ...chart.Series) (chart.SVG, error)
	series      []chart.Series
}

func empty(series []chart.Series) bool {
	for _, s := range series {
		for _, v := range s.Values {
			if v != 0 && !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// greatest is the greater of a value that may be unknown and another one.
func greatest(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return max(a, b)
}

func secondsText(v float64) string {
	if v == 0 {
		return "0s"
	}
	return ui.Duration(time.Duration(v * float64(time.Second))).String()
}

func bytesText(v float64) string { return humanize.Bytes(uint64(max(v, 0))) }

// countText is short: 12,000 is 12k.
func countText(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.4gG", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}

func stepText(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return page.Plural(int64(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return page.Plural(int64(d/time.Hour), "hour")
	case d >= time.Minute:
		return page.Plural(int64(d/time.Minute), "minute")
	}
	return page.Plural(int64(d/time.Second), "second")
}
