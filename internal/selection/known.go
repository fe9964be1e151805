package selection

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// argument quotes a table's name as an option on a shell's command line.
func argument(name string) string {
	if strings.Contains(name, `"`) {
		return "'" + name + "'"
	}
	return `"` + name + `"`
}

// Known finds a table of the ledger by its name.
func Known(state *ledger.State, name, defaultSchema string) (schema.TableName, error) {
	table, err := schema.ParseTableName(name, defaultSchema)
	if err != nil {
		return table, failure.Wrap(failure.Usage, err)
	}
	if state.Tables[table] == nil {
		e := failure.New(failure.Usage, "table %q is not in the ledger", name)
		var known []string
		for t := range state.Tables {
			known = append(known, t.Bare(), t.String())
		}
		slices.Sort(known)
		if near := nearest(name, known); near != "" {
			return table, e.WithHint("did you mean %s? `ingest status` lists the tables", argument(near))
		}
		return table, e.WithHint("`ingest status` lists the tables")
	}
	return table, nil
}

// Chosen finds tables of the ledger by their names. Without names it returns all of them, by name.
func Chosen(state *ledger.State, names []string, defaultSchema string) ([]*ledger.TableState, error) {
	if len(names) == 0 {
		return state.Sorted(), nil
	}
	tables := make([]*ledger.TableState, len(names))
	for i, name := range names {
		table, err := Known(state, name, defaultSchema)
		if err != nil {
			return nil, err
		}
		tables[i] = state.Tables[table]
	}
	return tables, nil
}
