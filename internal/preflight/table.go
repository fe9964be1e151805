package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
)

// table reports what a full load or cdc would meet in a table, or that the table is ready.
func (l *look) table(r *postgres.Relation) {
	name := r.Name.String()
	before := len(l.Findings)
	as := l.pubs.As(r)
	for _, o := range slices.Concat(l.pubs.Obstacles(r), l.names.Obstacles(as)) {
		if o.Shared {
			o.Remedy = ""
		}
		l.Add(o)
	}
	if l.state.Another(r.Name, r.OID) {
		l.Add(finding.Finding{
			Level: finding.Warning, Subject: name, What: "it is not the table that was loaded under this name: none of its rows are in the target",
			Why: "the loaded table was renamed or dropped", Remedy: "ingest full-load --tables " + r.Name.Argument(),
		})
	}
	for _, o := range l.names.ForDropped(as, l.state.Tables[r.Name]) {
		if l.misnamed(o.What) {
			continue
		}
		o.Level, o.Kind, o.Why = finding.Warning, 0,
			"the table had it when it was loaded: changes continue, and a full load fails until the option is removed"
		l.Add(o)
	}
	l.Add(identity(l.pubs, r)...)
	if target := l.names.Table(r.Name); target.Name == l.Config.Load.TableName.Name(r.Name) && !l.Config.Load.TableName.Keeps(r.Name) {
		l.Add(finding.Finding{
			Level: finding.Note, Subject: name, What: "it becomes " + target.Display(),
			Why: "Unity Catalog allows no period, space, slash or control character in the name of a table",
		})
	}
	l.columns(as)
	if r.Inherits {
		l.Add(finding.Finding{
			Level: finding.Note, Subject: name, What: "tables inherit from it: their rows are in their own tables",
			Why: "a SELECT of it shows them too, unless it says ONLY",
		})
	}
	if r.Partitioned {
		l.Add(finding.Finding{
			Level: finding.Note, Subject: name, What: fmt.Sprintf("it is partitioned (%d partitions) and becomes one table", len(r.Leaves)),
			Why: l.ofPartitions(),
		})
	}
	if len(l.Findings) == before {
		l.Add(finding.Finding{Level: finding.OK, Subject: name, What: "ready"})
	}
}

// ofPartitions is what replication does not show of partitions.
func (l *look) ofPartitions() string {
	if l.pubs.Names.None() {
		return ""
	}
	return "a TRUNCATE of a single partition is not replicated; `ingest verify` finds it"
}

// identity reports which columns identify rows in updates and deletes of a table, if these are not its
// primary key.
func identity(pubs *publication.Set, r *postgres.Relation) []finding.Finding {
	note := func(what, why string) []finding.Finding {
		return []finding.Finding{{Level: finding.Note, Subject: r.Name.String(), What: what, Why: why}}
	}
	full := r.Identity.Kind == schema.IdentityFull
	switch what, remedy := pubs.Identity(r); {
	case what != "":
		return []finding.Finding{{
			Level: finding.Warning, Subject: r.Name.String(), What: what,
			Why: "updates and deletes can be published only with the old row's key", Remedy: remedy,
		}}
	case pubs.Names.None():
		return nil
	case pubs.InsertsOnly(r):
		return []finding.Finding{{
			Level: finding.Warning, Subject: r.Name.String(), What: pubs.HadNoIdentity(),
			Why: "it had no replica identity when it was loaded, and has one now", Remedy: "ingest full-load --tables " + r.Name.Argument(),
		}}
	case full && r.Deferrable:
		return note("its primary key is deferrable: under REPLICA IDENTITY FULL an update is a delete and an insert of the whole row", "")
	case full && len(r.PrimaryKey) == 0:
		return note("it has no primary key: under REPLICA IDENTITY FULL an update is a delete and an insert of the whole row", "")
	case full:
		return note("REPLICA IDENTITY FULL: an update or delete sends the whole old row", "its primary key would be enough, and makes less WAL")
	case r.Identity.Kind == schema.IdentityIndex:
		return note(fmt.Sprintf("its replica identity is an index: an update or delete identifies its row by %s",
			quotedList(r.Identity.Columns)), "")
	}
	return nil
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}

// columns reports which columns and rows of a table, as it is published, are not moved, and why.
func (l *look) columns(r *postgres.Relation) {
	note := func(what, why, remedy string) {
		l.Add(finding.Finding{Level: finding.Note, Subject: r.Name.String(), What: what, Why: why, Remedy: remedy})
	}
	sent := r.PublishedColumns()
	missing := func(columns []schema.Column) string {
		var out []string
		for _, col := range columns {
			if !slices.ContainsFunc(sent, func(s schema.Column) bool { return s.Name == col.Name }) {
				out = append(out, col.Name)
			}
		}
		return strings.Join(out, ", ")
	}
	sends := l.Link.Source.Facts.Version >= 180000 // stored generated columns
	if columns := missing(r.Generated); columns != "" && (!sends || l.pubs.Covers(r)) {
		remedy := ""
		if sends && len(r.Virtual) < len(r.Generated) {
			remedy = fmt.Sprintf(
				"ALTER PUBLICATION %s SET (publish_generated_columns = stored); then `ingest full-load --tables %s` (virtual ones cannot be published)",
				schema.QuotePostgres(l.pubs.Names.All), r.Name)
		}
		note("generated columns are left out: "+columns, "the publication does not send them", remedy)
	}
	if columns := missing(r.Columns); columns != "" {
		note("the publication's column list leaves out: "+columns, "", "")
	}
	if excluded := l.Config.Shape.Of(r.Name).Excluded(sent); len(excluded) > 0 {
		note("the configuration leaves out: "+strings.Join(excluded, ", "), "", "")
	}
	if r.Published.Filter != "" {
		note("the publication sends only rows with "+r.Published.Filter, "", "")
	}
}
