package hidden

import (
	"context"
	"fmt"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Replaced compares names and OIDs in both directions. It returns the loaded tables whose names belong
// to other tables now, and why. Such a table needs a full load, whatever became of the one that was
// loaded. A renamed table is not among them until another table takes its name.
func Replaced(ctx context.Context, catalog *postgres.Catalog, state *ledger.State) (map[schema.TableName]string, error) {
	var oids []uint32
	var tables []schema.TableName
	for _, t := range state.Tables {
		if state.Current(t) {
			oids, tables = append(oids, t.Snapshot.OID), append(tables, t.Table)
		}
	}
	if len(tables) == 0 {
		return nil, nil
	}
	names, err := catalog.Names(ctx, oids, tables)
	if err != nil {
		return nil, err
	}
	out := map[schema.TableName]string{}
	for _, table := range tables {
		if reason := names.Replaced(table, state.Tables[table].Snapshot.OID); reason != "" {
			out[table] = reason
		}
	}
	return out, nil
}

// strayed reports that changes of a table were staged for another one: its relation was renamed and
// was being loaded under the new name, and that load was given up.
func strayed(state *ledger.State, t *ledger.TableState) string {
	for _, other := range state.Sorted() {
		if other == t || state.Pending(other.Table) {
			continue
		}
		for _, part := range other.Changes {
			if part.OID == t.Snapshot.OID && part.Entry > t.Snapshot.Begin {
				return fmt.Sprintf("changes of it were staged for %s, whose full load was given up", other.Table)
			}
		}
	}
	return ""
}
