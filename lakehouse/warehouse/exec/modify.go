//go:build cgo

package exec

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// insert is INSERT INTO and INSERT OVERWRITE.
func (t changer) insert(st *sparksql.Insert) (*result.Result, error) {
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
		if err := t.Exec("CREATE TABLE " + c.Hidden("new") + " AS " + source); err != nil {
			return nil, err
		}
		source = "FROM " + c.Hidden("new")
	}
	others := int64(0)
	switch {
	case st.Overwrite:
		err = t.empty(c, m)
	case st.Replace != "":
		others, err = t.makeRoom(c, m, st.Replace)
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
		if err := t.Exec("DROP TABLE " + c.Hidden("new")); err != nil {
			return nil, err
		}
	}
	mode := "Append"
	if st.Overwrite {
		mode = "Overwrite"
	}
	err = c.Committed(t.Ctx, t.Conn, m, store.Commit{
		Operation: "WRITE", Parameters: map[string]string{"mode": mode}, Metrics: map[string]string{"numOutputRows": fmt.Sprint(n)},
	}, t.store.Now())
	return result.Numbers(ctasColumns, n, n), err
}

// makeRoom removes the rows that REPLACE WHERE replaces, and counts the others.
func (t changer) makeRoom(c *store.Catalog, m *store.Table, condition string) (others int64, err error) {
	others, err = t.outside(c, m, condition)
	if err != nil {
		return 0, err
	}
	target, err := t.movable(c, m)
	if err != nil {
		return 0, err
	}
	st, err := sparksql.Parse("DELETE FROM t WHERE " + condition)
	if err != nil {
		return 0, err
	}
	find, err := t.translator().Delete(target, sparksql.Alias{}, st.(*sparksql.Delete).Where)
	if err != nil {
		return 0, err
	}
	if err := t.keep(translate.Changes, oneClause(find)); err != nil {
		return 0, err
	}
	if err := t.bury(c, m, []translate.MergeClause{{Action: "DELETE"}}); err != nil {
		return 0, err
	}
	m.Rows = others
	return others, t.dropKept()
}

// outside counts the rows for which a condition is not true.
func (t changer) outside(c *store.Catalog, m *store.Table, condition string) (int64, error) {
	target, err := t.target(c, m)
	if err != nil {
		return 0, err
	}
	return t.countWhere(target, "NOT coalesce(("+condition+"), false)")
}

func cmpError(err error, otherwise *refusal.Error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// insertColumns are the columns that an INSERT fills, in the query's order.
func (t changer) insertColumns(m *store.Table, names []string, r translate.Result) ([]translate.Column, error) {
	all, err := store.SparkColumns(m.Columns)
	if err != nil {
		return nil, err
	}
	into := all
	if names != nil {
		into = nil
		for _, n := range names {
			i := columnIndex(m.Columns, n)
			if i < 0 {
				return nil, unresolvedColumn(n, m.Columns)
			}
			into = append(into, all[i])
		}
	}
	if len(into) != len(r.Columns) {
		class := "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
		if len(r.Columns) > len(into) {
			class = "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
		}
		return nil, sparksql.Errorf("21S01", class, "Cannot write to %s: the statement gives %d columns for %d.",
			sparksql.QuoteName([]string{m.Schema, m.Name}), len(r.Columns), len(into))
	}
	return into, nil
}

// append adds a query's rows to a table and to its count of rows.
func (t changer) append(c *store.Catalog, m *store.Table, into []translate.Column, source string) (int64, error) {
	names := make([]string, len(into))
	for i, col := range into {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	done, err := t.Conn.ExecContext(t.Ctx, insertSQL(c, m, names, store.Stamp(m.Version+1, false), source))
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return 0, err
	}
	m.Rows += n
	return n, t.checkConstraints(c, m)
}

// insertSQL adds a query's rows with their version of birth.
func insertSQL(c *store.Catalog, m *store.Table, names []string, born int64, source string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT *, %d FROM (%s)", c.Qualified(m.Schema, m.Name),
		strings.Join(append(names, store.BornColumn), ", "), born, source)
}

