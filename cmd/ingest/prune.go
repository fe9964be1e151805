package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"ingest/internal/failure"
	"ingest/internal/replicate"
	"ingest/internal/ui"
)

func newPrune(a *app) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove segments that nobody needs any more",
		Long: `prune removes from the volume, once they are older than the retention: segments
that no entry of the ledger names and whose run has ended, segments of snapshots
that newer ones have replaced, and segments that are loaded. That they are loaded
must be shown by the table itself, so a SQL warehouse is used. What is not loaded
stays, and so does all of a table that is quarantined or being loaded in full.
Other runs may go on meanwhile. The ledger is not changed.

A table whose segments are gone goes on as before, but can be built anew only
from the source (ingest full-load --tables), no longer from what is staged
(ingest load --repair).`,
		Example: `  ingest prune --catalog dev_chinook_lakehouse --dry-run
  ingest prune --catalog dev_chinook_lakehouse --retention 720h`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			p, err := a.openPipeline(a.stop, nil)
			if err != nil {
				return a.finishPrune(&replicate.Pruned{
					Run: a.runID, DryRun: dry, Retention: a.config.Prune.Retention.String(), Removed: []replicate.PrunedFiles{}, Kept: []replicate.PrunedFiles{},
					Tables: []*replicate.PrunedTable{}, Error: err.Error(), Hint: failure.HintOf(err),
				}, err)
			}
			s, err := p.Prune(a.stop, dry)
			return errors.Join(a.finishPrune(s, err), p.Close())
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, and remove nothing")
	bound(cmd.Flags(), "retention", "prune.retention", "files that are younger stay (default 168h)")
	return cmd
}

// finishPrune prints what was removed, also before an error.
func (a *app) finishPrune(s *replicate.Pruned, err error) error {
	if err != nil && len(s.Removed) == 0 && !a.ui.Structured {
		return err
	}
	if printErr := a.printPruned(s); printErr != nil && err == nil {
		err = printErr
	}
	return err
}

func (a *app) printPruned(s *replicate.Pruned) error {
	if a.ui.Structured {
		return a.ui.JSON(s)
	}
	verb := "removed"
	if s.DryRun {
		verb = "would go"
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
		if err := a.ui.Table([]string{"", "reason", "files", "size"}, rows); err != nil {
			return err
		}
	}
	if len(s.Tables) > 0 {
		rows = nil
		for _, t := range s.Tables {
			rows = append(rows, []any{t.Table, ui.Count(t.RemovedFiles), ui.Bytes(t.RemovedBytes), ui.Count(t.KeptFiles), t.Why})
		}
		if err := a.ui.Table([]string{"table", verb, "size", "kept", "because"}, rows); err != nil {
			return err
		}
	}
	return a.ui.Print("%s: %s, %v, retention %s, %s, %s", verb, countOf(files, "file"), ui.Bytes(bytes), s.Retention, countOf(s.Statements, "statement"),
		ui.Duration(time.Duration(s.Seconds*float64(time.Second))))
}
