//go:build cgo && linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Report is all that was measured. Its JSON is only ever added to.
type Report struct {
	When        time.Time    `json:"when"`
	Quick       bool         `json:"quick"`
	Machine     Machine      `json:"machine"`
	Comparisons []Comparison `json:"comparisons"`
	Curves      []Curve      `json:"curves"`
	Targets     []Target     `json:"targets"`
}

// Machine is where it was measured.
type Machine struct {
	Cores      int    `json:"cores"`
	Model      string `json:"model"`
	PostgreSQL string `json:"postgresql"`
	Ingest     string `json:"ingest"`
	Go         string `json:"go"`
}

// Comparison is what several commands took for the same work.
type Comparison struct {
	Name     string    `json:"name"`
	About    string    `json:"about"`
	Units    int64     `json:"units"` // of work
	Unit     string    `json:"unit"`
	Subjects []Subject `json:"subjects"` // the first is the baseline
}

func (c *Comparison) of(name string) *Subject {
	for i := range c.Subjects {
		if c.Subjects[i].Name == name {
			return &c.Subjects[i]
		}
	}
	panic("no subject " + name)
}

// Subject is one of the commands.
type Subject struct {
	Name   string  `json:"name"`
	Ours   bool    `json:"ours"`
	Runs   []Run   `json:"runs"`
	Median Run     `json:"median"`
	Ratio  float64 `json:"ratio"` // of its time to the baseline's
}

// Curve is how a figure grows.
type Curve struct {
	Name   string  `json:"name"`
	X      string  `json:"x"`
	Y      string  `json:"y"`
	Note   string  `json:"note,omitempty"`
	Points []Point `json:"points"`
}

// Point is one of a curve.
type Point struct {
	X   int64   `json:"x"`
	Y   float64 `json:"y"`
	Run Run     `json:"run"`
}

func (c *Curve) add(x int64, y float64, r Run) { c.Points = append(c.Points, Point{x, y, r}) }

// at is the point of x, nil if there is none.
func (c *Curve) at(x int64) *Point {
	for i := range c.Points {
		if c.Points[i].X == x {
			return &c.Points[i]
		}
	}
	return nil
}

// Target is a figure that has a limit.
type Target struct {
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"` // else at most
}

// Met says whether the figure keeps its limit.
func (t Target) Met() bool {
	if t.AtLeast {
		return t.Value >= t.Limit
	}
	return t.Value <= t.Limit
}

// peakLimit is the memory that a client may use, in bytes.
const peakLimit = 300e6

func (r Run) String() string {
	return fmt.Sprintf("%8.2f s, client %6.2f s, server %6.2f s, %4d MB, %d requests, %d statements",
		r.Wall.Seconds(), r.ClientCPU.Seconds(), r.ServerCPU.Seconds(), r.PeakMemory/1e6, r.Requests, r.Statements)
}

// describe notes where this is measured.
func (b *bench) describe(ctx context.Context) error {
	version, err := b.version(ctx)
	if err != nil {
		return err
	}
	b.report.When, b.report.Quick = time.Now().UTC().Truncate(time.Second), b.quick
	b.report.Machine = Machine{
		Cores: runtime.NumCPU(), Model: processor(), PostgreSQL: b.source.server.Version(), Ingest: version, Go: runtime.Version(),
	}
	return nil
}

// processor is the machine's, as Linux names it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// write prints the report, and leaves it in a directory as JSON, and as Markdown
// with its plots.
func (r *Report) write(dir string) error {
	var peak int64
	for _, c := range r.Comparisons {
		for _, s := range c.Subjects {
			if s.Ours {
				peak = max(peak, s.Median.PeakMemory)
			}
		}
	}
	for _, c := range r.Curves {
		for _, p := range c.Points {
			peak = max(peak, p.Run.PeakMemory)
		}
	}
	r.Targets = append(r.Targets, Target{What: "peak memory of ingest, MB", Value: float64(peak) / 1e6, Limit: peakLimit / 1e6})
	return r.save(dir)
}

