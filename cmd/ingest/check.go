package main

import (
	"context"

	"github.com/spf13/cobra"

	"ingest/internal/replicate"
)

func newCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look at both ends before anything is loaded",
		Long: `check connects to both ends and says what a full load or cdc would meet: the
server's settings, the role's rights, slot and publications, and each table's
identity, rights and names. Every finding says what mends it. It changes nothing.`,
		Example: `  ingest check --catalog dev_chinook_lakehouse`,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			c := &replicate.Checker{}
			if err := a.check(a.stop, c); err != nil {
				return err
			}
			if err := a.printFindings(c.Findings); err != nil {
				return err
			}
			return c.Err()
		},
	}
}

func (a *app) check(ctx context.Context, c *replicate.Checker) error {
	source, sourceErr := a.openSource(ctx)
	if sourceErr != nil {
		c.Failed("source", sourceErr)
	} else {
		c.Server(source)
	}
	target, targetErr := a.openTarget(ctx)
	if targetErr != nil {
		c.Failed("destination", targetErr)
	} else {
		c.Destination(ctx, target)
	}
	c.Spool(a.config.Staging.Spool, a.runID)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if source == nil || target == nil {
		return nil
	}
	standby, err := a.openStandby(ctx, source)
	if err != nil {
		c.Failed("standby", err)
		return nil
	}
	p, err := a.openBetween(ctx, replicate.Options{Source: source, Standby: standby, Workspace: target, AnySource: true})
	if err != nil {
		c.Failed("ledger", err)
		return nil
	}
	return c.Source(ctx, p)
}

func (a *app) printFindings(findings []replicate.Finding) error {
	if a.ui.Structured {
		return a.ui.JSON(map[string]any{"findings": findings})
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
