package replicate

import (
	"fmt"

	"ingest/internal/config"
	"ingest/internal/databricks"
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

// viewTaken gives the table whose target is named as the view of another one's
// would be.
func (t *targets) viewTaken(table schema.TableName) (other schema.TableName, taken bool) {
	other, taken = t.byName[schema.FoldCase(t.p.viewOf(table).Name)]
	return other, taken
}

// remedy says how two tables get targets of their own.
func (t *targets) remedy(one, other schema.TableName) string {
	out := "leave one of them out with source.exclude"
	if t.staged[one] {
		out = fmt.Sprintf("%s was loaded before: leave %s out with source.exclude, or move it by another pipeline to another schema (--pipeline, --schema)", one, other)
	}
	for _, pattern := range []config.NamePattern{"{schema}_{table}", "{schema}__{table}"} {
		if schema.FoldCase(pattern.Name(one)) == schema.FoldCase(pattern.Name(other)) {
			continue
		}
		if t.staged[one] {
			return out + fmt.Sprintf("; or set load.table_name = %q and load all tables in full", pattern)
		}
		return fmt.Sprintf("set load.table_name = %q, or ", pattern) + out
	}
	if !t.staged[one] {
		out = "rename one of them in the source, or " + out
	}
	return out
}

// viewOf is where the view of a source table's current state goes.
func (p *Pipeline) viewOf(table schema.TableName) databricks.Table {
	view := p.Target(table)
	view.Name += ViewSuffix
	return view
}
