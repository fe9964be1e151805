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
stay too unless --allow-drop-tables is given, with the views that are made of them.
The tables of the current state and of the history, and the views over them, stay
unless --allow-drop-kept is given; the result lists those that stay.

The source must be the one that the ledger belongs to. Where the ledger is lost,
drop says what it left in the source, and --without-ledger drops that.`,
		Example: `  ingest drop --catalog dev_chinook_lakehouse --yes`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return failure.New(failure.Usage, "drop ends the pipeline for good").WithHint("if that is meant, add --yes")
			}
			for flag, given := range map[string]bool{"--allow-drop-tables": o.Tables, "--allow-drop-kept": o.Kept} {
				if given && o.WithoutLedger {
					return failure.New(failure.Usage, "%s needs the ledger, which says which tables there are", flag).WithHint("leave one of %s and --without-ledger out", flag)
				}
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
	cmd.Flags().BoolVar(&o.Kept, "allow-drop-kept", false, "drop the tables of the current state and the history, and their views, too")
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
	for _, name := range d.Views {
		what = append(what, "view "+name)
	}
	text := "dropped " + strings.Join(what, ", ")
	switch {
	case len(what) == 0 && d.Again:
		text = "nothing is left to drop: the pipeline was dropped before, and its slot and publications are gone"
	case len(what) == 0:
		text = "ended the pipeline; its slot and publications were gone"
	}
	if len(d.Left) > 0 {
		text += "\nleft in Databricks: " + strings.Join(d.Left, ", ") + "; `ingest drop --yes --allow-drop-kept` drops these"
	}
	return a.ui.Print("%s", text)
}
