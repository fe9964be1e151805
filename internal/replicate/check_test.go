//go:build unix

package replicate

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/finding"
)

// What a check finds at both ends: before the first full load, after it, and as a role that may only
// read.
func TestWhatACheckFinds(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE VIEW v AS SELECT 1 AS a`)
	p := b.open(nil)
	look := func() []finding.Finding {
		t.Helper()
		found, err := p.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	of := func(found []finding.Finding, subject string) string {
		var lines []string
		for _, f := range found {
			if f.Subject == subject {
				lines = append(lines, fmt.Sprintf("%s %s", f.Level, f.What))
			}
		}
		return strings.Join(lines, "; ")
	}
	found := look()
	failuretest.Reason(t, "a slot to be made", of(found, "slot"), "note "+p.link.Slot+" does not exist yet; the first full load makes it")
	failuretest.Reason(t, "publications to be made", of(found, "publication"), "note ")
	failuretest.Reason(t, "a view", of(found, "public.v"), "note left out: it is a view")
	if got := of(found, "public.t"); got != "ok ready" {
		t.Errorf("a table: %s", got)
	}
	b.makeSlot(p)
	failuretest.Reason(t, "a slot without a ledger", of(look(), "slot"), "problem "+p.link.Slot+" exists, but the ledger is empty")
	b.exec(`SELECT pg_drop_replication_slot('` + p.link.Slot + `')`)

	b.loaded(p)
	b.exec(`CREATE TABLE u (id int PRIMARY KEY)`)
	if err := p.workspace.Warehouse().Exec(t.Context(), fmt.Sprintf("CREATE TABLE %s (id INT)", p.Target(public("u")))); err != nil {
		t.Fatal(err)
	}
	p = b.open(nil)
	found = look()
	failuretest.Reason(t, "a slot that fits", of(found, "slot"), "ok "+p.link.Slot+" fits the ledger")
	failuretest.Reason(t, "a new table", of(found, "public.u"), "warning it is selected but was never loaded")
	failuretest.Reason(t, "a target of no one", of(found, "public.u"), "is not this pipeline's")
	if got := of(found, "public.t"); got != "ok ready" {
		t.Errorf("a loaded table: %s", got)
	}

	b.exec(`SELECT pg_drop_replication_slot('` + p.link.Slot + `')`)
	failuretest.Reason(t, "a slot that is gone", of(look(), "slot"), "problem slot "+p.link.Slot+" is missing")

	role := "reader_" + b.config.Pipeline
	b.exec(`CREATE ROLE `+role+` LOGIN PASSWORD 'x'`, `GRANT SELECT ON t, u TO `+role)
	t.Cleanup(func() { _, _ = b.conn.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	address, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(role, "x")
	owner := p.link.Source
	p.link.Source = b.source(address.String(), "test", slog.New(slog.DiscardHandler))
	found = look()
	failuretest.Reason(t, "a slot, as a role that may not read it", of(found, "slot"), "")
	i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Subject == "publication" && f.Level == finding.Problem })
	if i < 0 || !strings.Contains(found[i].What, "does not own") || !strings.HasPrefix(found[i].Remedy, "as a superuser: ") {
		t.Errorf("a role that owns nothing: %+v", found)
	}
	p.link.Source = owner

	every, err := config.ParsePattern("*")
	if err != nil {
		t.Fatal(err)
	}
	p.config.Source.Exclude = []config.Pattern{every}
	failuretest.Reason(t, "nothing is selected", of(look(), "source"), "problem no table is selected")
}
