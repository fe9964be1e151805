//go:build unix

package replicate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/preflight"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// A schema that is not there, and one that the user may not list, have no tables: the load reports it.
// Any other error of the listing ends the run, since a table of another pipeline may be there.
func TestTargetsThatCannotBeListed(t *testing.T) {
	b := newBed(t)
	p := b.open(nil)
	listed := func(what, want string) {
		t.Helper()
		_, err := p.names.List(t.Context(), b.target, p.ledger.State(), false)
		failuretest.Reason(t, what, said(err), want)
	}
	listed("an empty schema", "")
	refusing("/unity-catalog/tables", http.StatusForbidden, func() { listed("not permitted", "") })
	refusing("/unity-catalog/tables", http.StatusBadRequest, func() { listed("another error", "list the tables of dev."+b.config.Pipeline) })
	b.config.Destination.Schema = "nowhere"
	listed("no schema", "")
}

// A check says which SQL warehouse the loads use, whether they may use it, and which privileges the
// user has. It goes on if there is no such warehouse.
func TestWhatACheckFindsInTheWorkspace(t *testing.T) {
	b := newBed(t)
	b.open(nil)
	look := func(w *databricks.Workspace) string {
		c := &preflight.Check{}
		c.Destination(t.Context(), w)
		var lines []string
		for _, f := range c.Findings {
			lines = append(lines, fmt.Sprintf("%s %s (%s)", f.Level, f.What, f.Why))
		}
		return strings.Join(lines, "; ")
	}
	const privileges = "has the privileges that full load and cdc need"
	found := look(b.target)
	failuretest.Reason(t, "all is well", found, "ok SQL warehouse ")
	if failuretest.Reason(t, "all is well", found, privileges); strings.Contains(found, "problem") {
		t.Errorf("all is well: %s", found)
	}
	refusing("/warehouses/", http.StatusForbidden, func() {
		found := look(b.target)
		failuretest.Reason(t, "a warehouse that the user may not use", found, "has no CAN USE on SQL warehouse")
		failuretest.Reason(t, "a warehouse that the user may not use", found, "(loading runs statements there)")
	})
	refusing("/warehouses/", http.StatusBadRequest, func() {
		failuretest.Reason(t, "a warehouse that cannot be described", look(b.target), "problem describe SQL warehouse")
	})
	found = look(b.withoutWarehouse())
	failuretest.Reason(t, "no such warehouse", found, privileges)
	if !strings.Contains(found, "problem ") || strings.Contains(found, "ok SQL warehouse") {
		t.Errorf("no such warehouse: %s", found)
	}
}

// A check that takes the last session looks no further for a pooler, which would need another session:
// it reports that there is no room, and goes on.
func TestCheckThatTakesTheLastSession(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	role := "alone_" + b.config.Pipeline
	b.exec(`CREATE ROLE `+role+` LOGIN PASSWORD 'x' CONNECTION LIMIT 1`, `GRANT SELECT ON t TO `+role)
	t.Cleanup(func() { _, _ = b.conn.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	address, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(role, "x")
	p.link.Source = b.source(address.String(), "test", slog.New(slog.DiscardHandler))
	b.eventually(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = $1)`, role)
	found, err := p.Check(t.Context())
	if err != nil {
		t.Errorf("there is no room, and the check ends: %v", err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Subject+": "+f.What)
	}
	failuretest.Reason(t, "room", strings.Join(lines, "; "), "has 1 of 1 connections free")
	failuretest.Reason(t, "the tables", strings.Join(lines, "; "), "public.t: ")
}

// A full load refuses a section that masks columns of a table with another name by now: the options
// would not apply. A run of cdc goes on under the name in the ledger.
func TestSectionsOfTablesThatWereRenamed(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY, mail text)`)
	pattern, err := config.ParsePattern("t")
	if err != nil {
		t.Fatal(err)
	}
	const label = "[tables.t]"
	b.config.Names = []config.Name{{Where: "a.toml:3", Key: label, Text: "t", Pattern: pattern, Section: true}}
	b.config.ColumnNames = []config.ColumnName{{Where: "a.toml:4", Label: label, Option: "exclude_columns", Column: "mail", Pattern: pattern}}
	b.config.Shape.Sections = []shape.Section{{
		Label: label, Exact: true, Matches: pattern.Match, Options: shape.Options{Exclude: []string{"mail"}},
	}}
	p := b.open(nil)
	b.loaded(p)
	names := func(what string, forgetting bool, want string) {
		t.Helper()
		failuretest.Reason(t, what, said(p.selection().CheckNames(t.Context(), b.conn, forgetting)), want)
	}
	names("a full load", true, "")
	b.exec(`ALTER TABLE t RENAME TO u`)
	names("cdc after the rename", false, "")
	names("a full load after the rename", true, "a.toml:3: section "+label+" is for a table that is called public.u now")
	b.config.Names = append(b.config.Names, config.Name{Where: "a.toml:5", Key: "source.schemas", Text: "nowhere"})
	names("a name of nothing", false, `a.toml:5: source.schemas: there is no schema "nowhere" in the source`)
}

// A full load of nothing is a mistake. A run of cdc has nothing to take then, and goes on.
func TestRunsThatSelectNothing(t *testing.T) {
	b := newBed(t, `CREATE VIEW v AS SELECT 1 AS a`)
	p := b.open(nil)
	_, err := p.FullLoad(t.Context(), FullLoadOptions{})
	failuretest.Reason(t, "a full load", said(err), "no table is selected in ")
	if got, err := p.selection().Tables(t.Context(), b.conn, nil, func(schema.TableName, error) {}); err != nil || len(got) > 0 {
		t.Errorf("a run of cdc: %v, %v", got, err)
	}
}
