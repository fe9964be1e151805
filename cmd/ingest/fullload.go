package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ingest/internal/failure"
	"ingest/internal/replicate"
)

func newFullLoad(a *app) *cobra.Command {
	var o replicate.FullLoadOptions
	var dry bool
	cmd := &cobra.Command{
		Annotations: told(),
		Use:         "full-load",
		Short:       "Load tables in full: snapshot, stage, replace",
		Long: `full-load takes a snapshot of the selected tables and replaces their bronze
tables by it, each in one atomic commit. The publications and the replication
slot are made where they are missing, before the snapshot, so that no change is
lost between it and the first cdc. cdc may go on in another process meanwhile.

A table that cannot be loaded (no right to read it, a column named _op) fails
alone: the others are loaded, and the exit code is 3. A view or a table that is
not logged is left out, with a word in the log.

The log that a table holds is replaced too; the result says how many rows went.`,
		Example: `  ingest full-load --catalog dev_chinook_lakehouse
  ingest full-load --catalog dev_chinook_lakehouse --tables artist,album`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Repair && len(o.Tables) > 0 {
				return failure.New(failure.Usage, "--repair finds the tables by itself: leave --tables out")
			}
			if dry {
				return a.plan(true, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) {
					return p.PlanFullLoad(ctx, o)
				})
			}
			return a.fullLoad(a.stop, o)
		},
	}
	f := cmd.Flags()
	dryRunFlag(cmd, &dry)
	tablesFlag(cmd, &o.Tables, "tables to load, names or patterns, comma-separated (default: what the configuration selects)")
	bound(f, "jobs", "source.jobs", "sessions that read tables, and ranges of large ones, at once (default: as suits cores and source)")
	f.BoolVar(&o.Resume, "resume", false, "only the tables that have no complete snapshot yet")
	f.BoolVar(&o.StageOnly, "stage-only", false, "stage, and leave the loading to ingest load: no SQL warehouse is used")
	f.BoolVar(&o.Repair, "repair", false, "replace a slot that no longer fits the ledger, and load the tables that need it")
	return cmd
}

func (a *app) fullLoad(ctx context.Context, o replicate.FullLoadOptions) error {
	show := a.newStaging()
	o.Selected = show.selected
	p, err := a.openWith(ctx, replicate.Options{Rows: show.add, Prepare: true, Loads: !o.StageOnly, AnySource: true})
	if err != nil {
		show.close()
		return a.finish(a.unopened(err), err)
	}
	s, err := p.FullLoad(ctx, o)
	show.close()
	return errors.Join(a.finish(s, err), p.Close())
}