// redraw writes the Markdown and the plots of the report in a directory again.
func redraw(dir string, quick bool) error {
	r := &Report{Quick: quick}
	data, err := os.ReadFile(filepath.Join(dir, r.name()+".json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, r); err != nil {
		return err
	}
	return r.save(dir)
}

// name is the name of the report's files, without their kind.
func (r *Report) name() string {
	if r.Quick {
		return "quick"
	}
	return "report"
}

// save prints the report, and writes its files.
func (r *Report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := r.name()
	files := map[string][]byte{name + ".json": append(data, '\n')}
	var text bytes.Buffer
	if err := r.markdown(&text, name, files); err != nil {
		return err
	}
	files[name+".md"] = text.Bytes()
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(text.Bytes())
	return err
}

// markdown writes the report, and adds its plots to files.
func (r *Report) markdown(text *bytes.Buffer, name string, files map[string][]byte) (err error) {
	m := r.Machine
	fmt.Fprintf(text, "# Benchmark\n\n%s, on %d cores (%s), PostgreSQL %s, %s, %s.\n", r.When.Format(time.DateOnly), m.Cores, m.Model,
		m.PostgreSQL, m.Ingest, m.Go)
	if r.Quick {
		fmt.Fprintf(text, "Quick: with small data, for which starting a command counts.\n")
	}
	fmt.Fprintf(text, `
The server runs on one core, fsync off; the local workspace shares the other with the client. Times are medians; a ratio is of
one run of the benchmark, its baseline and its subject in turn. Memory is the greatest of any round.

| target | value | limit | |
|---|---|---|---|
`)
	for _, t := range r.Targets {
		limit, verdict := fmt.Sprintf("≤ %g", t.Limit), "missed"
		if t.AtLeast {
			limit = fmt.Sprintf("≥ %g", t.Limit)
		}
		if t.Met() {
			verdict = "met"
		}
		fmt.Fprintf(text, "| %s | %.2f | %s | %s |\n", t.What, t.Value, limit, verdict)
	}
	for i, c := range r.Comparisons {
		plot := fmt.Sprintf("%s-%d.svg", name, i+1)
		if files[plot], err = bars(c); err != nil {
			return err
		}
		fmt.Fprintf(text, "\n## %s\n\n%s.\n\n![time](%s)\n\n", c.Name, c.About, plot)
		fmt.Fprintf(text, "| command | time | ratio | %s a second | client CPU | server CPU | memory | requests | statements | wake-ups |\n"+
			"|---|---|---|---|---|---|---|---|---|---|\n", c.Unit)
		for _, s := range c.Subjects {
			run := s.Median
			fmt.Fprintf(text, "| %s | %.2f s | %.2f | %.0f | %.2f s | %.2f s | %d MB | %d | %d | %d |\n", s.Name, run.Wall.Seconds(), s.Ratio,
				float64(c.Units)/run.Wall.Seconds(), run.ClientCPU.Seconds(), run.ServerCPU.Seconds(), run.PeakMemory/1e6, run.Requests,
				run.Statements, run.Wakeups)
		}
	}
	for i, c := range r.Curves {
		plot := fmt.Sprintf("%s-curve-%d.svg", name, i+1)
		if files[plot], err = line(c); err != nil {
			return err
		}
		fmt.Fprintf(text, "\n## %s\n\n![%s](%s)\n\n| %s | %s | time | memory | requests |\n|---|---|---|---|---|\n", c.Name, c.Y, plot, c.X, c.Y)
		for _, p := range c.Points {
			fmt.Fprintf(text, "| %d | %.3g | %.2f s | %d MB | %d |\n", p.X, p.Y, p.Run.Wall.Seconds(), p.Run.PeakMemory/1e6, p.Run.Requests)
		}
		if c.Note != "" {
			fmt.Fprintf(text, "\n%s\n", c.Note)
		}
	}
	return nil
}
