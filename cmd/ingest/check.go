package main

import (
	"context"

	"github.com/spf13/cobra"

	"ingest/internal/databricks"
	"ingest/internal/postgres"
	"ingest/internal/probe"
	"ingest/internal/replicate"
)

func newCheck(a *app) *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look at both ends before anything is loaded",
		Long: `check connects to both ends and says what a full load or cdc would meet: the
server's settings, the role's rights, slot and publications, and each table's
identity, rights and names. Every finding says what mends it. It changes nothing.

With --probe it also asks the workspace what no document says and what ingest
rests on, in a schema of its own that it makes and removes. It says before what it
does, and asks. An answer that ingest is not built for is a problem, and keeps
full-load, cdc and load from starting until a later probe finds a good one. The
source may be missing then.`,
		Example: `  ingest check --catalog dev_chinook_lakehouse`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.allowed(a); err != nil {
				return err
			}
			c := &replicate.Checker{}
			target, err := a.check(a.stop, c, o)
			if err != nil {
				return err
			}
			var report *probe.Report
			shown := 0
			if o.probe && target != nil {
				if !a.ui.Structured { // what is missing is seen before the probe is allowed
					shown = len(c.Findings)
					if err := a.printFindings(c.Findings, nil); err != nil {
						return err
					}
				}
				if report, err = a.probe(a.stop, cmd.Context(), target, o, c); err != nil {
					return err
				}
			}
			if err := a.printFindings(c.Findings[shown:], report); err != nil {
				return err
			}
			return c.Err()
		},
	}
	cmd.Flags().BoolVar(&o.probe, "probe", false, "ask the workspace what no document says, in a schema of its own")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "with --probe: do not ask whether it may")
	return cmd
}

// check looks at both ends. The workspace is nil if it could not be opened.
func (a *app) check(ctx context.Context, c *replicate.Checker, o probeOptions) (*databricks.Workspace, error) {
	source := a.checkSource(ctx, c, o)
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
		return nil, ctx.Err()
	}
	if source == nil || target == nil {
		return target, nil
	}
	standby, err := a.openStandby(ctx, source)
	if err != nil {
		c.Failed("standby", err)
		return target, nil
	}
	p, err := a.openBetween(ctx, replicate.Options{Source: source, Standby: standby, Workspace: target, AnySource: true, Looks: true})
	if err != nil {
		c.Failed("ledger", err)
		return target, nil
	}
	return target, c.Source(ctx, p)
}

// checkSource looks at the source's server; nil if it could not be opened. A probe
// needs none.
func (a *app) checkSource(ctx context.Context, c *replicate.Checker, o probeOptions) *postgres.Source {
	if o.probe && a.config.NeedSource() != nil {
		c.NoSource()
		return nil
	}
	source, err := a.openSource(ctx)
	if err != nil {
		c.Failed("source", err)
		return nil
	}
	c.Server(source)
	return source
}

func (a *app) printFindings(findings []replicate.Finding, report *probe.Report) error {
	if a.ui.Structured {
		result := map[string]any{"findings": findings}
		if report != nil {
			result["probe"] = report
		}
		return a.ui.JSON(result)
	}
	if report != nil {
		if err := a.printProbe(report); err != nil {
			return err
		}
	}
	for _, f := range findings {
		if err := a.ui.Print("%-8s %s: %s", f.Level, f.Subject, f.What); err != nil {
			return err
		}
		if f.Why != "" {
			if err := a.ui.Print("         why: %s", f.Why); err != nil {
				return err
			}
		}
		if f.Remedy != "" {
			if err := a.ui.Print("         mend: %s", f.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}
