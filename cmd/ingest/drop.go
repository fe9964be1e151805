package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"ingest/internal/failure"
	"ingest/internal/replicate"
)

func newDrop(a *app) *cobra.Command {
	var yes bool
	var o replicate.DropOptions
	cmd := &cobra.Command{
		Use:   "drop",
		Short: "End a pipeline: drop its slot and publications",
		Long: `drop ends a pipeline: the replication slot and the publications in the source
are dropped, and the ledger gets its end. What changes afterwards is not
replicated any more. Ledger and segments stay in the Volume, the bronze tables
stay too unless --allow-drop-tables is given.

The source must be the one that the ledger belongs to. Where the ledger is lost,
drop says what it left in the source, and --without-ledger drops that.`,
		Example: `  ingest drop --catalog dev_chinook_lakehouse --yes`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return failure.New(failure.Usage, "drop ends the pipeline for good").WithHint("if that is meant, add --yes")
			}
			if o.Tables && o.WithoutLedger {
				return failure.New(failure.Usage, "--allow-drop-tables needs the ledger, which says which tables there are").WithHint("leave one of --allow-drop-tables and --without-ledger out")
			}
			p, err := a.openWith(a.stop, replicate.Options{Damaged: true, Looks: true})
			if err != nil {
				return err
			}
			d, err := p.Drop(a.stop, o)
			if err = errors.Join(err, p.Close()); err != nil {
				return err
			}
			return a.printDropped(d)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "end the pipeline without asking")
	cmd.Flags().BoolVar(&o.Tables, "allow-drop-tables", false, "drop the bronze tables too")
	cmd.Flags().BoolVar(&o.WithoutLedger, "without-ledger", false, "drop the slot and the publications of a pipeline whose ledger is lost")
	return cmd
}

func (a *app) printDropped(d *replicate.Dropped) error {
	if a.ui.Structured {
		return a.ui.JSON(d)
	}
	var what []string
	if d.Slot != "" {
		what = append(what, "slot "+d.Slot)
	}
	for _, name := range d.Publications {
		what = append(what, "publication "+name)
	}
	for _, name := range d.Tables {
		what = append(what, "table "+name)
	}
	switch {
	case len(what) == 0 && d.Again:
		return a.ui.Print("nothing is left to drop: the pipeline was dropped before, and its slot and publications are gone")
	case len(what) == 0:
		return a.ui.Print("ended the pipeline; its slot and publications were gone")
	}
	return a.ui.Print("dropped %s", strings.Join(what, ", "))
}
