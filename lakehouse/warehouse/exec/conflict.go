//go:build cgo

package exec

import (
	"context"
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Conflicts. At Databricks, statements run in parallel. Each reads its table as of its start, and the commits since then decide
// whether it may commit. Here only one statement writes at a time. But a statement that changes rows remembers the version that
// it read (sight), computes its changes from that version, and is refused where Databricks would refuse it: by row if the table
// has deletion vectors, otherwise at any change.

// sight is the version of a table that a statement reads; id is 0 for none.
type sight struct{ id, version int64 }

// look is the view of its table that a statement has when it changes rows.
func (e *Executor) look(ctx context.Context, s *Session, st sparksql.Statement) (sight, error) {
	change, ok := st.(sparksql.RowChange)
	if !ok {
		return sight{}, nil
	}
	var seen sight
	err := e.reading(ctx, func(t *statement) error {
		c, schema, table, err := t.complete(s.Space(), change.Writes().Name)
		if err != nil {
			return err
		}
		m, err := c.Find(t.Ctx, t.Conn, schema, table)
		if err == nil && m != nil {
			seen = sight{m.ID, m.Version}
		}
		return err
	})
	return seen, err
}

// changing finds the table that a statement changes rows of, with its row ids.
func (t changer) changing(name []string, verb string) (*store.Catalog, *store.Table, translate.Table, error) {
	c, m, err := t.needTable(name, verb)
	if err != nil {
		return nil, nil, translate.Table{}, err
	}
	if err := t.checkReplaced(c, m); err != nil {
		return nil, nil, translate.Table{}, err
	}
	target, err := t.movable(c, m)
	return c, m, target, err
}

// movable is a table as of the version that the statement read, with row ids. Rows that have died since have numbers below 0.
func (t changer) movable(c *store.Catalog, m *store.Table) (translate.Table, error) {
	if t.seen.id == m.ID && t.seen.version != m.Version {
		sql, err := c.RowsAsOf(t.Ctx, t.Conn, m, m.Generation, t.seen.version, strings.Join(quoted(m.Columns), ", "), true)
		if err != nil {
			return translate.Table{}, err
		}
		target, err := store.AsTable(c, m, sql, m.Columns)
		target.Stored = sql
		return target, err
	}
	stored, err := c.Stored(t.Ctx, t.Conn, m)
	if err != nil {
		return translate.Table{}, err
	}
	living, err := t.Living(c, m)
	if err != nil {
		return translate.Table{}, err
	}
	target, err := store.AsTable(c, m, "("+withRowID(living, m.Columns)+")", m.Columns)
	target.Stored = "(" + withRowID(stored, m.Columns) + ")"
	if m.Graves > 0 {
		target.Dead = c.Graves(m)
	}
	return target, err
}

// withRowID selects the row id and the columns of a table's rows.
func withRowID(rows store.Rows, columns []store.Column) string {
	return "SELECT " + strings.Join(append([]string{rows.ID + " AS " + translate.RowID}, quoted(columns)...), ", ") + " FROM " + rows.From
}

func quoted(columns []store.Column) []string {
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	return names
}

// keepsMetadata are the operations that change only rows.
var keepsMetadata = map[string]bool{"WRITE": true, "COPY INTO": true, "UPDATE": true, "DELETE": true, "MERGE": true, "TRUNCATE": true}

// meanwhile are the operations that were committed since the statement began.
func (t changer) meanwhile(c *store.Catalog, m *store.Table) (operations []string, generation int64, err error) {
	rows, err := t.Conn.QueryContext(t.Ctx,
		"SELECT operation, generation FROM "+c.Hidden("history")+" WHERE table_id = ? AND version >= ? ORDER BY version", m.ID, t.seen.version)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	for first := true; rows.Next(); first = false {
		var operation string
		var g int64
		if err := rows.Scan(&operation, &g); err != nil {
			return nil, 0, err
		}
		if first {
			generation = g
			continue
		}
		operations = append(operations, operation)
	}
	return operations, generation, rows.Err()
}

// checkReplaced refuses a statement if its table was replaced, or its definition changed, since the statement began.
func (t changer) checkReplaced(c *store.Catalog, m *store.Table) error {
	if t.seen.id == 0 || t.seen == (sight{m.ID, m.Version}) {
		return nil
	}
	full := strings.Join([]string{c.Name, m.Schema, m.Name}, ".")
	changedMetadata := sparksql.Errorf("2D521", "DELTA_METADATA_CHANGED", "MetadataChangedException: "+
		"The metadata of the Delta table %s has been changed by a concurrent update. Please try the operation again.", full)
	if t.seen.id != m.ID {
		return changedMetadata
	}
	operations, generation, err := t.meanwhile(c, m)
	if err != nil {
		return err
	}
	for _, operation := range operations {
		if !keepsMetadata[operation] {
			return changedMetadata
		}
	}
	if generation != m.Generation {
		return conflict("DELETE_READ.WHOLE_TABLE_REPLACE", operations[len(operations)-1], "deleted data from", full, m.Version,
			"The concurrent operation replaced all of the data in the table.")
	}
	return nil
}

// checkConflicts refuses changes of rows that others have changed since the statement began. It also refuses a statement that
// would have read rows that others have written since. Blind appends do not conflict, as under WriteSerializable.
func (t changer) checkConflicts(c *store.Catalog, m *store.Table, reads string) error {
	if t.seen.id != m.ID || t.seen.version == m.Version {
		return nil
	}
	operations, _, err := t.meanwhile(c, m)
	if err != nil {
		return err
	}
	full := strings.Join([]string{c.Name, m.Schema, m.Name}, ".")
	last := operations[len(operations)-1]
	if strings.EqualFold(m.Properties["delta.enableDeletionVectors"], "false") {
		for _, operation := range operations {
			if operation == "UPDATE" || operation == "DELETE" || operation == "MERGE" {
				return conflict("APPEND.WITHOUT_HINT", operation, "added data to", full, m.Version, "")
			}
		}
	}
	serializable := strings.EqualFold(m.Properties["delta.isolationLevel"], "Serializable")
	if err := t.checkDead(c, m, last); err != nil || t.switches.NewRowsNoConflict && !serializable {
		return err
	}
	living, err := t.Living(c, m)
	if err != nil {
		return err
	}
	if err := t.keep(translate.AddedRows, fmt.Sprintf("%s AND %s > %d AND %[2]s // 2 IN (SELECT version FROM %[4]s WHERE table_id = %[5]d AND operation IN ('UPDATE', 'DELETE', 'MERGE'))",
		withRowID(living, m.Columns), store.BornColumn, store.Stamp(t.seen.version, true), c.Hidden("history"), m.ID)); err != nil {
		return err
	}
	n, err := t.Number("SELECT count(*) FROM (" + reads + ")")
	if err == nil && n > 0 {
		err = conflict("APPEND.ROW_LEVEL_CHANGES", last, "added data to", full, m.Version,
			"The concurrent operation added rows that this transaction would have read.")
	}
	return err
}

// checkDead refuses changes of rows that have died since.
func (t changer) checkDead(c *store.Catalog, m *store.Table, last string) error {
	full := strings.Join([]string{c.Name, m.Schema, m.Name}, ".")
	there, err := c.Exists(t.Ctx, t.Conn, store.DeadName(m.Generation))
	if err != nil {
		return err
	}
	var dead []string
	if there {
		moved, err := c.Moved(t.Ctx, t.Conn, m)
		if err != nil {
			return err
		}
		dead = append(dead, "SELECT "+store.MovedID(moved)+" AS id, "+store.DiedColumn+" AS died FROM "+moved.From)
	}
	if m.Graves > 0 {
		dead = append(dead, "SELECT "+store.BuriedID+" AS id, "+store.DiedColumn+" AS died FROM "+c.Graves(m)+" AS g")
	}
	if dead == nil {
		return nil
	}
	rows, err := t.Conn.QueryContext(t.Ctx, fmt.Sprintf("SELECT max(died %% 2) FROM (%s) WHERE id IN (SELECT %s FROM %s WHERE clause > 0)",
		strings.Join(dead, " UNION ALL "), translate.RowID, translate.Changes))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var updated *int64
	for rows.Next() {
		if err := rows.Scan(&updated); err != nil {
			return err
		}
	}
	switch {
	case updated == nil:
		return rows.Err()
	case *updated > 0:
		return conflict("APPEND.ROW_LEVEL_CHANGES", last, "added data to", full, m.Version,
			"The concurrent operation modified the same rows that this transaction attempted to modify.")
	}
	return conflict("DELETE_READ.ROW_LEVEL_CHANGES", last, "deleted data from", full, m.Version,
		"The concurrent operation deleted rows that this transaction attempted to read.")
}

func conflict(class, operation, did, table string, version int64, why string) error {
	return sparksql.Errorf("2D521", "DELTA_CONCURRENT_"+class, "Transaction conflict detected. "+
		"A concurrent %s %s table %s committed at version %d. %s Please retry the operation.", operation, did, table, version, why)
}
