// Package report makes one HTML page of a pipeline over a period. The page
// needs no server, no script and nothing from elsewhere.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/page"
	"github.com/ingest-tool/ingest/internal/replicate"
)

//go:embed report.html
var text string

var layout = template.Must(template.New("report").Funcs(page.Funcs).Parse(text))

// Write writes the page.
func Write(w io.Writer, r *replicate.Report) error {
	v, err := newView(r)
	if err != nil {
		return err
	}
	if err := layout.Execute(w, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// view is what the template shows.
type view struct {
	*replicate.Report
	Period  string
	Figures []figure
	Charts  []drawing
	Notes   []note
	Tables  []tableView
	Woken   []loadView
	// Idle counts the entries of changes without rows: the warehouse was not woken for them.
	Idle int
}

// figure is a number that a reader looks for first.
type figure struct{ Name, Value, More, Class string }

// note is something that needs attention.
type note struct{ Class, What, Fix string }

// drawing is a chart with its caption.
type drawing struct {
	Name, About string
	SVG         template.HTML
}

// tableView is a row of the table of tables: the state now, and what happened in the period.
type tableView struct {
	replicate.TableStatus
	In      replicate.TableReport
	Class   string
	Changes string
	Notes   []string
	Rescued int64
}

// loadView is a row of what woke the warehouse.
type loadView struct {
	replicate.LoadReport
	Why string
	Lag string
}

func newView(r *replicate.Report) (*view, error) {
	v := &view{Report: r, Period: durationText(r.Time.Sub(r.Since))}
	v.notes()
	v.tables()
	v.woken()
	v.figures()
	for _, e := range r.Entries {
		if e.Kind == "changes" && len(e.Rows) == 0 {
			v.Idle++
		}
	}
	return v, v.charts()
}

func (v *view) notes() {
	s := v.Status
	if v.Unreachable != "" {
		v.Notes = append(v.Notes, note{"", "The slot is not shown: " + v.Unreachable, ""})
	}
	if s.Problem != "" {
		v.Notes = append(v.Notes, note{"bad", s.Problem, s.Hint})
	}
	if s.Warning != "" {
		v.Notes = append(v.Notes, note{"", s.Warning, s.Remedy})
	}
	for i := range s.Refused {
		v.Notes = append(v.Notes, note{"bad", "publication " + s.Refused[i].What() + ": " + s.Refused[i].Why, s.Refused[i].Remedy})
	}
}

func (v *view) tables() {
	in := map[string]replicate.TableReport{}
	for _, t := range v.Report.Tables {
		in[t.Table] = t
	}
	for _, t := range v.Status.Tables {
		one := tableView{TableStatus: t, In: in[t.Table], Class: stateClass(t.State)}
		one.Changes = changesText(one.In.Rows)
		for _, n := range t.Rescued {
			one.Rescued += n
		}
		if t.Since != nil {
			one.Notes = append(one.Notes, "since "+page.Time(*t.Since))
		}
		for _, n := range []string{t.Quarantine, t.Reload, t.NotReplicated, t.Remedy} {
			if n != "" {
				one.Notes = append(one.Notes, n)
			}
		}
		for _, k := range t.Kept {
			text := string(k.Kind) + " " + k.State
			if k.Quarantine != "" {
				text += ": " + k.Quarantine + "; " + k.Remedy
				one.Class = "bad"
			}
			one.Notes = append(one.Notes, text)
		}
		v.Tables = append(v.Tables, one)
	}
}

func stateClass(state string) string {
	switch state {
	case "loaded":
		return "good"
	case "quarantined", "reload needed", "snapshot needed":
		return "bad"
	}
	return "warn"
}

// operations in the order in which they are shown.
var operations = []string{"insert", "update", "delete", "truncate"}

func changesText(rows map[string]int64) string {
	var parts []string
	for _, op := range operations {
		if n := rows[op]; n > 0 {
			parts = append(parts, countText(float64(n))+" "+op)
		}
	}
	return strings.Join(parts, ", ")
}

// woken lists the loads, the newest first.
func (v *view) woken() {
	for _, l := range slices.Backward(v.Loads) {
		var why []string
		for _, part := range []struct {
			n    int
			noun string
			verb string
		}{
			{l.Changed, "table", "with changes"}, {l.Snapshots, "snapshot", "of a full load"},
			{l.Kept, "table", "whose current state or history was behind"}, {l.Quarantined, "table", "that was quarantined"},
		} {
			if part.n > 0 {
				why = append(why, page.Plural(int64(part.n), part.noun)+" "+part.verb)
			}
		}
		if why == nil {
			why = []string{"views or columns"}
		}
		one := loadView{LoadReport: l, Why: strings.Join(why, ", ")}
		if l.Lag != nil {
			one.Lag = secondsText(*l.Lag)
		}
		v.Woken = append(v.Woken, one)
	}
}

func (v *view) figures() {
	states := map[string]int{}
	var rows, changes, bytes, rescued int64
	for _, t := range v.Tables {
		states[t.Class]++
		rows += t.Loaded
	}
	for _, e := range v.Entries {
		for _, n := range e.Rows {
			changes += n
		}
		bytes += e.Bytes + e.SnapshotBytes
		rescued += e.Rescued
	}
	lag, about := v.lag()
	tables := figure{"Tables loaded", fmt.Sprintf("%d of %d", states["good"], len(v.Tables)), "", ""}
	if n := states["bad"]; n > 0 {
		tables.More, tables.Class = page.Plural(int64(n), "table")+" to look at", "bad"
	} else if n := states["warn"]; n > 0 {
		tables.More = page.Plural(int64(n), "table") + " waiting"
	}
	loads := 0
	for _, l := range v.Loads {
		loads += l.Loads
	}
	v.Figures = []figure{
		tables, {"Lag", lag, about, ""},
		{"Rows in target", page.Count(rows), "by the cache of loads", ""},
		{"Changes staged", page.Count(changes), "in " + v.Period, ""},
		{"Parquet staged", bytesText(float64(bytes)), "in " + v.Period, ""},
		{"Loads", page.Count(loads), "in " + v.Period + ", each woke or used the warehouse", ""},
	}
	if s := v.Status.Slot; s != nil {
		more := s.WALStatus
		if s.SafeBytes != nil {
			more += ", " + bytesText(float64(*s.SafeBytes)) + " left before the slot is lost"
		}
		v.Figures = append(v.Figures, figure{"WAL kept", bytesText(float64(s.KeptBytes)), more, ""})
	}
	if rescued > 0 {
		v.Figures = append(v.Figures, figure{"Rescued values", page.Count(rescued), "in " + v.Period, ""})
	}
}

// lag is how far the target was behind when it was last brought forward.
func (v *view) lag() (value, about string) {
	for _, l := range slices.Backward(v.Loads) {
		if l.Lag != nil {
			return secondsText(*l.Lag), "newest commit when it was loaded, " + page.Time(l.Last)
		}
	}
	for _, e := range slices.Backward(v.Entries) {
		if e.Lag != nil {
			return secondsText(*e.Lag), "newest commit when it was staged, " + page.Time(e.Time)
		}
	}
	return "–", "no commit was staged in " + v.Period
}

// durationText is the length of a period: 7 days, 12 hours, 90 minutes. The report takes a moment to make,
// which is not a part of it.
func durationText(d time.Duration) string {
	if rounded := d.Round(time.Minute); rounded > 0 {
		d = rounded
	}
	for _, unit := range []struct {
		of   time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.of && d%unit.of == 0 {
			return page.Plural(int64(d/unit.of), unit.noun)
		}
	}
	return page.Plural(int64(d.Round(time.Second)/time.Second), "second")
}
