package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ingest/internal/replicate"
)

func newViews(a *app) *cobra.Command {
	var tables []string
	var printOnly bool
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Make a view of the current state of each table",
		Long: `views makes, beside each bronze table, a view <table>_current: the log folded
into the rows that the source has now, as far as they are loaded. A view that is
there is altered if it is not what it should be, and keeps its grants. Loads
alter the views that this command made when their tables change. The option
current_name names the views. Where current is "table", each load keeps the
view, and this command says so.`,
		Example: `  ingest views --catalog dev_chinook_lakehouse
  ingest views --catalog dev_chinook_lakehouse --print --tables artist`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.openPipeline(a.stop, nil)
			if err != nil {
				return err
			}
			views, err := p.Views(a.stop, tables, printOnly)
			if err = errors.Join(err, p.Close()); err != nil {
				return err
			}
			if a.ui.Structured {
				return a.ui.JSON(map[string]any{"views": views})
			}
			for _, v := range views {
				if err := a.ui.Print("%s", viewLine(v, printOnly)); err != nil {
					return err
				}
				if v.Outgrown != "" {
					a.ui.Note("Table %s outgrows a view: every query of %s plans all of its columns, and takes long.\nHint: where it is read often, make a table of it: %s", v.Table, v.View, v.Outgrown)
				}
			}
			return nil
		},
	}
	tablesFlag(cmd, &tables, "tables to make views of, comma-separated (default: all)")
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the statements and run nothing")
	return cmd
}

// viewLine says what became of a view; where only statements are wanted, the one
// that makes it.
func viewLine(v replicate.View, printOnly bool) string {
	line := v.View + ": " + string(v.Change)
	switch {
	case v.Change == replicate.ViewKept && printOnly:
		return "-- " + line + " by each load, over a table"
	case v.Change == replicate.ViewKept:
		return line + " by each load, over a table"
	case printOnly:
		return v.Statement + ";"
	}
	return line
}
