package replicate

import (
	"context"
	"fmt"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/failure"
)

// warehouse says whether statements may be run on the SQL warehouse.
func (c *Checker) warehouse(ctx context.Context, w *databricks.Workspace) {
	lack, err := w.Warehouse().Lack(ctx)
	switch {
	case err != nil:
		c.Failed("destination", err)
	case lack != nil:
		c.lack(w, *lack, "loading runs statements there")
	}
}

// privileges says what is missing in Unity Catalog.
func (c *Checker) privileges(ctx context.Context, w *databricks.Workspace) {
	lacks, err := w.Lacks(ctx)
	if err != nil {
		c.Failed("destination", err)
		return
	}
	for _, l := range lacks {
		why := "full load and cdc need it"
		if l.Optional {
			why = "tables that ingest makes are its own; those that somebody else made take it"
		}
		c.lack(w, l, why)
	}
	if len(lacks) == 0 {
		c.add(OK, "destination", w.User()+" has the privileges that full load and cdc need", "", "")
	}
}

func (c *Checker) lack(w *databricks.Workspace, l databricks.Lack, why string) {
	words := strings.Join(l.Privileges, ", ")
	switch {
	case l.Unknown != nil:
		c.add(Note, "destination", fmt.Sprintf("whether %s has %s on %s cannot be looked up: %v", w.User(), words, l.On, l.Unknown), "", l.Grant)
	case len(l.Groups) > 0:
		c.add(Warning, "destination", fmt.Sprintf("%s on %s is granted to %s, and %s is not known to be a member", words, l.On, strings.Join(l.Groups, ", "), w.User()), why, l.Grant)
	case l.Optional:
		c.add(Warning, "destination", fmt.Sprintf("%s has no %s on %s", w.User(), words, l.On), why, l.Grant)
	default:
		c.problem(failure.Destination, "destination", fmt.Sprintf("%s has no %s on %s", w.User(), words, l.On), why, l.Grant)
	}
}
