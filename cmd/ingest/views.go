package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/replicate"
)

func newViews(a *app) *cobra.Command {
	var tables []string
	var printOnly bool
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Create a view of each table's current state",
		Long: `views creates a view <table>_current for each target table. The view computes from the
log the rows that the source has now, as far as they are loaded. An existing view is
altered if its definition is out of date, and keeps its grants. Later loads alter
these views when their tables change. The option current_name sets the views' names.
Where current is "table", each load maintains the view, and this command reports
that.`,
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
					a.ui.Note("Table %s is too wide for a view: each query of %s plans all columns and is slow.\n"+
						"Hint: if it is read often, use a table instead: %s", v.Table, v.View, v.Outgrown)
				}
			}
			return nil
		},
	}
	tablesFlag(cmd, &tables, "tables to create views for, comma-separated (default: all)")
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the statements without running them")
	return cmd
}

// viewLine describes what happened to a view. With printOnly it returns the
// statement that creates it.
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
