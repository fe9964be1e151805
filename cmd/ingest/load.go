package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ingest/internal/replicate"
)

func newLoad(a *app) *cobra.Command {
	var tables []string
	var repair, dry bool
	cmd := &cobra.Command{
		Annotations: told(),
		Use:         "load",
		Short:       "Load what is staged",
		Long: `load brings the bronze tables to what full-load --stage-only and
cdc --stage-only have staged. If nothing is waiting, no SQL warehouse is used.

A table that is named with --tables is tried again although it is quarantined.
--repair builds tables anew from what is staged, where they do not hold what was
loaded: rows deleted by hand, a restore, a dropped table.`,
		Example: `  ingest load --catalog dev_chinook_lakehouse
  ingest load --catalog dev_chinook_lakehouse --repair --tables artist`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			if dry {
				return a.plan(false, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) {
					return p.PlanLoad(ctx, tables, repair)
				})
			}
			p, err := a.openPipeline(a.stop, nil)
			if err != nil {
				return a.finish(a.unopened(err), err)
			}
			s, err := p.Load(a.stop, tables, repair)
			return errors.Join(a.finish(s, err), p.Close())
		},
	}
	tablesFlag(cmd, &tables, "tables to load, comma-separated (default: all)")
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&repair, "repair", false, "build tables anew from what is staged, where they do not hold it")
	return cmd
}
