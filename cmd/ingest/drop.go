package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"ingest/internal/failure"
)

func newDrop(a *app) *cobra.Command {
	var yes, tables bool
	cmd := &cobra.Command{
		Use:   "drop",
		Short: "End a pipeline: drop its slot and publications",
		Long: `drop ends a pipeline: the replication slot and the publications in the source
are dropped, and the ledger gets its end. What changes afterwards is not
replicated any more. Ledger and segments stay in the Volume, the bronze tables
stay too unless --allow-drop-tables is given.`,
		Example: `  ingest drop --catalog dev_chinook_lakehouse --yes`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return failure.New(failure.Usage, "drop ends the pipeline for good").WithHint("if that is meant, add --yes")
			}
			p, err := a.openPipeline(a.stop, false, nil)
			if err != nil {
				return err
			}
			d, err := p.Drop(a.stop, tables)
			if err = errors.Join(err, p.Close()); err != nil {
				return err
			}
			if a.ui.Structured {
				return a.ui.JSON(d)
			}
			return a.ui.Print("dropped slot %q, publications %q, tables %q", d.Slot, strings.Join(d.Publications, ", "), strings.Join(d.Tables, ", "))
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "end the pipeline without asking")
	cmd.Flags().BoolVar(&tables, "allow-drop-tables", false, "drop the bronze tables too")
	return cmd
}
