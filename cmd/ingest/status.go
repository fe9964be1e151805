package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newStatus(a *app) *cobra.Command {
	var exitCode bool
	var watch string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of slot, ledger and tables",
		Long: `status shows the positions of slot and ledger. For each table it shows what is staged,
loaded and rescued, whether it needs a reload or is quarantined, and how far its
tables of current state and history are. It also lists selected tables that were
never loaded; full-load or cdc --snapshot-new loads them. status needs no running
process and no SQL warehouse.

With --watch it shows the state again and again until it is interrupted, every 5
seconds or at another interval. On a terminal each state replaces the one before.
Elsewhere they follow one another; with --output json each is one line.`,
		Example: `  ingest status --catalog dev_chinook_lakehouse
  ingest status --catalog dev_chinook_lakehouse --exit-code
  ingest status --catalog dev_chinook_lakehouse --watch
  ingest status --catalog dev_chinook_lakehouse --watch 30s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && watch == watchDefault { // --watch 30s: the flag's value is optional
				watch, args = args[0], nil
			}
			return exactly()(cmd, args)
		},
		RunE: func(*cobra.Command, []string) error {
			if watch != "" {
				return a.watchStatus(a.stop, watch, exitCode)
			}
			s, err := a.status(a.stop)
			if s == nil {
				return err
			}
			if printErr := printStatus(a.ui, s); printErr != nil && err == nil {
				err = printErr
			}
			if exitCode && err == nil {
				return s.Err()
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 12 if slot and ledger disagree; with 3 if a table needs attention, "+
		"or if the publication makes statements of the application fail")
	cmd.Flags().StringVar(&watch, "watch", "", "show the state again and again, at this interval (default 5s)")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchDefault
	return cmd
}

// status reads the state of the pipeline. It may return both a state and an error.
func (a *app) status(ctx context.Context) (*replicate.Status, error) {
	p, err := a.openWith(ctx, replicate.Options{Damaged: true, AnySource: true, Looks: true})
	if err != nil {
		return nil, err
	}
	return p.Status(ctx)
}

func printStatus(out *ui.Output, s *replicate.Status) error {
	if out.Structured {
		return out.JSON(s)
	}
	if s.Entries == 0 && s.Slot == nil && len(s.Tables) == 0 {
		return out.Print("%s; %s", s.Problem, s.Hint)
	}
	staged := "never"
	if s.Staged != nil {
		staged = s.Staged.Format(time.RFC3339)
	}
	head := fmt.Sprintf("ledger    %s, %d entries in %s\nposition  %s, staged %s", s.Ledger, s.Entries, s.Root, s.Position, staged)
	if s.Changes != "" {
		head = fmt.Sprintf("ledger    %s, %d entries in %s\nchanges   %s: each full load replaces the one before",
			s.Ledger, s.Entries, s.Root, s.Changes)
	}
	if s.Entries == 0 {
		head = "ledger    unreadable, in " + s.Root
	}
	if err := out.Print("%s", head); err != nil {
		return err
	}
	if sl := s.Slot; sl != nil {
		use := "idle"
		if sl.Active {
			use = fmt.Sprintf("in use by pid %d (%s)", sl.ActivePID, sl.Holder)
		} else if sl.IdleSince != nil {
			use = "idle since " + sl.IdleSince.Format(time.RFC3339)
		}
		limit := ", no limit"
		if sl.WALStatus == "lost" {
			limit = ""
		} else if sl.SafeBytes != nil {
			limit = ", " + ui.Bytes(*sl.SafeBytes).String() + " of WAL left before it is lost"
		}
		if err := out.Print("slot      %s, %s, %s behind%s, keeps %s of WAL (%s)%s", sl.Name, use, ui.Bytes(sl.LagBytes),
			ageText(sl.LagTime), ui.Bytes(sl.KeptBytes), sl.WALStatus, limit); err != nil {
			return err
		}
	}
	if s.Warning != "" {
		if err := out.Print("warning   %s\n          fix: %s", s.Warning, s.Remedy); err != nil {
			return err
		}
	}
	if s.Problem != "" {
		if err := out.Print("problem   %s\n          fix: %s", s.Problem, s.Hint); err != nil {
			return err
		}
	}
	for i := range s.Refused {
		if err := out.Print("problem   publication %s: %s\n          fix: %s", s.Refused[i].What(), s.Refused[i].Why,
			s.Refused[i].Remedy); err != nil {
			return err
		}
	}
	rows := make([][]any, len(s.Tables))
	for i, t := range s.Tables {
		var notes []string
		if t.Since != nil {
			notes = append(notes, "since "+t.Since.Format(time.RFC3339))
		}
		for _, n := range []string{t.Quarantine, t.Reload, t.NotReplicated, t.Remedy} {
			if n != "" {
				notes = append(notes, n)
			}
		}
		var rescued int64
		for _, n := range t.Rescued {
			rescued += n
		}
		if t.AsOf != nil {
			notes = append(notes, "as of "+t.AsOf.Format(time.RFC3339))
		}
		for _, k := range t.Kept {
			notes = append(notes, keptStatusText(k))
		}
		rows[i] = []any{t.Table, t.State, ui.Count(t.Staged), ui.Count(t.Loaded), ui.Count(t.WaitingRows),
			ui.Count(rescued), strings.Join(notes, "; ")}
	}
	return out.Table([]string{"table", "state", "staged", "loaded", "waiting", "rescued", "notes"}, rows)
}

// ageText is the age of the slot's position in brackets. An age of less than a second
// says nothing.
func ageText(seconds float64) string {
	if seconds < 1 {
		return ""
	}
	return " (" + ui.Duration(time.Duration(seconds*float64(time.Second))).String() + ")"
}

// keptStatusText describes the state of a table that is maintained from a log.
func keptStatusText(k replicate.KeptStatus) string {
	text := string(k.Kind) + " " + k.State
	switch {
	case k.Quarantine != "":
		return text + " since " + k.Since.Format(time.RFC3339) + ": " + k.Quarantine + "; " + k.Remedy
	case k.State == "behind":
		return fmt.Sprintf("%s: at entry %d of %d", text, k.Entry, k.Waiting)
	}
	return text
}
