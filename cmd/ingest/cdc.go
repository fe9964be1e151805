package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
)

func newCDC(a *app) *cobra.Command {
	var o replicate.CDCOptions
	var maxDuration time.Duration
	var show planned
	cmd := &cobra.Command{
		Annotations: notifying(),
		Use:         "cdc",
		Short:       "Append every change since the last run",
		Long: `cdc stages every insert, update, delete and truncate that was committed before it
started, acknowledges them to the replication slot, and appends them to the target
tables. If nothing changed, it does not use the SQL warehouse.

With --follow it runs until it is interrupted (SIGINT, SIGTERM). It then loads what
it has staged and ends. Staging and loading have separate intervals. If Postgres or
Databricks cannot be reached, it retries with backoff, up to a minute between
attempts, and continues where the ledger ends. Permanent errors (a lost slot, a
wrong password, another run that took over) end it.`,
		Example: `  ingest cdc --catalog dev_chinook_lakehouse
  ingest cdc --catalog dev_chinook_lakehouse --follow --stage-every 10s --load-every 5m
  ingest cdc --catalog dev_chinook_lakehouse --follow --metrics 127.0.0.1:9464`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFollow(cmd, o.Follow, maxDuration); err != nil {
				return err
			}
			if err := show.allowed(); err != nil {
				return err
			}
			if show.dry && o.Follow {
				return failure.New(failure.Usage, "--dry-run cannot be used with --follow").WithHint("remove --follow: the plan shows one run")
			}
			if show.dry {
				return a.plan(show, false, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) { return p.PlanCDC(ctx, o) })
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
			return a.observed(ctx, o.Follow, !o.StageOnly, func() error { return a.cdc(ctx, stop, o) })
		},
	}
	f := cmd.Flags()
	show.flags(cmd)
	f.BoolVar(&o.StageOnly, "stage-only", false, "stage without loading; ingest load loads later. Uses no SQL warehouse")
	f.BoolVar(&o.Follow, "follow", false, "run until interrupted")
	f.BoolVar(&o.SnapshotNew, "snapshot-new", false, "also load selected tables in full that have no snapshot yet")
	bound(f, "stage-every", "staging.entry_interval", "with --follow: staging interval (default 30s)")
	bound(f, "load-every", "load.interval", "with --follow: loading interval (default 1m)")
	bound(f, "metrics", "metrics.listen", "with --follow: address that serves /metrics for Prometheus, and /healthz (default: none)")
	f.DurationVar(&maxDuration, "max-duration", 0, "with --follow: end at a safe point after this time")
	return cmd
}

// checkFollow refuses flags that need --follow.
func checkFollow(cmd *cobra.Command, follow bool, maxDuration time.Duration) error {
	for _, name := range []string{"stage-every", "load-every", "metrics", "max-duration"} {
		if !follow && cmd.Flags().Changed(name) {
			return failure.New(failure.Usage, "--%s needs --follow", name).
				WithHint("add --follow, or remove --%s: without --follow, cdc stages and loads once", name)
		}
	}
	if cmd.Flags().Changed("max-duration") && maxDuration <= 0 {
		return failure.New(failure.Usage, "--max-duration %s: want a duration above zero, such as 55m", maxDuration)
	}
	return nil
}

func (a *app) cdc(ctx, stop context.Context, o replicate.CDCOptions) error {
	show := a.newShowing(o.Follow, o.StageOnly)
	p, err := a.openPipeline(ctx, show)
	if err != nil {
		show.close()
		return a.finish(a.unopened(err), err)
	}
	s, err := p.CDC(ctx, stop, o)
	show.close()
	if err = errors.Join(a.finish(s, err), p.Close()); err == nil && o.StageOnly && s.Entries > 0 {
		a.next(nextLoad)
	}
	return err
}
