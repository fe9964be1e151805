//go:build cgo

package exec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// A statement that changes rows where they are (UPDATE, DELETE, MERGE, REPLACE WHERE) first finds out which rows it changes and
// how (translate.Changes). Then the new rows are added, and the old rows get graves. The cost is that of the reads that find the
// rows and their old values, and of the changed rows. Other rows are neither copied nor counted, until there are many graves.

// changed are the rows that a statement changed.
type changed struct{ updated, deleted, inserted int64 }

// keep makes a query's result a temporary table.
func (t changer) keep(name, query string) error {
	return t.Exec("CREATE OR REPLACE TEMP TABLE " + strings.TrimPrefix(name, "temp.main.") + " AS " + query)
}

func (t changer) dropKept() error {
	for _, name := range []string{translate.SourceRows, translate.Candidates, translate.Changes, translate.AddedRows} {
		if err := t.Exec("DROP TABLE IF EXISTS " + name); err != nil {
			return err
		}
	}
	return nil
}

// oneClause is a query for rows in the form of translate.Changes, all of them of clause 1.
func oneClause(find string) string {
	return "SELECT " + translate.RowID + ", CAST(NULL AS BIGINT) AS source, 1 AS clause FROM (" + find + ")"
}

// rewrite makes the changes of translate.Changes, clause by clause, and commits a
// version. If there are none, there is no version, as in Delta. reads is a query for the
// rows of translate.AddedRows that the statement would have read.
func (t changer) rewrite(c *store.Catalog, m *store.Table, operation string, clauses []translate.MergeClause,
	reads string) (changed, error) {
	n, err := t.countChanges(clauses)
	if err == nil && n != (changed{}) {
		err = t.checkConflicts(c, m, reads)
	}
	if err == nil && n != (changed{}) {
		err = t.rewriteRows(c, m, operation, clauses, n)
	}
	if err != nil {
		return changed{}, err
	}
	return n, t.dropKept()
}

func (t changer) rewriteRows(c *store.Catalog, m *store.Table, operation string, clauses []translate.MergeClause, n changed) error {
	narrow, err := t.few(n)
	if err != nil {
		return err
	}
	names := make([]string, len(m.Columns))
	for i, col := range m.Columns {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	for _, clause := range clauses {
		if clause.Values == nil || clause.Action == "UPDATE" && n.updated == 0 || clause.Action == "INSERT" && n.inserted == 0 {
			continue
		}
		born := store.Stamp(m.Version+1, clause.Action == "UPDATE")
		if err := t.Exec(insertSQL(c, m, slices.Clone(names), born, clause.Values(narrow))); err != nil {
			return stored(err)
		}
	}
	// The new rows are computed from the table as it was.
	if n.updated+n.deleted > 0 {
		if err := t.bury(c, m, clauses); err != nil {
			return err
		}
	}
	if err := t.checkConstraints(c, m); err != nil {
		return err
	}
	m.Rows += n.inserted - n.deleted
	metrics := map[string]string{}
	switch operation {
	case "MERGE":
		metrics["numTargetRowsUpdated"], metrics["numTargetRowsDeleted"], metrics["numTargetRowsInserted"] = fmt.Sprint(n.updated),
			fmt.Sprint(n.deleted), fmt.Sprint(n.inserted)
	case "UPDATE":
		metrics["numUpdatedRows"] = fmt.Sprint(n.updated)
	case "DELETE":
		metrics["numDeletedRows"] = fmt.Sprint(n.deleted)
	}
	return c.Committed(t.Ctx, t.Conn, m, store.Commit{Operation: operation, Parameters: nil, Metrics: metrics}, t.store.Now())
}

// stored gives an overflow the error class of a stored value.
func stored(err error) error {
	e := refusal.Of(err)
	if e.HasClass("CAST_OVERFLOW") || e.HasClass("NUMERIC_VALUE_OUT_OF_RANGE") {
		return sparksql.Errorf("22003", "DELTA_CAST_OVERFLOW_IN_TABLE_WRITE", "Failed to write a value into the type of its column due to an "+
			"overflow. Use `try_cast` on the input value to tolerate overflow and return NULL instead. (%s)", e.Message)
	}
	return err
}

// countChanges counts the rows of each clause. A row that is deleted counts once,
// however many matches it has.
func (t changer) countChanges(clauses []translate.MergeClause) (changed, error) {
	var n changed
	rows, err := t.Conn.QueryContext(t.Ctx,
		"SELECT clause, count(*), count(DISTINCT "+translate.RowID+") FROM "+translate.Changes+" WHERE clause > 0 GROUP BY clause")
	if err != nil {
		return n, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var clause, all, distinct int64
		if err := rows.Scan(&clause, &all, &distinct); err != nil {
			return n, err
		}
		switch clauses[clause-1].Action {
		case "UPDATE":
			n.updated += distinct
		case "DELETE":
			n.deleted += distinct
		case "INSERT":
			n.inserted += all
		}
	}
	return n, errors.Join(rows.Err(), rows.Close())
}

// bury gives the changed or deleted rows their graves.
func (t changer) bury(c *store.Catalog, m *store.Table, clauses []translate.MergeClause) error {
	died := fmt.Sprint(store.Stamp(m.Version+1, false))
	for i, clause := range clauses {
		if clause.Action == "UPDATE" {
			died = fmt.Sprintf("CASE max(clause) WHEN %d THEN %d ELSE %s END", i+1, store.Stamp(m.Version+1, true), died)
		}
	}
	return c.Bury(t.Ctx, t.Conn, m, "SELECT "+translate.RowID+", "+died+" FROM "+translate.Changes+" WHERE clause > 0 AND "+
		translate.RowID+" IS NOT NULL GROUP BY "+translate.RowID)
}

// fewRows is the maximum number of row ids that are written into a statement as numbers. DuckDB then reads only their blocks of a
// table; for a join it reads all.
const fewRows = 1000

// few is a condition that a row is one of the changed ones, if these are few; otherwise nothing.
func (t changer) few(n changed) (string, error) {
	if n.updated == 0 || n.updated+n.deleted > fewRows {
		return "", nil
	}
	rows, err := t.Conn.QueryContext(t.Ctx, "SELECT DISTINCT "+translate.RowID+" FROM "+translate.Changes+" WHERE clause > 0 AND "+
		translate.RowID+" IS NOT NULL")
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	var ids []string
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return "", err
		}
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	return " AND " + translate.RowID + " IN (" + strings.Join(ids, ", ") + ")", rows.Err()
}

