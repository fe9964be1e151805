package target

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Findings returns which of a relation's names collide with others. It takes the names.
func (t *Claims) Findings(r *postgres.Relation) (out []finding.Finding) {
	const why = "Unity Catalog compares names without regard to case, and a schema has one table or view of a name"
	problem := func(what, remedy string) {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Usage, Subject: r.Name.String(), What: what, Why: why, Remedy: remedy,
		})
	}
	for _, found := range t.Take(r.Name) {
		other := found.other.table
		switch target := t.names.InSchema(found.mine.name).Display(); {
		case !found.logs():
			problem(t.what(found), t.remedy(found))
		case t.formerly(r, other):
			what := fmt.Sprintf("it is the loaded table %s under a new name, which has the same target: its changes still go into %s", other,
				t.names.Table(other).Display())
			back := "ALTER TABLE " + r.Name.SQL() + " RENAME TO " + schema.QuotePostgres(other.Name) + ";"
			out = append(out, finding.Finding{
				Level: finding.Warning, Subject: r.Name.String(), What: what, Why: "a full load under the new name needs another target",
				Remedy: t.remedy(found) + "; or rename it back: " + back,
			})
		default:
			problem(fmt.Sprintf("it would become %s, as %s does", target, other), t.remedy(found))
		}
	}
	return out
}

// ViewFindings warns about a view that only `ingest views` would make, and cannot.
func (t *Claims) ViewFindings(table schema.TableName) []finding.Finding {
	if kept := t.names.keptNames(table); len(kept) > 0 && kept[0].use == useCurrent { // Findings reports it
		return nil
	}
	if other, taken := t.viewTaken(table); taken {
		what := fmt.Sprintf("`ingest views` cannot make its view: it would be named %s, as %s is", t.names.View(table).Display(), other.of(table))
		return []finding.Finding{{
			Level: finding.Warning, Subject: table.String(), What: what,
			Remedy: RenameView(table) + ", or make views of the other tables: ingest views --tables …",
		}}
	}
	return nil
}

// CheckView returns an error if the view of a table cannot have its name.
func (t *Claims) CheckView(table schema.TableName) error {
	view := t.names.View(table)
	if other, taken := t.viewTaken(table); taken {
		return failure.New(failure.Usage, "the view of table %s would be named %s, as %s is", table, view.Display(),
			other.of(schema.TableName{})).
			WithHint("%s, or make views of the other tables: ingest views --tables …", RenameView(table))
	}
	if !databricks.IsName(view.Name) {
		return failure.New(failure.Usage,
			"the view of table %s would be named %s, which is longer than Unity Catalog allows", table, view.Display()).
			WithHint("%s, or make views of the other tables: ingest views --tables …", RenameView(table))
	}
	return nil
}
