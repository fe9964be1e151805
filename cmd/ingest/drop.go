package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newDrop(a *app) *cobra.Command {
	var yes bool
	var o replicate.DropOptions
	cmd := &cobra.Command{
		Use:   "drop",
		Short: "End a pipeline and drop its slot and publications",
		Long: `drop ends a pipeline: it drops the replication slot and the publications in the source
and writes an end entry to the ledger. Later changes are not replicated. Ledger and
segments stay in the volume.

The target tables and their views stay unless --allow-drop-tables is given. The
tables of current state and history, and the views over them, stay unless
--allow-drop-kept is given. The result lists what stays.

The source must be the one that the ledger belongs to. If the ledger is lost, drop
lists what the pipeline left in the source; --without-ledger drops that.`,
		Example: `  ingest drop --catalog dev_chinook_lakehouse --dry-run
  ingest drop --catalog dev_chinook_lakehouse --yes`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !yes && !o.Dry && !a.process.interactive() {
				return failure.New(failure.Usage, "drop ends the pipeline permanently, and there is no terminal to ask for confirmation").
					WithHint("to confirm, add --yes; --dry-run shows what would be dropped")
			}
			for flag, given := range map[string]bool{"--allow-drop-tables": o.Tables, "--allow-drop-kept": o.Kept} {
				if given && o.WithoutLedger {
					return failure.New(failure.Usage, "%s needs the ledger, which lists the tables", flag).WithHint("remove %s or --without-ledger", flag)
				}
			}
			p, err := a.openWith(a.stop, replicate.Options{Damaged: true, Looks: true})
			if err != nil {
				return err
			}
			d, err := a.drop(p, o, yes)
			if err = errors.Join(err, p.Close()); err != nil {
				return err
			}
			return printDropped(a.ui, d)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&o.Dry, "dry-run", false, "show what would be dropped without dropping it")
	cmd.Flags().BoolVar(&o.Tables, "allow-drop-tables", false, "also drop the target tables and their views")
	cmd.Flags().BoolVar(&o.Kept, "allow-drop-kept", false, "also drop the tables of current state and history and their views")
	cmd.Flags().BoolVar(&o.WithoutLedger, "without-ledger", false, "drop the slot and the publications of a pipeline whose ledger is lost")
	return cmd
}

// drop drops what the options say. Without yes it first shows that and asks for
// confirmation.
func (a *app) drop(p *replicate.Pipeline, o replicate.DropOptions, yes bool) (*replicate.Dropped, error) {
	if !yes && !o.Dry {
		dry := o
		dry.Dry = true
		d, err := p.Drop(a.stop, dry)
		if err != nil || d.EndedBefore && len(droppedNames(d)) == 0 { // nothing is left to confirm
			return d, err
		}
		confirmed, err := a.confirm(a.stop, droppedText(d))
		if err != nil {
			return nil, err
		}
		if !confirmed {
			return nil, failure.New(failure.Other, "nothing was dropped: the drop was not confirmed").
				WithHint("ingest drop --yes drops without confirmation")
		}
	}
	return p.Drop(a.stop, o)
}

func printDropped(out *ui.Output, d *replicate.Dropped) error {
	if out.Structured {
		return out.JSON(d)
	}
	return out.Print("%s", droppedText(d))
}

// droppedNames are the objects that a drop removed, or would remove.
func droppedNames(d *replicate.Dropped) (what []string) {
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
	return what
}

// droppedText says what a drop removed, or would remove, and what stays.
func droppedText(d *replicate.Dropped) string {
	what, gone := droppedNames(d), "its slot and publications are gone"
	if len(d.Anothers) > 0 {
		gone = "its slot is gone"
	}
	text := "dropped " + strings.Join(what, ", ")
	if d.Dry {
		text = "drop ends the pipeline and drops " + strings.Join(what, ", ")
	}
	switch {
	case len(what) == 0 && d.Changes != "" && d.EndedBefore:
		text = "nothing to drop: the pipeline was dropped before"
	case len(what) == 0 && d.Changes != "" && d.Dry:
		text = "drop ends the pipeline, which has nothing in the source"
	case len(what) == 0 && d.Changes != "":
		text = "ended the pipeline, which had nothing in the source"
	case len(what) == 0 && d.EndedBefore:
		text = "nothing to drop: the pipeline was dropped before, and " + gone
	case len(what) == 0 && d.Dry:
		text = "drop ends the pipeline; " + gone + " already"
	case len(what) == 0:
		text = "ended the pipeline; " + gone + " already"
	}
	if len(d.Anothers) > 0 {
		quoted := make([]string, len(d.Anothers))
		for i, name := range d.Anothers {
			quoted[i] = schema.QuotePostgres(name)
		}
		text += "\nkept in the source: publications of another role, which that role or a superuser drops: DROP PUBLICATION " +
			strings.Join(quoted, ", ") + ";"
	}
	if len(d.Left) > 0 {
		text += "\nkept in Databricks: " + strings.Join(d.Left, ", ") + "; `ingest drop --yes --allow-drop-kept` drops these"
	}
	return text
}
