package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ingest/internal/config"
	"ingest/internal/load"
	"ingest/internal/replicate"
)

func newLoad(a *app) *cobra.Command {
	var tables []string
	var repair, dry bool
	var rebuild keptKinds
	cmd := &cobra.Command{
		Annotations: told(),
		Use:         "load",
		Short:       "Load what is staged",
		Long: `load brings the bronze tables to what full-load --stage-only and
cdc --stage-only have staged. If nothing is waiting, no SQL warehouse is used.

A table that is named with --tables is tried again although it is quarantined.
--repair builds tables anew from what is staged, where they do not hold what was
loaded: rows deleted by hand, a restore, a dropped table.

--rebuild makes tables of the current state, of the history or both again from the
logs beside them. The current state is computed from the whole log. A history keeps
the periods that had ended when the log's snapshot was loaded, and computes the rest;
if there is nothing to keep, it starts at the snapshot, and the result says so.`,
		Example: `  ingest load --catalog dev_chinook_lakehouse
  ingest load --catalog dev_chinook_lakehouse --repair --tables artist`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			if dry {
				return a.plan(false, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) {
					return p.PlanLoad(ctx, tables, repair, rebuild...)
				})
			}
			p, err := a.openPipeline(a.stop, nil)
			if err != nil {
				return a.finish(a.unopened(err), err)
			}
			s, err := p.Load(a.stop, tables, repair, rebuild...)
			return errors.Join(a.finish(s, err), p.Close())
		},
	}
	tablesFlag(cmd, &tables, "tables to load, comma-separated (default: all)")
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&repair, "repair", false, "build tables anew from what is staged, where they do not hold it")
	cmd.Flags().Var(&rebuild, "rebuild", "make tables beside the logs again: current, history, or both, comma-separated")
	return cmd
}

// keptKinds is a flag of kinds of tables that are kept beside logs.
type keptKinds []load.KeptKind

func (l *keptKinds) Set(s string) error {
	for _, name := range config.SplitList(s) {
		kind := load.KeptKind(name)
		if !slices.Contains(load.KeptKinds, kind) {
			return fmt.Errorf("%q is not kept beside a log: want current, history or both", name)
		}
		if !slices.Contains(*l, kind) {
			*l = append(*l, kind)
		}
	}
	if len(*l) == 0 {
		return errors.New("want current, history or both")
	}
	return nil
}

func (l *keptKinds) String() string {
	names := make([]string, len(*l))
	for i, kind := range *l {
		names[i] = string(kind)
	}
	return strings.Join(names, ",")
}

func (l *keptKinds) Type() string { return "kinds" }
