package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/preflight"
	"github.com/ingest-tool/ingest/internal/probe"
	"github.com/ingest-tool/ingest/internal/ui"
)

// probeOptions are check's flags about the probe.
type probeOptions struct{ probe, yes bool }

// allowed refuses wrong combinations of flags before anything is opened.
func (o probeOptions) allowed(a *app) error {
	switch {
	case o.yes && !o.probe:
		return failure.New(failure.Usage, "--yes needs --probe").WithHint("add --probe, or remove --yes")
	case o.probe && !o.yes && !a.process.interactive():
		return failure.New(failure.Usage, "the probe creates objects in the workspace, and there is no terminal to ask for confirmation").
			WithHint("to run it without confirmation: ingest check --probe --yes")
	}
	return nil
}

// probe runs the probe after confirmation and adds its findings. It returns nil if
// the probe did not complete; the reason is among the findings.
func (a *app) probe(ctx, cleanup context.Context, target *databricks.Workspace, o probeOptions, c *preflight.Check) (*probe.Report, error) {
	if err := a.mayProbe(ctx, target, o); err != nil {
		return nil, err
	}
	progress := a.ui.Progress(a.log)
	item := progress.Start("questions", probe.Questions())
	report, err := probe.Run(ctx, cleanup, probe.Options{
		Workspace: target, Spool: a.config.Staging.Spool, Run: a.runID, Version: buildOf().Version, Log: a.log,
		Asked: func(probe.Answer) { item.Add(1, 0) },
	})
	item.Done()
	progress.Close()
	if ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	if err != nil {
		c.Failed("probe", err)
	}
	if report == nil {
		return nil, nil
	}
	c.Probed(report)
	if err == nil {
		err = probe.Keep(ctx, target, report)
		if err != nil {
			c.Failed("probe", err)
		}
	}
	return report, nil
}

// mayProbe prints the probe's plan and asks for confirmation unless --yes is given.
func (a *app) mayProbe(ctx context.Context, target *databricks.Workspace, o probeOptions) error {
	plan := strings.Join(probe.Plan(target), "\n")
	if o.yes {
		a.ui.Note("%s", plan)
		return nil
	}
	confirmed, err := a.confirm(ctx, plan)
	if err != nil || confirmed {
		return err
	}
	return failure.New(failure.Other, "the probe did not run: it was not confirmed").
		WithHint("ingest check --probe --yes runs without confirmation")
}

// printProbe prints the table of questions.
func printProbe(out *ui.Output, r *probe.Report) error {
	var rows [][]any
	for _, answer := range r.Answers {
		rows = append(rows, wrapped([]int{9, 34, 24, 34, 34},
			[]string{string(answer.Verdict), answer.Question + " (" + answer.ID + ")", answer.Expected, answer.Seen, answer.Means})...)
	}
	if err := out.Table([]string{"verdict", "question", "expected", "seen", "for this pipeline"}, rows); err != nil {
		return err
	}
	for _, name := range r.Removed {
		if err := out.Print("removed %s, which an earlier probe left behind", name); err != nil {
			return err
		}
	}
	for _, name := range r.Running {
		if err := out.Print("skipped %s: its probe is still running", name); err != nil {
			return err
		}
	}
	return out.Print("%s: %d as expected, %d other, %d wrong, %d without an answer; %s, %s; schema %s is removed",
		countOf(len(r.Answers), "question"),
		len(r.Of(probe.Fits)), len(r.Of(probe.Other)), len(r.Of(probe.Wrong)), len(r.Of(probe.Unasked)),
		countOf(r.Statements, "statement"), ui.Duration(time.Duration(r.Seconds*float64(time.Second))), r.Schema)
}

// wrapped breaks the cells of a row into lines of the given widths. It returns the
// lines as rows.
func wrapped(widths []int, cells []string) [][]any {
	columns := make([][]string, len(cells))
	lines := 0
	for i, cell := range cells {
		columns[i] = wrap(cell, widths[i])
		lines = max(lines, len(columns[i]))
	}
	rows := make([][]any, lines)
	for n := range rows {
		for _, column := range columns {
			text := ""
			if n < len(column) {
				text = column[n]
			}
			rows[n] = append(rows[n], text)
		}
	}
	return rows
}

// wrap breaks a text into lines at spaces. It breaks words that are wider than a
// line anywhere.
func wrap(text string, width int) []string {
	var lines []string
	line := []rune{}
	for word := range strings.FieldsSeq(text) {
		runes := []rune(word)
		if len(line) > 0 && len(line)+1+len(runes) > width {
			lines, line = append(lines, string(line)), nil
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for line = append(line, runes...); len(line) > width; line = line[width:] {
			lines = append(lines, string(line[:width]))
		}
	}
	return append(lines, string(line))
}
