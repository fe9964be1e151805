package load

import (
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// needs records that a table needs a name in the target's schema.
type needs struct {
	table  schema.TableName
	target databricks.Table
	log    bool // needed for its log; else for a table beside it
}

// refused lists the tables that are not loaded. Either they need a name that
// another table needs, or the configuration asks for something that they cannot
// have. A table that has since been loaded under another name is not listed.
func (l *Loader) refused(state *ledger.State) map[schema.TableName]error {
	heirs := state.ByOIDs()
	errs, of, byName := map[schema.TableName][]error{}, map[schema.TableName][]needs{}, map[string][]needs{}
	for _, t := range state.Sorted() {
		if !state.Current(t) || heirs[t.OID] != t {
			continue
		}
		of[t.Table] = []needs{{t.Table, l.Target(t.Table), true}}
		if l.Kept != nil {
			kept, err := l.Kept(t)
			if err != nil {
				errs[t.Table] = append(errs[t.Table], err)
			}
			for _, target := range kept {
				of[t.Table] = append(of[t.Table], needs{t.Table, target, false})
			}
		}
		for _, n := range of[t.Table] {
			name := schema.FoldCase(n.target.Name)
			byName[name] = append(byName[name], n)
		}
	}
	for table, names := range of {
		for _, n := range names {
			if all := byName[schema.FoldCase(n.target.Name)]; len(all) > 1 {
				errs[table] = append(errs[table], shared(table, all))
			}
		}
	}
	out := map[schema.TableName]error{}
	for table, found := range errs {
		out[table] = failure.All(found)
	}
	return out
}

// shared is the error that several objects need one name, and one of them is a
// table.
func shared(table schema.TableName, all []needs) error {
	one, other := all[0], all[1]
	switch {
	case one.log && other.log:
		return failure.New(failure.Tables, "tables %s and %s would both become %s: neither is loaded", one.table,
			other.table, one.target.Display()).
			WithHint("give one of them another name (name = \"…\" under its [tables.\"…\"]), or remove the option that gives both this name")
	case one.table == other.table:
		return failure.New(failure.Tables, "table %s needs the name %s for two things: it is not loaded", table, one.target.Display()).
			WithHint("ingest check")
	}
	return failure.New(failure.Tables, "tables %s and %s both need the name %s: neither is loaded", one.table,
		other.table, one.target.Display()).
		WithHint("ingest check")
}
