package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newPlan(a *app) *cobra.Command {
	var show planned
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what the next run would do",
		Long: `plan shows what would bring all tables up to date: a full load at first, later a cdc
that also loads new tables. It shows the tables with the server's row estimates, the
statements on publications, what happens to the slot, how far changes would be read,
and the statements on the warehouse. It also lists what only the run itself can
find out.

plan writes nothing and starts no SQL warehouse. With --sql it also prints the
statements. To see the plan of one command, use full-load, cdc or load with
--dry-run.`,
		Example: `  ingest plan --catalog dev_chinook_lakehouse
  ingest plan --catalog dev_chinook_lakehouse --sql
  ingest full-load --catalog dev_chinook_lakehouse --tables artist --dry-run`,
		Annotations: map[string]string{makesLocal: "true"},
		Args:        exactly(),
		RunE: func(*cobra.Command, []string) error {
			return a.plan(show, true, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) { return p.PlanNext(ctx) })
		},
	}
	cmd.Flags().BoolVar(&show.sql, "sql", false, "also print the SQL statements")
	return cmd
}

// planned are the options of a command that can show its plan.
type planned struct {
	dry bool // show the plan and do nothing
	sql bool // with its statements
}

// flags adds --dry-run and --sql.
func (p *planned) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "show what would be done without doing it")
	cmd.Flags().BoolVar(&p.sql, "sql", false, "with --dry-run: also print the SQL statements")
}

// allowed refuses --sql without --dry-run.
func (p *planned) allowed() error {
	if p.sql && !p.dry {
		return failure.New(failure.Usage, "--sql needs --dry-run").WithHint("add --dry-run, which prints the plan and does nothing")
	}
	return nil
}

// plan prints the plan that decide returns, with the error that would end the run.
// anySource is set for commands that may start or repair the pipeline.
func (a *app) plan(show planned, anySource bool, decide func(context.Context, *replicate.Pipeline) (*replicate.Plan, error)) error {
	p, err := a.openWith(a.stop, replicate.Options{AnySource: anySource})
	if err != nil {
		if a.ui.Structured {
			err = errors.Join(a.ui.JSON(&replicate.Plan{
				Run: a.runID, Makes: []string{}, Source: replicate.PlannedRead{Statements: []string{}},
				Tables: []*replicate.TablePlan{}, Control: []string{}, Unknown: []string{},
				Error: err.Error(), Hint: failure.HintOf(err),
			}), err)
		}
		return err
	}
	plan, err := decide(a.stop, p)
	if err == nil || a.ui.Structured || len(plan.Tables) > 0 {
		err = errors.Join(printPlan(a.ui, plan, show), err)
	}
	return errors.Join(err, p.Close())
}

func printPlan(out *ui.Output, plan *replicate.Plan, show planned) error {
	if out.Structured {
		return out.JSON(plan)
	}
	if err := out.Print("%s", strings.Join(planHead(plan, show), "\n")); err != nil {
		return err
	}
	if err := printPlannedTables(out, plan.Tables); err != nil {
		return err
	}
	for _, t := range plan.Tables {
		for _, sql := range t.Statements {
			if !show.sql {
				break
			}
			if err := out.Print("-- %s\n%s;", t.Table, sql); err != nil {
				return err
			}
		}
	}
	for _, sql := range plan.Control {
		if !show.sql {
			break
		}
		if err := out.Print("-- the control table\n%s;", sql); err != nil {
			return err
		}
	}
	for _, what := range plan.Unknown {
		if err := out.Print("unknown   %s", what); err != nil {
			return err
		}
	}
	if !show.sql && plannedStatements(plan) > 0 {
		out.Note("--sql prints the statements")
	}
	return nil
}

