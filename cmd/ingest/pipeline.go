package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/ui"
)

// printSummary prints what a run did. After an error it prints what was done before.
func printSummary(out *ui.Output, s *replicate.Summary) error {
	if out.Structured {
		return out.JSON(s)
	}
	for _, what := range s.Repaired {
		if err := out.Print("repair: %s", what); err != nil {
			return err
		}
	}
	if len(s.Tables) == 0 {
		return out.Print("no changes since the last run (position %s, %d statements)", s.Position, s.Statements)
	}
	rows := make([][]any, len(s.Tables))
	for i, t := range s.Tables {
		rows[i] = []any{t.Table, ui.Count(t.Staged), changesText(t), ui.Count(t.Loaded), total(t), notesText(t)}
	}
	if err := out.Table([]string{"table", "staged", "changes", "loaded", "in target", "notes"}, rows); err != nil {
		return err
	}
	for _, t := range s.Tables {
		if t.Error != "" {
			out.Note("%s: %s", t.Table, t.Error)
		}
		for _, k := range t.Kept {
			if k.Error != "" {
				out.Note("%s: %s", t.Table, k.Error)
			}
		}
	}
	return out.Print("%s, %s, position %s, %s, %s", countOf(s.Entries, "entry"), countOf(int(s.Transactions), "transaction"), s.Position,
		countOf(s.Statements, "statement"),
		ui.Duration(time.Duration(s.Seconds*float64(time.Second))))
}

// noCount stands in a column of numbers where a number is not known.
type noCount int

func (noCount) String() string { return "" }

// total is the number of rows in the target. It is not known if the run did not load the table.
func total(t *replicate.TableSummary) any {
	if t.Total == 0 && (t.Staged > 0 || t.Error != "") {
		return noCount(0)
	}
	return ui.Count(t.Total)
}

func changesText(t *replicate.TableSummary) string {
	var parts []string
	for _, op := range []schema.Op{schema.OpInsert, schema.OpUpdate, schema.OpDelete, schema.OpTruncate} {
		if n := t.Changes[string(op)]; n > 0 {
			parts = append(parts, ui.Count(n).String()+" "+string(op))
		}
	}
	return strings.Join(parts, ", ")
}

func notesText(t *replicate.TableSummary) string {
	var parts []string
	if t.Replaced > 0 {
		parts = append(parts, "replaced "+ui.Count(t.Replaced).String()+" rows, log included")
	}
	if len(t.Added) > 0 {
		parts = append(parts, "added "+strings.Join(t.Added, ", "))
	}
	if len(t.Widened) > 0 {
		parts = append(parts, "widened "+strings.Join(t.Widened, ", "))
	}
	for _, column := range slices.Sorted(maps.Keys(t.Rescued)) {
		parts = append(parts, ui.Count(t.Rescued[column]).String()+" rescued in "+column)
	}
	if t.Reload != "" {
		parts = append(parts, "reload needed: "+t.Reload)
	}
	for _, k := range t.Kept {
		parts = append(parts, keptText(k))
	}
	switch {
	case t.Quarantined:
		parts = append(parts, "QUARANTINED")
	case t.Error != "":
		parts = append(parts, "FAILED")
	}
	return strings.Join(parts, "; ")
}

// keptText describes what a run did with a table that is maintained from a log.
func keptText(k replicate.KeptSummary) string {
	switch {
	case k.Error != "":
		return string(k.Kind) + " QUARANTINED"
	case k.Fresh:
		return string(k.Kind) + " rebuilt; it starts at the snapshot, because it had no ended periods to keep"
	case k.Replaced:
		return string(k.Kind) + " made"
	}
	return string(k.Kind) + " kept"
}

// finish prints the summary and returns the run's error. With JSON output it always
// prints an object, which holds the error too.
func (a *app) finish(s *replicate.Summary, err error) error {
	if err != nil && len(s.Tables) == 0 && !a.ui.Structured {
		return err
	}
	if printErr := printSummary(a.ui, s); printErr != nil && err == nil {
		err = printErr
	}
	return err
}

// nextLoad is the next step after a run that only staged.
const nextLoad = "Next: `ingest load` loads what is staged"

// next names the command that goes on from here, for people.
func (a *app) next(sentence string) {
	if !a.ui.Structured {
		a.ui.Note("%s", sentence)
	}
}

// unopened is the summary of a run that failed before its pipeline was open.
func (a *app) unopened(err error) *replicate.Summary {
	return &replicate.Summary{Run: a.runID, Tables: []*replicate.TableSummary{}, Error: err.Error(), Hint: failure.HintOf(err)}
}

// tablesFlag adds --tables.
func tablesFlag(cmd *cobra.Command, to *[]string, usage string) {
	cmd.Flags().Var((*tableList)(to), "tables", usage)
}

// tableList is a comma-separated list of names, as in environment variables. A comma
// within double quotes is part of a name. The flag may be repeated.
type tableList []string

func (l *tableList) Set(s string) error { *l = append(*l, config.SplitList(s)...); return nil }
func (l *tableList) String() string     { return strings.Join(*l, ",") }
func (l *tableList) Type() string       { return "strings" }
