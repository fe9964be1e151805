package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"ingest/internal/failure"
	"ingest/internal/replicate"
)

func newCDC(a *app) *cobra.Command {
	var o replicate.CDCOptions
	var maxDuration time.Duration
	var dry bool
	cmd := &cobra.Command{
		Annotations: told(),
		Use:         "cdc",
		Short:       "Append every change since the last run",
		Long: `cdc stages every insert, update, delete and truncate that was committed before
it began, acknowledges the replication slot, and appends the changes to the
bronze tables. If nothing changed, no SQL warehouse is used.

With --follow it goes on until it is interrupted (SIGINT, SIGTERM), and ends at
a safe point, everything that it staged being loaded. Staging and loading have
their own intervals. When Postgres or Databricks cannot be reached for a while,
it waits, longer and longer up to a minute, connects anew and goes on where the
ledger ends; what no waiting mends (a slot that is lost, a password, another run
that took over) ends it.`,
		Example: `  ingest cdc --catalog dev_chinook_lakehouse
  ingest cdc --catalog dev_chinook_lakehouse --follow --stage-every 10s --load-every 5m`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFollow(cmd, o.Follow, maxDuration); err != nil {
				return err
			}
			if dry && o.Follow {
				return failure.New(failure.Usage, "--dry-run is not for --follow").WithHint("leave --follow out: the plan is of one round")
			}
			if dry {
				return a.plan(false, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) { return p.PlanCDC(ctx, o) })
			}
			ctx, stop := cmd.Context(), a.stop
			if maxDuration > 0 {
				var cancel context.CancelFunc
				stop, cancel = context.WithTimeout(stop, maxDuration)
				defer cancel()
			}
			if !o.Follow {
				ctx = a.stop
			}
			return a.cdc(ctx, stop, o)
		},
	}
	f := cmd.Flags()
	dryRunFlag(cmd, &dry)
	f.BoolVar(&o.StageOnly, "stage-only", false, "stage, and leave the loading to ingest load: no SQL warehouse is used")
	f.BoolVar(&o.Follow, "follow", false, "go on until interrupted")
	f.BoolVar(&o.SnapshotNew, "snapshot-new", false, "also load tables in full that are selected and have no snapshot yet")
	bound(f, "stage-every", "staging.entry_interval", "with --follow: how often to stage what came (default 30s)")
	bound(f, "load-every", "load.interval", "with --follow: how often to load what is staged (default 1m)")
	f.DurationVar(&maxDuration, "max-duration", 0, "with --follow: end after this time, at a safe point")
	return cmd
}

// checkFollow refuses what means something with --follow only.
func checkFollow(cmd *cobra.Command, follow bool, maxDuration time.Duration) error {
	for _, name := range []string{"stage-every", "load-every", "max-duration"} {
		if !follow && cmd.Flags().Changed(name) {
			return failure.New(failure.Usage, "--%s is for --follow", name).WithHint("add --follow, or leave --%s out: without it, cdc stages and loads once", name)
		}
	}
	if cmd.Flags().Changed("max-duration") && maxDuration <= 0 {
		return failure.New(failure.Usage, "--max-duration %s: want a duration above zero, such as 55m", maxDuration)
	}
	return nil
}

func (a *app) cdc(ctx, stop context.Context, o replicate.CDCOptions) error {
	show := a.newStaging()
	p, err := a.openPipeline(ctx, show.add)
	if err != nil {
		show.close()
		return a.finish(a.unopened(err), err)
	}
	s, err := p.CDC(ctx, stop, o)
	show.close()
	return errors.Join(a.finish(s, err), p.Close())
}
