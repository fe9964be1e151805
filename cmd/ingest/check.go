package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/preflight"
	"github.com/ingest-tool/ingest/internal/probe"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newCheck(a *app) *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check source and destination before a load",
		Long: `check connects to source and destination and reports what would stop a full load
or cdc: the server's settings, the role's privileges, slot and publications, and
each table's identity, privileges and names. Each finding names its fix. check
changes nothing.

With --probe it also tests the workspace's behavior that ingest depends on and that
Databricks does not document. It works in a scratch schema that it creates and
removes. It prints its plan first and asks for confirmation. If the workspace
behaves in a way that ingest does not support, check reports a problem, and
full-load, cdc and load do not start until a later probe succeeds. --probe needs no
source.`,
		Example:     `  ingest check --catalog dev_chinook_lakehouse`,
		Annotations: map[string]string{makesLocal: "true"},
		Args:        exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.allowed(a); err != nil {
				return err
			}
			c := &preflight.Check{}
			target, begun, err := a.check(a.stop, c, o)
			if err != nil {
				return err
			}
			var report *probe.Report
			shown := 0
			if o.probe && target != nil {
				if !a.ui.Structured { // print the findings before the confirmation
					shown = len(c.Findings)
					if err := printFindings(a.ui, c.Findings, nil); err != nil {
						return err
					}
				}
				if report, err = a.probe(a.stop, cmd.Context(), target, o, c); err != nil {
					return err
				}
			}
			if err := printFindings(a.ui, c.Findings[shown:], report); err != nil {
				return err
			}
			a.next(checkVerdict(a.ui, c.Findings, begun))
			return c.Err()
		},
	}
	cmd.Flags().BoolVar(&o.probe, "probe", false, "test undocumented behavior of the workspace in a scratch schema")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "with --probe: do not ask for confirmation")
	return cmd
}

// checkVerdict is the last line of a check: how many findings there are of each
// level, and the next command.
func checkVerdict(out *ui.Output, findings []finding.Finding, begun bool) string {
	count := map[finding.Level]int{}
	for _, f := range findings {
		count[f.Level]++
	}
	parts := []string{fmt.Sprintf("%d ok", count[finding.OK])}
	for _, level := range []finding.Level{finding.Note, finding.Warning, finding.Problem} {
		if n := count[level]; n > 0 {
			parts = append(parts, countOf(n, string(level)))
		}
	}
	counts := strings.Join(parts, ", ")
	next := "ingest full-load"
	if begun {
		next = "ingest cdc"
	}
	switch {
	case count[finding.Problem] > 0:
		return out.Bad(counts) + ". Next: fix the problems, then `ingest check`"
	case count[finding.Warning] > 0:
		return out.Caution(counts) + ". Ready. Next: read the warnings, then `" + next + "`"
	}
	return out.Good(counts) + ". Ready. Next: `" + next + "`"
}

// check checks source and destination. It returns a nil workspace if that could not
// be opened. begun reports whether the pipeline has loaded before.
func (a *app) check(ctx context.Context, c *preflight.Check, o probeOptions) (target *databricks.Workspace, begun bool, err error) {
	source, key := a.checkSource(ctx, c, o)
	target, targetErr := a.openTarget(ctx)
	if targetErr != nil {
		target = nil
		c.Failed("destination", targetErr)
	} else {
		c.Destination(ctx, target)
		if err := probe.Refusal(ctx, target); err != nil && !o.probe {
			c.Failed("probe", err)
		}
	}
	c.Spool(a.config.Staging.Spool, a.runID)
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	if source == nil || target == nil {
		return target, false, nil
	}
	standby, err := a.openStandby(ctx, source)
	if err != nil {
		c.Failed("standby", err)
		return target, false, nil
	}
	p, err := a.openBetween(ctx, key, replicate.Options{Source: source, Standby: standby, Workspace: target, AnySource: true, Looks: true})
	if err != nil {
		c.Failed("ledger", err)
		return target, false, nil
	}
	found, err := p.Check(ctx)
	c.Add(found...)
	return target, p.Begun(), err
}

// checkSource checks the source server, and reads the mask key. It returns nil if
// either fails, or if a probe runs without a source.
func (a *app) checkSource(ctx context.Context, c *preflight.Check, o probeOptions) (*postgres.Source, shape.Key) {
	if o.probe && a.config.NeedSource() != nil {
		c.NoSource()
		return nil, nil
	}
	source, err := a.openSource(ctx)
	var key shape.Key
	if err == nil {
		key, err = a.maskKey(ctx)
	}
	if err != nil {
		c.Failed("source", err)
		return nil, nil
	}
	c.Server(source)
	return source, key
}

func printFindings(out *ui.Output, findings []finding.Finding, report *probe.Report) error {
	if out.Structured {
		result := map[string]any{"findings": findings}
		if report != nil {
			result["probe"] = report
		}
		return out.JSON(result)
	}
	if report != nil {
		if err := printProbe(out, report); err != nil {
			return err
		}
	}
	for _, f := range findings {
		if err := out.Print("%-8s %s: %s", f.Level, f.Subject, f.What); err != nil {
			return err
		}
		if f.Why != "" {
			if err := out.Print("         why: %s", f.Why); err != nil {
				return err
			}
		}
		if f.Remedy != "" {
			if err := out.Print("         fix: %s", f.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}
