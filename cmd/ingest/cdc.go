package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"ingest/internal/replicate"
)

func newCDC(a *app) *cobra.Command {
	var o replicate.CDCOptions
	var maxDuration time.Duration
	cmd := &cobra.Command{
		Use:   "cdc",
		Short: "Append every change since the last run",
		Long: `cdc stages every insert, update, delete and truncate that was committed before
it began, acknowledges the replication slot, and appends the changes to the
bronze tables. If nothing changed, no SQL warehouse is used.

With --follow it goes on until it is interrupted, and ends at a safe point.`,
		Example: `  ingest cdc --catalog dev_chinook_lakehouse
  ingest cdc --catalog dev_chinook_lakehouse --follow --load-every 5m`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
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
	f.BoolVar(&o.StageOnly, "stage-only", false, "stage, and leave the loading to `ingest load`: no SQL warehouse is used")
	f.BoolVar(&o.Follow, "follow", false, "go on until interrupted")
	f.BoolVar(&o.SnapshotNew, "snapshot-new", false, "also load tables in full that are selected and have no snapshot yet")
	f.DurationVar(&o.LoadEvery, "load-every", time.Minute, "with --follow: how often to load what is staged")
	f.DurationVar(&maxDuration, "max-duration", 0, "with --follow: end after this time, at a safe point")
	return cmd
}

func (a *app) cdc(ctx, stop context.Context, o replicate.CDCOptions) error {
	show := a.newStaging()
	p, err := a.openPipeline(ctx, false, show.add)
	if err != nil {
		show.close()
		return a.finish(a.unopened(err), err)
	}
	s, err := p.CDC(ctx, stop, o)
	show.close()
	return errors.Join(a.finish(s, err), p.Close())
}
