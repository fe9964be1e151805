package preflight

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/internal/target"
)

// Ends are what a check of the source needs: both ends, the ledger, and the link between ledger and
// source.
type Ends struct {
	Config    *config.Config
	Link      *origin.Link
	Workspace *databricks.Workspace
	Log       *slog.Logger
}

// look is a check of the source in progress.
type look struct {
	Check
	Ends
	state *ledger.State
	names target.Names
	pubs  *publication.Set
}

// longTransaction is the age at which an open transaction becomes a warning.
const longTransaction = 5 * time.Minute

// Source returns the findings of a source: the names of the configuration, the room for sessions, the
// slot, the publications and each table.
func Source(ctx context.Context, e Ends) ([]finding.Finding, error) {
	l := &look{Ends: e, state: e.Link.Ledger.State(), names: target.Names{Config: e.Config}}
	conn, done, err := e.Link.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, do := range []func(context.Context, *pgx.Conn) error{l.configuration, l.capacity, l.replication, l.transactions, l.tables} {
		if err := do(ctx, conn); err != nil {
			return l.Findings, err
		}
	}
	return l.Findings, nil
}

func (l *look) selection() *selection.Selection {
	return &selection.Selection{Config: l.Config, Source: l.Link.Source, State: l.state, Log: l.Log}
}

// configuration reports names of the configuration that match nothing.
func (l *look) configuration(ctx context.Context, conn *pgx.Conn) error {
	found, err := l.selection().Misnamed(ctx, conn, false)
	l.Add(found...)
	return err
}

// replication checks standby and slot. Only a role with REPLICATION can read them.
func (l *look) replication(ctx context.Context, conn *pgx.Conn) error {
	if !l.Link.Replicates() {
		return l.alone(ctx, conn)
	}
	if !l.Link.Source.Facts.MayReplicate {
		return nil
	}
	if err := l.standby(ctx, conn); err != nil {
		return err
	}
	return l.slot(ctx, conn)
}

// transactions warns about transactions that a full load would wait for.
func (l *look) transactions(ctx context.Context, conn *pgx.Conn) error {
	if !l.Link.Replicates() { // it waits for none
		return nil
	}
	open, err := l.Link.Source.Transactions(conn).Older(ctx, longTransaction)
	for _, t := range open {
		l.Add(finding.Finding{
			Level: finding.Warning, Subject: "source", What: t.Who,
			Why: "a full load waits for its end, and the server keeps all WAL since it began", Remedy: t.End,
		})
	}
	return err
}

// tables checks the publications and each selected table.
func (l *look) tables(ctx context.Context, conn *pgx.Conn) error {
	source := l.Link.Source
	relations, err := source.Catalog(conn).Relations(ctx, l.selection().Schemas(nil), nil)
	if err != nil {
		return err
	}
	relations = slices.DeleteFunc(relations, func(r postgres.Relation) bool { return !l.Config.Source.Selects(r.Name) })
	if l.pubs, err = publication.Read(ctx, conn, source, l.Link.Reads()); err != nil {
		return err
	}
	l.Link.Alone(l.pubs)
	usable := slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool { return selection.Unreplicable(&r) != "" })
	l.publications()
	if err := errors.Join(l.rights(ctx, conn, usable), l.application(ctx, conn)); err != nil {
		return err
	}
	claims := l.names.Claims(l.state)
	byOID := l.state.ByOIDs()
	for i := range relations {
		r := &relations[i]
		if why := selection.Unreplicable(r); why != "" {
			l.Add(leftOut(r, why)...)
			continue
		}
		l.table(r)
		if l.selection().Unloaded(l.state, byOID, r) {
			l.Add(finding.Finding{
				Level: finding.Warning, Subject: r.Name.String(), What: "it is selected but was never loaded: none of its rows are in the target",
				Why:    "it was created after the last full load, or failed in it",
				Remedy: "ingest full-load --tables " + r.Name.Argument() + l.loadsNew() + "; or leave it out by source.exclude",
			})
		}
		l.Add(claims.Findings(r)...)
	}
	for _, r := range usable {
		l.Add(claims.ViewFindings(r.Name)...)
	}
	if err := l.targets(ctx, usable); err != nil {
		return err
	}
	if len(usable) == 0 {
		l.Add(finding.Finding{
			Level: finding.Problem, Kind: failure.Usage, Subject: "source", What: "no table is selected", Why: "there is nothing to load",
			Remedy: "check source.schemas, source.tables and source.exclude",
		})
	}
	return nil
}

