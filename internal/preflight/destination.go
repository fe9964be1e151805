package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// Destination checks the workspace, finds the SQL warehouse without waking it, and looks for missing
// privileges.
func (c *Check) Destination(ctx context.Context, w *databricks.Workspace) {
	ok := func(what string) { c.Add(finding.Finding{Level: finding.OK, Subject: "destination", What: what}) }
	ok(fmt.Sprintf("signed in to %s as %s (%s)", w.Host(), w.User(), w.AuthMethod()))
	ok("catalog " + w.Catalog() + " is there")
	if err := w.Warehouse().Find(ctx); err != nil {
		c.Failed("destination", err)
	} else {
		ok("SQL warehouse " + w.Warehouse().Name())
		c.warehouse(ctx, w)
	}
	c.privileges(ctx, w)
}

// warehouse reports whether the role may run statements on the SQL warehouse.
func (c *Check) warehouse(ctx context.Context, w *databricks.Workspace) {
	lack, err := w.Warehouse().Lack(ctx)
	switch {
	case err != nil:
		c.Failed("destination", err)
	case lack != nil:
		c.lack(w.User(), *lack, "loading runs statements there")
	}
}

// privileges reports what is missing in Unity Catalog.
func (c *Check) privileges(ctx context.Context, w *databricks.Workspace) {
	lacks, err := w.Place().Lacks(ctx)
	if err != nil {
		c.Failed("destination", err)
		return
	}
	c.lacks(w.User(), lacks)
}

func (c *Check) lacks(user string, lacks []databricks.Lack) {
	for _, l := range lacks {
		why := "full load and cdc need it"
		if l.Optional {
			why = "it is needed only for tables that someone else created: ingest owns the tables that it creates"
		}
		c.lack(user, l, why)
	}
	if len(lacks) == 0 {
		c.Add(finding.Finding{Level: finding.OK, Subject: "destination", What: user + " has the privileges that full load and cdc need"})
	}
}

func (c *Check) lack(user string, l databricks.Lack, why string) {
	words := strings.Join(l.Privileges, ", ")
	f := finding.Finding{
		Level: finding.Problem, Kind: failure.Destination, Subject: "destination",
		What: fmt.Sprintf("%s has no %s on %s", user, words, l.On), Why: why, Remedy: l.Grant,
	}
	switch {
	case l.Unknown != nil:
		f.Level, f.Kind, f.Why = finding.Note, 0, ""
		f.What = fmt.Sprintf("whether %s has %s on %s cannot be looked up: %v", user, words, l.On, l.Unknown)
	case len(l.Groups) > 0:
		f.Level, f.Kind = finding.Warning, 0
		f.What = fmt.Sprintf("%s on %s is granted to %s, and it is not known whether %s is a member", words, l.On,
			strings.Join(l.Groups, ", "), user)
	case l.Optional:
		f.Level, f.Kind = finding.Warning, 0
	}
	c.Add(f)
}
