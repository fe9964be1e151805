package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/report"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newReport(a *app) *cobra.Command {
	var since, to string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write an HTML page of the pipeline over a period",
		Long: `report writes one HTML page: lag, throughput and sizes over time, the tables with
their state, schema changes, reloads, quarantines, rescued values, and what the SQL
warehouse was woken for. The page is one file without scripts. It needs no server
and loads nothing from elsewhere.

It comes from the ledger and the cache of loads. report reads the entries of the
period only, and does not start the SQL warehouse. If the source does not answer, or
none is configured, the page lacks the slot and says why.

--since is an age (12h, 7d, 4w) or a time (2026-03-04, 2026-03-04T05:06:07Z). With
--output json the same facts are one JSON object on standard output.`,
		Example: `  ingest report --catalog dev_chinook_lakehouse --to report.html
  ingest report --catalog dev_chinook_lakehouse --since 4w --output json`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			from, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			if to == "" && !a.ui.Structured && a.ui.Shown {
				return failure.New(failure.Usage, "report: the page is HTML, and standard output is a terminal").
					WithHint("ingest report --to report.html")
			}
			return a.report(a.stop, from, to)
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", "beginning of the period: an age or a time")
	cmd.Flags().StringVar(&to, "to", "", "file for the page; replaced if it exists (default: standard output)")
	must(cmd.MarkFlagFilename("to", "html"))
	return cmd
}

// report writes the page of a pipeline, even if only a part of it can be read. The error then says why.
func (a *app) report(ctx context.Context, since time.Time, to string) error {
	r, err := a.readReport(ctx, since)
	if r == nil {
		return err
	}
	if a.ui.Structured {
		err = errors.Join(a.ui.JSON(r), err)
		if to == "" {
			return err
		}
	}
	var html bytes.Buffer
	if wrong := report.Write(&html, r); wrong != nil {
		return errors.Join(wrong, err)
	}
	if to == "" {
		_, wrong := io.Copy(a.process.stdout, &html)
		return errors.Join(wrong, err)
	}
	size := ui.Bytes(html.Len())
	if wrong := replaceFile(to, html.Bytes()); wrong != nil {
		return errors.Join(wrong, err)
	}
	if a.ui.Structured {
		return err
	}
	return errors.Join(a.ui.Print("wrote %s (%s); open it in a browser", to, size), err)
}

// readReport opens the pipeline, without its source if that does not answer or is not configured.
func (a *app) readReport(ctx context.Context, since time.Time) (*replicate.Report, error) {
	o := replicate.Options{Damaged: true, AnySource: true, Looks: true}
	source, unreachable := a.openSource(ctx)
	if unreachable != nil && failure.KindOf(unreachable) != failure.Source && a.config.NeedSource() == nil {
		return nil, unreachable
	}
	key, err := a.maskKey(ctx)
	if err != nil {
		return nil, err
	}
	if unreachable == nil {
		o.Source = source
		if o.Standby, unreachable = a.openStandby(ctx, source); unreachable != nil {
			if failure.KindOf(unreachable) != failure.Source {
				return nil, unreachable
			}
			o.Source = nil
		}
	}
	if o.Workspace, err = a.openTarget(ctx); err != nil {
		return nil, err
	}
	p, err := a.openBetween(ctx, key, o)
	if err != nil {
		return nil, err
	}
	r, err := p.Report(ctx, since, unreachable)
	return r, errors.Join(err, p.Close())
}

// parseSince reads the beginning of a period: an age, or a time in UTC.
func parseSince(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil && at.Before(now) {
			return at, nil
		}
	}
	if age, ok := parseAge(text); ok && age > 0 {
		return now.Add(-age), nil
	}
	return time.Time{}, failure.New(failure.Usage, "--since %q: want an age such as 7d, or a time in the past such as 2026-03-04", text).
		WithHint("ingest report --since 7d --to report.html")
}

// parseAge reads a duration in Go's units, or in whole days or weeks.
func parseAge(text string) (time.Duration, bool) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseInt(number, 10, 32)
			if err != nil || n > 100*365 {
				return 0, false
			}
			return time.Duration(n) * unit, true
		}
	}
	age, err := time.ParseDuration(text)
	return age, err == nil
}

// replaceFile writes a file whole: a reader sees the old or the new content. What is no plain file, such as
// /dev/stdout, is written to.
func replaceFile(name string, content []byte) error {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return failure.New(failure.Usage, "--to %s: %w", name, err)
		}
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".ingest-*")
	if err != nil {
		return failure.New(failure.Usage, "--to %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
