//go:build cgo

package warehouse

import (
	"fmt"
	"strings"

	"ingest/internal/workspace/warehouse/sparksql"
	"ingest/internal/workspace/warehouse/translate"
)

// insert is INSERT INTO and INSERT OVERWRITE.
func (t *txn) insert(st *sparksql.Insert) (*result, error) {
	c, m, err := t.needTable(st.Name, "INSERT")
	if err != nil {
		return nil, err
	}
	r, err := t.translator().Query(st.Query)
	if err != nil {
		return nil, err
	}
	names := st.Columns
	if st.ByName {
		for _, col := range r.Columns {
			names = append(names, col.Name)
		}
	}
	into, err := t.insertColumns(m, names, r)
	if err != nil {
		return nil, err
	}
	source, err := t.translator().Store(r, into)
	if err != nil {
		return nil, err
	}
	aside := st.Overwrite || st.Replace != ""
	if aside { // it may read what it replaces
		if err := t.exec("CREATE TABLE " + c.table(hidden, "new") + " AS " + source); err != nil {
			return nil, err
		}
		source = "FROM " + c.table(hidden, "new")
	}
	others := int64(0)
	switch {
	case st.Overwrite:
		err = t.empty(c, m)
	case st.Replace != "":
		others, err = t.makeRoom(c, m, st.Replace)
	default:
		err = c.beforeAppend(t.ctx, t.conn, m)
	}
	if err != nil {
		return nil, err
	}
	n, err := t.append(c, m, into, source)
	if err != nil {
		return nil, err
	}
	if st.Replace != "" {
		if now, err := t.outside(c, m, st.Replace); err != nil || now != others {
			return nil, cmpError(err, sparksql.Errorf("44000", "DELTA_REPLACE_WHERE_MISMATCH",
				"Written data does not conform to partial table overwrite condition or constraint '%s'.", st.Replace))
		}
	}
	if aside {
		if err := t.exec("DROP TABLE " + c.table(hidden, "new")); err != nil {
			return nil, err
		}
	}
	err = c.committed(t.ctx, t.conn, m, commit{"WRITE", map[string]string{"mode": "Append"}, map[string]string{"numOutputRows": fmt.Sprint(n)}}, t.w.now())
	return numbers(ctasColumns, n, n), err
}

// makeRoom removes the rows that REPLACE WHERE replaces, and counts the others.
func (t *txn) makeRoom(c *catalog, m *metaTable, condition string) (others int64, err error) {
	if err := c.beforeChange(t.ctx, t.conn, m); err != nil {
		return 0, err
	}
	others, err = t.outside(c, m, condition)
	if err != nil {
		return 0, err
	}
	target, err := t.target(c, m)
	if err != nil {
		return 0, err
	}
	st, err := sparksql.Parse("DELETE FROM t WHERE " + condition)
	if err != nil {
		return 0, err
	}
	sql, err := t.translator().Delete(target, sparksql.Alias{}, st.(*sparksql.Delete).Where)
	if err != nil {
		return 0, err
	}
	m.rows = others
	return others, t.exec(sql)
}

// outside counts the rows for which a condition is not true.
func (t *txn) outside(c *catalog, m *metaTable, condition string) (int64, error) {
	target, err := t.target(c, m)
	if err != nil {
		return 0, err
	}
	return t.countWhere(target, "NOT coalesce(("+condition+"), false)")
}