func printPlannedTables(out *ui.Output, tables []*replicate.TablePlan) error {
	if len(tables) == 0 {
		return out.Print("nothing to load, as far as the plan can know")
	}
	rows := make([][]any, len(tables))
	for i, t := range tables {
		rows[i] = []any{t.Table, t.Target, planAction(t), planRows(t), ui.Bytes(t.Bytes), planNotes(t)}
	}
	return out.Table([]string{"table", "target", "action", "rows", "size", "notes"}, rows)
}

// planHead returns the lines before the tables: the summary first.
func planHead(plan *replicate.Plan, show planned) []string {
	lines := []string{"`ingest " + plan.Command + "` would do this (nothing was done): " + planSummary(plan)}
	for _, what := range plan.Makes {
		lines = append(lines, "create    "+what)
	}
	if n := len(plan.Source.Statements); n > 0 && !show.sql {
		lines = append(lines, "source    "+countOf(n, "statement")+" on publications")
	} else {
		for _, sql := range plan.Source.Statements {
			lines = append(lines, "source    "+sql+";")
		}
	}
	switch plan.Source.SlotAction {
	case "make":
		lines = append(lines, "slot      create "+plan.Source.Slot)
	case "replace":
		lines = append(lines, "slot      drop "+plan.Source.Slot+" and create it again")
	case "read":
		lines = append(lines, "slot      read "+plan.Source.Slot+" from "+plan.Source.From+" to "+plan.Source.To+" ("+
			ui.Bytes(plan.Source.WALBytes).String()+" of WAL)")
	}
	return lines
}

// planSummary counts what a plan does.
func planSummary(plan *replicate.Plan) string {
	var snapshots, loads, failing int
	var rows, bytes int64
	unknown := false
	for _, t := range plan.Tables {
		switch planAction(t) {
		case actionFails:
			failing++
		case actionSnapshot:
			snapshots++
			bytes += t.Bytes
			rows += max(0, t.EstimatedRows)
			unknown = unknown || t.EstimatedRows < 0
		case actionLoad:
			loads++
		}
	}
	var parts []string
	if snapshots > 0 {
		about := "about " + ui.Count(rows).String() + " rows"
		if unknown {
			about = "at least " + ui.Count(rows).String() + " rows"
		}
		parts = append(parts, countOf(snapshots, "snapshot")+" ("+about+", "+ui.Bytes(bytes).String()+")")
	}
	if loads > 0 {
		parts = append(parts, countOf(loads, "load")+" of staged rows")
	}
	if n := plannedStatements(plan); n > 0 {
		parts = append(parts, countOf(n, "statement"))
	}
	if failing > 0 {
		parts = append(parts, countOf(failing, "table")+" would fail")
	}
	if len(parts) == 0 {
		return "nothing to load"
	}
	return strings.Join(parts, ", ")
}

// plannedStatements counts the statements in a plan.
func plannedStatements(plan *replicate.Plan) int {
	n := len(plan.Source.Statements) + len(plan.Control)
	for _, t := range plan.Tables {
		n += len(t.Statements)
	}
	return n
}

// What a plan does with a table, as the text says it.
const (
	actionFails    = "FAILS"
	actionSnapshot = "snapshot"
	actionLoad     = "load"
)

func planAction(t *replicate.TablePlan) string {
	switch {
	case t.Error != "":
		return actionFails
	case t.Snapshot:
		return actionSnapshot
	case len(t.Statements) > 0:
		return actionLoad
	}
	return ""
}

func planRows(t *replicate.TablePlan) string {
	switch {
	case t.Snapshot && t.EstimatedRows < 0:
		return "unknown"
	case t.Snapshot:
		return "about " + ui.Count(t.EstimatedRows).String()
	}
	return ui.Count(t.StagedRows).String()
}

func planNotes(t *replicate.TablePlan) string {
	var parts []string
	if t.Error != "" {
		parts = append(parts, t.Error)
	}
	if t.Reload != "" {
		parts = append(parts, "reload needed: "+t.Reload)
	}
	if t.Note != "" {
		parts = append(parts, t.Note)
	}
	return strings.Join(parts, "; ")
}
