package replicate

import (
	"fmt"

	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// collisions says which of the names that a table needs others need too.
func (c *Checker) collisions(t *targets, r *postgres.Relation) {
	const why = "Unity Catalog does not tell names apart by case, and a schema holds one table or view of a name"
	name := r.Name.String()
	for _, found := range t.take(r.Name) {
		other := found.other.table
		switch target := t.p.inSchema(found.mine.name).Display(); {
		case !found.logs():
			c.problem(failure.Usage, name, t.what(found), why, t.remedy(found))
		case t.formerly(r, other):
			what := fmt.Sprintf("it is %s, which was loaded, under another name of the same target: its changes go on into %s", other, t.p.Target(other).Display())
			back := "ALTER TABLE " + r.Name.SQL() + " RENAME TO " + schema.QuotePostgres(other.Name) + ";"
			c.add(Warning, name, what, "a full load takes it by its new name only into a table of its own", t.remedy(found)+"; or rename it back: "+back)
		default:
			c.problem(failure.Usage, name, fmt.Sprintf("it would become %s, as %s does", target, other), why, t.remedy(found))
		}
	}
}

// viewTaken warns of a view that only `ingest views` would make, and cannot.
func (c *Checker) viewTaken(t *targets, table schema.TableName) {
	if len(t.p.keptNames(table)) > 0 && t.p.keptNames(table)[0].use == useCurrent { // of which collisions says it
		return
	}
	if other, taken := t.viewTaken(table); taken {
		what := fmt.Sprintf("`ingest views` can make no view of it: it would be named %s, as %s is", t.p.viewOf(table).Display(), other.of(table))
		c.add(Warning, table.String(), what, "", remedyOfView(table)+", or make views of the other tables: ingest views --tables …")
	}
}

// remedyOfView says how a view gets another name.
func remedyOfView(table schema.TableName) string {
	return fmt.Sprintf("give the view another name: current_name = \"…\" under [tables.%q] in the configuration", table.String())
}
