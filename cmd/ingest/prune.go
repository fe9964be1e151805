package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/prune"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newPrune(a *app) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove segments that are no longer needed",
		Long: `prune removes segments from the volume once they are older than the retention:

- segments of ended runs that no ledger entry names
- segments of snapshots that newer ones have replaced
- segments that are loaded

The table itself must show that a segment is loaded, so prune uses the SQL
warehouse. Segments that are not loaded stay. All segments stay for a table that is
quarantined or being loaded in full. Other runs can run at the same time. prune does
not change the ledger.

A table whose segments were removed keeps working. It can then be rebuilt only from
the source (ingest full-load --tables), not from staged segments
(ingest load --repair).`,
		Example: `  ingest prune --catalog dev_chinook_lakehouse --dry-run
  ingest prune --catalog dev_chinook_lakehouse --retention 720h`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			p, err := a.openPipeline(a.stop, nil)
			if err != nil {
				return a.finishPrune(a.unpruned(dry, err), err)
			}
			s, err := p.Prune(a.stop, dry)
			return errors.Join(a.finishPrune(s, err), p.Close())
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be removed without removing it")
	bound(cmd.Flags(), "retention", "prune.retention", "keep files that are younger than this (default 168h)")
	return cmd
}

// unpruned is the report of a prune that did not come to its pipeline.
func (a *app) unpruned(dry bool, err error) *prune.Report {
	s := prune.Nothing(a.runID, dry, a.config.Prune.Retention)
	s.Error, s.Hint = err.Error(), failure.HintOf(err)
	return s
}

// finishPrune prints what was removed. After an error it prints what was removed
// before.
func (a *app) finishPrune(s *prune.Report, err error) error {
	if err != nil && len(s.Removed) == 0 && !a.ui.Structured {
		return err
	}
	if printErr := printPruned(a.ui, s); printErr != nil && err == nil {
		err = printErr
	}
	return err
}

func printPruned(out *ui.Output, s *prune.Report) error {
	if out.Structured {
		return out.JSON(s)
	}
	verb := "removed"
	if s.DryRun {
		verb = "would remove"
	}
	var files int
	var bytes int64
	var rows [][]any
	for _, f := range s.Removed {
		rows = append(rows, []any{verb, f.Reason, ui.Count(f.Files), ui.Bytes(f.Bytes)})
		files, bytes = files+f.Files, bytes+f.Bytes
	}
	for _, f := range s.Kept {
		rows = append(rows, []any{"kept", f.Reason, ui.Count(f.Files), ui.Bytes(f.Bytes)})
	}
	if len(rows) > 0 {
		if err := out.Table([]string{"", "reason", "files", "size"}, rows); err != nil {
			return err
		}
	}
	if len(s.Tables) > 0 {
		rows = nil
		for _, t := range s.Tables {
			rows = append(rows, []any{t.Table, ui.Count(t.RemovedFiles), ui.Bytes(t.RemovedBytes), ui.Count(t.KeptFiles), t.Why})
		}
		if err := out.Table([]string{"table", verb, "size", "kept", "because"}, rows); err != nil {
			return err
		}
	}
	return out.Print("%s: %s, %v, retention %s, %s, %s", verb, countOf(files, "file"), ui.Bytes(bytes), s.Retention,
		countOf(s.Statements, "statement"),
		ui.Duration(time.Duration(s.Seconds*float64(time.Second))))
}