// merge is MERGE INTO.
func (t changer) merge(st *sparksql.Merge) (*result.Result, error) {
	if st.Evolve {
		return nil, sparksql.Unsupported("MERGE WITH SCHEMA EVOLUTION")
	}
	c, m, target, err := t.changing(st.Target.Name, "MERGE")
	if err != nil {
		return nil, err
	}
	sql, err := t.translator().Merge(target, st)
	if err != nil {
		return nil, err
	}
	if err := t.findChanges(sql); err != nil {
		return nil, err
	}
	n, err := t.rewrite(c, m, "MERGE", sql.Clauses, sql.Reads)
	return result.Numbers([]string{"num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows"},
		n.updated+n.deleted+n.inserted, n.updated, n.deleted, n.inserted), err
}

// findChanges fills translate.Changes with what a MERGE does.
func (t changer) findChanges(sql translate.Merge) error {
	if err := t.keep(translate.SourceRows, sql.Source); err != nil {
		return err
	}
	if sql.Candidates != "" {
		if err := t.keep(translate.Candidates, sql.Candidates); err != nil {
			return err
		}
	}
	if err := t.keep(translate.Changes, sql.Pairs); err != nil {
		return err
	}
	if !sql.Repeatable {
		n, err := t.Number("SELECT count(*) FROM (SELECT 1 FROM " + translate.Changes + " WHERE clause > 0 GROUP BY " +
			translate.RowID + " HAVING count(*) > 1)")
		if err != nil {
			return err
		}
		if n > 0 {
			return sparksql.Errorf("21506", "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE", "Cannot perform Merge as multiple source "+
				"rows matched and attempted to modify the same target row in the Delta table in possibly conflicting ways.")
		}
	}
	for _, more := range []string{sql.NotMatched, sql.NotMatchedBySource} {
		if more == "" {
			continue
		}
		if err := t.Exec("INSERT INTO " + translate.Changes + " FROM (" + more + ") WHERE clause > 0"); err != nil {
			return err
		}
	}
	return nil
}
