package replicate

import (
	"fmt"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// targets are the source tables by the names of their targets, as Unity Catalog
// tells names apart.
type targets struct {
	p      *Pipeline
	byName map[string]schema.TableName
	staged map[schema.TableName]bool // of the ledger
}

// targets begins with the tables of the ledger, so that none takes the place of
// one that an earlier run loaded.
func (p *Pipeline) targets() *targets {
	t := &targets{p: p, byName: map[string]schema.TableName{}, staged: map[schema.TableName]bool{}}
	state := p.ledger.State()
	for _, table := range state.Sorted() {
		if state.Current(table) || pending(state, table.Table) {
			t.take(table.Table)
			t.staged[table.Table] = true
		}
	}
	return t
}

// take notes a table, or gives the other one that has the target's name.
func (t *targets) take(table schema.TableName) (other schema.TableName, taken bool) {
	name := schema.FoldCase(t.p.Target(table).Name)
	if other, taken = t.byName[name]; taken {
		return other, other != table
	}
	t.byName[name] = table
	return other, false
}

// formerly says that a relation was loaded as other, and was renamed since to a
// name of the same target: its changes go on into that table.
func (t *targets) formerly(r *postgres.Relation, other schema.TableName) bool {
	state := t.p.ledger.State()
	s := state.Tables[other]
	return state.Current(s) && s.Snapshot.OID == r.OID
}

// viewTaken gives the table whose target is named as the view of another one's
// would be.
func (t *targets) viewTaken(table schema.TableName) (other schema.TableName, taken bool) {
	other, taken = t.byName[schema.FoldCase(t.p.viewOf(table).Name)]
	return other, taken
}

// remedy says how two tables get targets of their own.
func (t *targets) remedy(one, other schema.TableName) string {
	out := fmt.Sprintf("name = \"…\" under [tables.%q] in the configuration", other.String())
	for _, pattern := range []config.NamePattern{"{schema}_{table}", "{schema}__{table}"} {
		if !t.staged[one] && schema.FoldCase(pattern.Name(one)) != schema.FoldCase(pattern.Name(other)) {
			return fmt.Sprintf("set load.table_name = %q, or %s, or leave one of them out with source.exclude", pattern, out)
		}
	}
	if t.staged[one] {
		return fmt.Sprintf("%s was loaded before: give the other another name (%s), or leave it out with source.exclude", one, out)
	}
	return fmt.Sprintf("give one of them another name (%s), or leave it out with source.exclude", out)
}

// viewOf is where the view of a source table's current state goes.
func (p *Pipeline) viewOf(table schema.TableName) databricks.Table {
	view := p.Target(table)
	view.Name += ViewSuffix
	return view
}
