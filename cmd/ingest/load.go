package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/replicate"
)

func newLoad(a *app) *cobra.Command {
	var tables []string
	var repair bool
	var rebuild keptKinds
	var show planned
	cmd := &cobra.Command{
		Annotations: notifying(),
		Use:         "load",
		Short:       "Load staged rows into the target tables",
		Long: `load loads what full-load --stage-only and cdc --stage-only have staged. If nothing
is waiting, it does not use the SQL warehouse.

--tables also retries the named tables if they are quarantined.
--repair rebuilds tables from the staged segments where they do not hold what was
loaded: after rows were deleted by hand, a restore, or a dropped table.

--rebuild rebuilds the tables of the current state, of the history, or both, from
the logs. The current state is computed from the whole log. A history keeps the
periods that had ended when the log's snapshot was loaded, and recomputes the rest.
If it has no such periods, it starts at the snapshot, and the result says so.`,
		Example: `  ingest load --catalog dev_chinook_lakehouse
  ingest load --catalog dev_chinook_lakehouse --repair --tables artist`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := show.allowed(); err != nil {
				return err
			}
			if show.dry {
				return a.plan(show, false, func(ctx context.Context, p *replicate.Pipeline) (*replicate.Plan, error) {
					return p.PlanLoad(ctx, tables, repair, rebuild...)
				})
			}
			return a.observed(cmd.Context(), false, true, func() error {
				show := a.newShowing(false, false)
				p, err := a.openPipeline(a.stop, show)
				if err != nil {
					show.close()
					return a.finish(a.unopened(err), err)
				}
				s, err := p.Load(a.stop, tables, repair, rebuild...)
				show.close()
				return errors.Join(a.finish(s, err), p.Close())
			})
		},
	}
	tablesFlag(cmd, &tables, "tables to load, comma-separated (default: all)")
	show.flags(cmd)
	cmd.Flags().BoolVar(&repair, "repair", false, "rebuild tables from the staged segments where they differ")
	cmd.Flags().Var(&rebuild, "rebuild", "rebuild tables from their logs: current, history, or both, comma-separated")
	return cmd
}

// keptKinds is the value of --rebuild: kinds of tables that loads maintain from logs.
type keptKinds []kept.Kind

func (l *keptKinds) Set(s string) error {
	for _, name := range config.SplitList(s) {
		kind := kept.Kind(name)
		if !slices.Contains(kept.Kinds, kind) {
			return fmt.Errorf("%q: want current, history or both", name)
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