// empty makes a table again without rows.
func (t changer) empty(c *store.Catalog, m *store.Table) error {
	if err := c.EndGeneration(t.Ctx, t.Conn, m); err != nil {
		return err
	}
	m.Rows, m.Graves = 0, 0
	return t.Exec(t.createSQL(c, m))
}

func (t changer) truncate(st *sparksql.Truncate) error {
	c, m, err := t.needTable(st.Name, "TRUNCATE TABLE")
	if err != nil {
		return err
	}
	if err := t.empty(c, m); err != nil {
		return err
	}
	return c.Committed(t.Ctx, t.Conn, m, store.Commit{Operation: "TRUNCATE"}, t.store.Now())
}

func (t changer) update(st *sparksql.Update) (*result.Result, error) {
	c, m, target, err := t.changing(st.Target.Name, "UPDATE")
	if err != nil {
		return nil, err
	}
	find, values, err := t.translator().Update(target, st.Target.Alias, st.Set, st.Where)
	if err != nil {
		return nil, err
	}
	reads, err := t.finds(find, target, st.Target.Alias, st.Where)
	if err != nil {
		return nil, err
	}
	n, err := t.rewrite(c, m, "UPDATE", []translate.MergeClause{{Action: "UPDATE", Values: values}}, reads)
	return result.Numbers([]string{"num_affected_rows"}, n.updated), err
}

func (t changer) deleteFrom(st *sparksql.Delete) (*result.Result, error) {
	c, m, target, err := t.changing(st.Target.Name, "DELETE")
	if err != nil {
		return nil, err
	}
	find, err := t.translator().Delete(target, st.Target.Alias, st.Where)
	if err != nil {
		return nil, err
	}
	reads, err := t.finds(find, target, st.Target.Alias, st.Where)
	if err != nil {
		return nil, err
	}
	n, err := t.rewrite(c, m, "DELETE", []translate.MergeClause{{Action: "DELETE"}}, reads)
	return result.Numbers([]string{"num_affected_rows"}, n.deleted), err
}

// finds keeps the rows that an UPDATE or a DELETE changes. It returns the query of
// those that it would also change among rows that other statements added.
func (t changer) finds(rows string, target translate.Table, alias sparksql.Alias, where sparksql.Expr) (added string, err error) {
	if err := t.keep(translate.Changes, oneClause(rows)); err != nil {
		return "", err
	}
	target.SQL = translate.AddedRows
	return t.translator().Delete(target, alias, where)
}

// restore is RESTORE TABLE … TO VERSION AS OF n: a new version with the old rows.
func (t changer) restore(st *sparksql.Restore) (*result.Result, error) {
	c, m, err := t.needTable(st.Name, "RESTORE")
	if err != nil {
		return nil, err
	}
	sql, columns, err := c.Snapshot(t.Ctx, t.Conn, m, int64(st.Version))
	if err != nil {
		return nil, err
	}
	if err := t.Exec("CREATE TABLE " + c.Hidden("new") + " AS FROM " + sql); err != nil {
		return nil, err
	}
	m.Columns = columns
	if err := t.empty(c, m); err != nil {
		return nil, err
	}
	into, err := store.SparkColumns(columns)
	if err != nil {
		return nil, err
	}
	if _, err := t.append(c, m, into, "FROM "+c.Hidden("new")); err != nil {
		return nil, err
	}
	if err := t.Exec("DROP TABLE " + c.Hidden("new")); err != nil {
		return nil, err
	}
	if t.switches.CopyMemoryLostOnRestore {
		if err := t.Exec("DELETE FROM "+c.Hidden("copied")+" WHERE table_id = ? AND version > ?", m.ID, st.Version); err != nil {
			return nil, err
		}
	}
	err = c.Committed(t.Ctx, t.Conn, m,
		store.Commit{Operation: "RESTORE", Parameters: map[string]string{"version": fmt.Sprint(st.Version)}, Metrics: nil}, t.store.Now())
	out := result.Numbers([]string{"table_size_after_restore", "num_of_files_after_restore", "num_removed_files", "num_restored_files",
		"removed_files_size", "restored_files_size"}, 0, 1, 1, 1, 0, 0)
	out.Modified = -1
	return out, err
}