func cmpError(err error, otherwise *Error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// insertColumns are the columns that an INSERT fills, in the query's order.
func (t *txn) insertColumns(m *metaTable, names []string, r translate.Result) ([]translate.Column, error) {
	all, err := sparkColumns(m.columns)
	if err != nil {
		return nil, err
	}
	into := all
	if names != nil {
		into = nil
		for _, n := range names {
			i := columnIndex(m.columns, n)
			if i < 0 {
				return nil, unresolvedColumn(n, m.columns)
			}
			into = append(into, all[i])
		}
	}
	if len(into) != len(r.Columns) {
		class := "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
		if len(r.Columns) > len(into) {
			class = "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
		}
		return nil, sparksql.Errorf("21S01", class, "Cannot write to %s: the statement gives %d columns for %d.", sparksql.QuoteName([]string{m.schema, m.name}), len(r.Columns), len(into))
	}
	return into, nil
}

// append adds a query's rows to a table and to its count of rows.
func (t *txn) append(c *catalog, m *metaTable, into []translate.Column, source string) (int64, error) {
	names := make([]string, len(into))
	for i, col := range into {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	done, err := t.conn.ExecContext(t.ctx, "INSERT INTO "+c.table(m.schema, m.name)+" ("+strings.Join(names, ", ")+") "+source)
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return 0, err
	}
	m.rows += n
	return n, t.checkConstraints(c, m)
}

// empty makes a table anew without rows.
func (t *txn) empty(c *catalog, m *metaTable) error {
	if err := c.beforeReplace(t.ctx, t.conn, m); err != nil {
		return err
	}
	m.rows = 0
	return t.exec(t.createSQL(c, m))
}

func (t *txn) truncate(st *sparksql.Truncate) error {
	c, m, err := t.needTable(st.Name, "TRUNCATE TABLE")
	if err != nil {
		return err
	}
	if err := t.empty(c, m); err != nil {
		return err
	}
	return c.committed(t.ctx, t.conn, m, commit{operation: "TRUNCATE"}, t.w.now())
}

// inPlace runs a translated statement that changes rows where they are.
func (t *txn) inPlace(c *catalog, m *metaTable, operation, sql string) (int64, error) {
	if err := c.beforeChange(t.ctx, t.conn, m); err != nil {
		return 0, err
	}
	done, err := t.conn.ExecContext(t.ctx, sql)
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err == nil {
		err = t.checkConstraints(c, m)
	}
	if err != nil {
		return 0, err
	}
	if operation == "DELETE" {
		m.rows -= n
	}
	return n, c.committed(t.ctx, t.conn, m, commit{operation, nil, map[string]string{"numAffectedRows": fmt.Sprint(n)}}, t.w.now())
}

func (t *txn) update(st *sparksql.Update) (*result, error) {
	c, m, err := t.needTable(st.Target.Name, "UPDATE")
	if err != nil {
		return nil, err
	}
	target, err := t.target(c, m)
	if err != nil {
		return nil, err
	}
	sql, err := t.translator().Update(target, st.Target.Alias, st.Set, st.Where)
	if err != nil {
		return nil, err
	}
	n, err := t.inPlace(c, m, "UPDATE", sql)
	return numbers([]string{"num_affected_rows"}, n), err
}

func (t *txn) deleteFrom(st *sparksql.Delete) (*result, error) {
	c, m, err := t.needTable(st.Target.Name, "DELETE")
	if err != nil {
		return nil, err
	}
	target, err := t.target(c, m)
	if err != nil {
		return nil, err
	}
	sql, err := t.translator().Delete(target, st.Target.Alias, st.Where)
	if err != nil {
		return nil, err
	}
	n, err := t.inPlace(c, m, "DELETE", sql)
	return numbers([]string{"num_affected_rows"}, n), err
}

func (t *txn) merge(st *sparksql.Merge) (*result, error) {
	if st.Evolve {
		return nil, sparksql.Unsupported("MERGE WITH SCHEMA EVOLUTION")
	}
	c, m, err := t.needTable(st.Target.Name, "MERGE")
	if err != nil {
		return nil, err
	}
	target, err := t.target(c, m)
	if err != nil {
		return nil, err
	}
	sql, err := t.translator().Merge(target, st)
	if err != nil {
		return nil, err
	}
	if sql.Ambiguous != "" {
		n, err := t.count("SELECT count(*) FROM (" + sql.Ambiguous + ")")
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, sparksql.Errorf("21506", "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE", "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row in the Delta table in possibly conflicting ways.")
		}
	}
	if err := c.beforeChange(t.ctx, t.conn, m); err != nil {
		return nil, err
	}
	updated, deleted, inserted, err := t.mergeCounts(sql.Statement)
	if err != nil {
		return nil, err
	}
	if err := t.checkConstraints(c, m); err != nil {
		return nil, err
	}
	m.rows += inserted - deleted
	all := updated + deleted + inserted
	err = c.committed(t.ctx, t.conn, m, commit{"MERGE", nil, map[string]string{"numAffectedRows": fmt.Sprint(all)}}, t.w.now())
	return numbers([]string{"num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows"}, all, updated, deleted, inserted), err
}

func (t *txn) mergeCounts(sql string) (updated, deleted, inserted int64, err error) {
	rows, err := t.conn.QueryContext(t.ctx, sql)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var action string
		if err := rows.Scan(&action); err != nil {
			return 0, 0, 0, err
		}
		switch action {
		case "UPDATE":
			updated++
		case "DELETE":
			deleted++
		case "INSERT":
			inserted++
		}
	}
	return updated, deleted, inserted, rows.Err()
}

// restore is RESTORE TABLE … TO VERSION AS OF n: a new version with the old rows.
func (t *txn) restore(st *sparksql.Restore) (*result, error) {
	c, m, err := t.needTable(st.Name, "RESTORE")
	if err != nil {
		return nil, err
	}
	sql, columns, rows, err := c.snapshot(t.ctx, t.conn, m, int64(st.Version))
	if err != nil {
		return nil, err
	}
	if err := t.exec("CREATE TABLE " + c.table(hidden, "new") + " AS FROM " + sql); err != nil {
		return nil, err
	}
	if err := c.beforeReplace(t.ctx, t.conn, m); err != nil {
		return nil, err
	}
	m.columns, m.rows = columns, rows
	if err := t.exec(t.createSQL(c, m)); err != nil {
		return nil, err
	}
	for _, s := range []string{"INSERT INTO " + c.table(m.schema, m.name) + " FROM " + c.table(hidden, "new"), "DROP TABLE " + c.table(hidden, "new")} {
		if err := t.exec(s); err != nil {
			return nil, err
		}
	}
	if t.w.options.Switches.CopyMemoryLostOnRestore {
		if err := t.exec("DELETE FROM "+c.meta("copied")+" WHERE table_id = ? AND version > ?", m.id, st.Version); err != nil {
			return nil, err
		}
	}
	err = c.committed(t.ctx, t.conn, m, commit{"RESTORE", map[string]string{"version": fmt.Sprint(st.Version)}, nil}, t.w.now())
	out := numbers([]string{"table_size_after_restore", "num_of_files_after_restore", "num_removed_files", "num_restored_files", "removed_files_size", "restored_files_size"}, 0, 1, 1, 1, 0, 0)
	out.modified = -1
	return out, err
}
