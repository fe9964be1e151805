package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/ui"
	"github.com/ingest-tool/ingest/internal/verify"
)

func newVerify(a *app) *cobra.Command {
	var o replicate.VerifyOptions
	var percent string
	var seed uint64
	cmd := &cobra.Command{
		Annotations: notifying(),
		Use:         "verify",
		Short:       "Compare source and target",
		Long: `verify takes a snapshot of the source, stages and loads everything up to it, computes
each table's current state from its log as of the snapshot, and compares that with
the source: counts, non-NULL counts, sums, extremes and hashes of every column, or
every cell with --full. The application can keep writing. verify reads the source
once, at the cost of a COPY.

Tables of current state and of history are compared with their log, cell by cell.

--sample 1% compares only rows in random ranges of each table's key, and prints the
random seed. The verdict then says that it covers a sample. The first key column must
be a number, a date, a time, a UUID or text.

With source.changes = "none", a table whose source was written since its full load is
"as loaded": the rows that were not written since are compared.

The exit code is 0 if all tables are equal or as loaded, 1 if one differs, and 3 if one could not
be verified.`,
		Example: `  ingest verify --catalog dev_chinook_lakehouse
  ingest verify --catalog dev_chinook_lakehouse --full --tables artist
  ingest verify --catalog dev_chinook_lakehouse --sample 1%`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Sample, err = sampleOf(cmd, percent, seed); err != nil {
				return err
			}
			r, err := a.verify(o)
			if err != nil {
				return err
			}
			if err := printVerified(a.ui, r); err != nil {
				return err
			}
			return r.Err()
		},
	}
	tablesFlag(cmd, &o.Tables, "tables to verify, comma-separated (default: all)")
	cmd.Flags().BoolVar(&o.Full, "full", false, "compare every cell")
	cmd.Flags().StringVar(&percent, "sample", "", "compare only a `percentage` of each table, by key ranges, for example 1%")
	cmd.Flags().Uint64Var(&seed, "sample-seed", 0, "random seed `number` of an earlier --sample, to compare the same ranges (default: random)")
	return cmd
}

// sampleOf returns the sample that --sample asks for; nil without it.
func sampleOf(cmd *cobra.Command, percent string, seed uint64) (*verify.Sample, error) {
	if !cmd.Flags().Changed("sample") {
		if cmd.Flags().Changed("sample-seed") {
			return nil, failure.New(failure.Usage, "--sample-seed needs --sample").WithHint("add --sample 1%%, or remove --sample-seed")
		}
		return nil, nil
	}
	p, err := verify.ParsePercent(percent)
	if err != nil {
		return nil, err
	}
	if !cmd.Flags().Changed("sample-seed") {
		seed = rand.Uint64N(1_000_000_000)
	}
	return &verify.Sample{Percent: p, Seed: seed}, nil
}

func (a *app) verify(o replicate.VerifyOptions) (*replicate.VerifyReport, error) {
	show := a.newShowing(false, false)
	defer show.close()
	p, err := a.openPipeline(a.stop, show)
	if err != nil {
		return nil, err
	}
	r, err := p.Verify(a.stop, o)
	return r, errors.Join(err, p.Close())
}

func printVerified(out *ui.Output, r *replicate.VerifyReport) error {
	if out.Structured {
		return out.JSON(r)
	}
	seed := ""
	var rows [][]any
	for _, t := range r.Tables {
		note := t.Reason
		if t.Verdict == verify.AsLoaded {
			note = strings.TrimSuffix("at "+t.AsOf.Format(time.RFC3339)+": "+t.Reason, ": ")
		}
		if t.Differing > 0 {
			note = ui.Count(t.Differing).String() + " rows differ"
			if t.Differing == 1 {
				note = "1 row differs"
			}
		}
		if t.Sample != nil {
			note = strings.TrimPrefix(fmt.Sprintf("%s, %s of %s ranges", note, ui.Count(t.Sample.Ranges), ui.Count(t.Sample.Of)), ", ")
			seed = fmt.Sprintf(", sample seed %d", t.Sample.Seed)
		}
		rows = append(rows, []any{t.Table.String(), string(t.Verdict), ui.Count(t.SourceRows), ui.Count(t.TargetRows), note})
		for _, k := range t.Kept {
			rows = append(rows, []any{t.Table.String() + " " + k.Kind, string(k.Verdict), "", "", keptNote(k)})
		}
	}
	if err := out.Table([]string{"table", "verdict", "source", "target", "notes"}, rows); err != nil {
		return err
	}
	for _, t := range r.Tables {
		for _, d := range t.Differences {
			if err := out.Print("%s: %s", t.Table, differenceText(d)); err != nil {
				return err
			}
		}
		for _, k := range t.Kept {
			for _, d := range k.Differences {
				if err := out.Print("%s %s: %s", t.Table, k.Kind, keptDifferenceText(d)); err != nil {
					return err
				}
			}
		}
	}
	return out.Print("as of %s (%s)%s, %s", r.Taken.Format(time.RFC3339), r.Fence, seed,
		ui.Duration(time.Duration(r.Seconds*float64(time.Second))))
}

func differenceText(d verify.Difference) string {
	where := d.Key
	if d.Column != "" {
		where += " column " + d.Column
	}
	if d.What != "" {
		where += " " + d.What
	}
	switch d.Kind {
	case "missing":
		return fmt.Sprintf("row %s is missing in the target", where)
	case "extra":
		return fmt.Sprintf("row %s is not in the source", where)
	}
	return fmt.Sprintf("%s: source %s, target %s", where, shown(d.Source), shown(d.Target))
}

// keptNote describes the difference between a maintained table and its log, with
// the remedy.
func keptNote(k verify.KeptResult) string {
	switch {
	case k.Verdict == verify.Equal:
		return ""
	case k.Reason != "":
		return k.Reason + "; " + k.Remedy
	case k.Differing == 1:
		return "1 row differs from the log; " + k.Remedy
	}
	return ui.Count(k.Differing).String() + " rows differ from the log; " + k.Remedy
}

func keptDifferenceText(d verify.KeptDifference) string {
	switch d.Kind {
	case "missing":
		return fmt.Sprintf("row %s of the log is missing in the table", d.Key)
	case "extra":
		return fmt.Sprintf("row %s is in the table but not in the log", d.Key)
	case "twice":
		return fmt.Sprintf("row %s is in the table more than once", d.Key)
	case "overlap":
		return fmt.Sprintf("two periods of row %s overlap, or one ends before it begins", d.Key)
	case "position":
		return fmt.Sprintf("the table is at %s, and should be at %s", *d.Table, *d.Log)
	}
	return fmt.Sprintf("row %s column %s: log %s, table %s", d.Key, d.Column, shown(d.Log), shown(d.Table))
}

func shown(s *string) string {
	if s == nil {
		return "NULL"
	}
	if len(*s) > 200 {
		return fmt.Sprintf("%.200q… (%d bytes)", *s, len(*s))
	}
	return fmt.Sprintf("%q", *s)
}