// loadsNew says which runs load new tables by themselves.
func (l *look) loadsNew() string {
	if !l.Link.Replicates() {
		return ""
	}
	return " (cdc --snapshot-new loads new tables by itself)"
}

// leftOut reports why a relation is left out. For each name that causes this, it gives the statement
// that renames it.
func leftOut(r *postgres.Relation, why string) (out []finding.Finding) {
	for _, i := range selection.Illegible(r) {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: r.Name.String(), What: "left out: " + i.String(),
			Why: "no statement of a client in UTF-8 can name it", Remedy: i.Rename(),
		})
	}
	if len(out) == 0 {
		out = append(out, finding.Finding{Level: finding.Note, Subject: r.Name.String(), What: "left out: " + why})
	}
	return out
}

// publications reports what the existing publications do not publish.
func (l *look) publications() {
	for _, name := range l.pubs.Names.Names() {
		info := l.pubs.Have[name]
		if info == nil {
			continue
		}
		if !info.Truncate {
			l.Add(finding.Finding{
				Level: finding.Warning, Subject: "publication", What: name + " does not publish truncates", Why: "rows of a truncated table stay",
				Remedy: fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');", schema.QuotePostgres(name)),
			})
		}
		if what, remedy := l.pubs.Incomplete(name); what != "" {
			l.Add(finding.Finding{
				Level: finding.Problem, Kind: failure.Source, Subject: "publication", What: name + " " + what,
				Why: "changes that it does not publish would be missing without an error", Remedy: remedy,
			})
		}
	}
}

// rights reports once, for all tables, what keeps the role from publishing them. The remedy is the
// statements for an administrator.
func (l *look) rights(ctx context.Context, conn *pgx.Conn, usable []postgres.Relation) error {
	if !l.Link.Replicates() {
		return nil
	}
	may, err := l.Link.Source.Catalog(conn).MayCreatePublication(ctx)
	if err != nil {
		return err
	}
	u := l.pubs.Unpublished(may, usable)
	if !u.Lacking() {
		for _, note := range u.Notes {
			l.Add(finding.Finding{Level: finding.Note, Subject: "publication", What: note})
		}
		return nil
	}
	owners, err := l.Link.Source.Catalog(conn).Owners(ctx, u.OIDs)
	if err == nil {
		l.Add(u.Finding(owners)...)
	}
	return err
}

// application looks for statements of the application that a publication makes fail. It checks
// publications of any origin and all tables of the database.
func (l *look) application(ctx context.Context, conn *pgx.Conn) error {
	if !l.Link.Replicates() {
		return nil
	}
	refusals, err := l.Link.Source.Catalog(conn).Refusals(ctx)
	for _, r := range publication.Group(l.Link.Publications, refusals) {
		l.Add(finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "publication", What: r.What(), Why: r.Why, Remedy: r.Remedy,
		})
	}
	return err
}

// targets reports what Unity Catalog knows about the targets, without waking the warehouse.
func (l *look) targets(ctx context.Context, usable []postgres.Relation) error {
	listed, err := l.names.List(ctx, l.Workspace, l.state, true)
	if err != nil {
		return err
	}
	for _, r := range usable {
		found, err := listed.By(ctx, r.Name, "ingest full-load --tables "+r.Name.Argument())
		if err != nil {
			return err
		}
		for _, f := range found {
			l.Add(f.Finding(r.Name))
		}
		if len(found) > 0 {
			continue
		}
		l.Add(listed.Changed(r.Name)...)
	}
	l.Add(listed.Control()...)
	return nil
}

// misnamed reports whether a finding about the configuration already covers this.
func (l *look) misnamed(what string) bool {
	return l.has("configuration", func(f *finding.Finding) bool { return strings.Contains(f.What, what) })
}
