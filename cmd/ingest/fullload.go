package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
)

func newFullLoad(a *app) *cobra.Command {
	var o replicate.FullLoadOptions
	var show planned
	cmd := &cobra.Command{
		Annotations: map[string]string{notifies: "true", makesLocal: "true"},
		Use:         "full-load",
		Short:       "Copy tables in full and replace the target tables",
		Long: `full-load takes a snapshot of the selected tables and replaces each target table in
one atomic commit. It first creates the publications and the replication slot where
they are missing, so that no change is lost between the snapshot and the first cdc.
cdc can run in another process at the same time.

If a table cannot be loaded (no privilege to read it, a column named _op), only that
table fails: the others are loaded, and the exit code is 3. Views and unlogged
tables are skipped and reported in the log.

A full load also replaces the change log that a table holds; the result shows how
many rows were replaced.`,
		Example: `  ingest full-load --catalog dev_chinook_lakehouse
  ingest full-load --catalog dev_chinook_lakehouse --tables artist,album`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Repair && len(o.Tables) > 0 {
				return failure.New(failure.Usage, "--repair finds the tables that need it: remove --tables")
			}
			if err := show.allowed(); err != nil {
				return err
			}
			if show.dry {
				return a.plan(show, true, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) {
					return p.PlanFullLoad(ctx, o)
				})
			}
			return a.observed(cmd.Context(), false, !o.StageOnly, func() error { return a.fullLoad(a.stop, o) })
		},
	}
	f := cmd.Flags()
	show.flags(cmd)
	tablesFlag(cmd, &o.Tables, "tables to load, names or patterns, comma-separated (default: what the configuration selects)")
	bound(f, "jobs", "source.jobs",
		"number of sessions that read tables, and ranges of large tables, in parallel (default: by cores and source)")
	f.BoolVar(&o.Resume, "resume", false, "load only tables that have no complete snapshot yet")
	f.BoolVar(&o.StageOnly, "stage-only", false, "stage without loading; ingest load loads later. Uses no SQL warehouse")
	f.BoolVar(&o.Repair, "repair", false, "replace a slot that does not match the ledger, and load the tables that need it")
	return cmd
}

func (a *app) fullLoad(ctx context.Context, o replicate.FullLoadOptions) error {
	show := a.newShowing(false, o.StageOnly)
	p, err := a.openWith(ctx, replicate.Options{Watch: show.watch(), Loads: !o.StageOnly, AnySource: true})
	if err != nil {
		show.close()
		return a.finish(a.unopened(err), err)
	}
	s, err := p.FullLoad(ctx, o)
	show.close()
	err = errors.Join(a.finish(s, err), p.Close())
	if failure.KindOf(err) == failure.Tables && s.Entries == 0 && a.config.Source.Replicates() {
		a.next("Nothing was staged. The slot and the publications stay, and the slot keeps WAL: `ingest full-load` goes on with them, " +
			"`ingest drop --yes` drops them")
	}
	if err == nil {
		next := "Next: `ingest cdc` appends the changes since the snapshot"
		if !a.config.Source.Replicates() {
			next = "Next: `ingest full-load` again, when the tables are to show the source as it is then"
		}
		if o.StageOnly {
			next = nextLoad
		}
		a.next(next)
	}
	return err
}
