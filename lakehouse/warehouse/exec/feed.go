//go:build cgo

package exec

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// The change data feed of a table is computed from its versions: the rows that were born in a version, and those that died in it.
// Nothing is written for it. As in Delta, it has only the versions of a table that had delta.enableChangeDataFeed.

var feedColumns = []translate.Column{{Name: "_change_type", Type: sparksql.String}, {Name: "_commit_version", Type: sparksql.Long},
	{Name: "_commit_timestamp", Type: sparksql.Timestamp}}

// checkFeed refuses a change data feed if the table has columns with the feed's names, which Delta compares case-sensitively. fed
// means that the table had a feed before.
func checkFeed(m *store.Table, fed bool) error {
	if !store.Feeds(m) {
		return nil
	}
	var taken []string
	for _, col := range feedColumns {
		if slices.ContainsFunc(m.Columns, func(c store.Column) bool { return c.Name == col.Name }) {
			taken = append(taken, col.Name)
		}
	}
	switch {
	case taken == nil:
		return nil
	case fed:
		return sparksql.Errorf("42939", "RESERVED_CDC_COLUMNS_ON_WRITE",
			"The write contains reserved columns [%s] that are used internally as metadata for Change Data Feed. "+
				"To write to the table either rename/drop these columns or disable Change Data Feed on the table.", strings.Join(taken, ","))
	}
	return sparksql.Errorf("42711", "DELTA_TABLE_ALREADY_CONTAINS_CDC_COLUMNS", "Unable to enable Change Data Capture on the table. "+
		"The table already contains reserved columns [%s] that will be used internally as metadata for the table's Change Data Feed. "+
		"To enable Change Data Feed on the table rename/drop these columns.", strings.Join(taken, ","))
}

// feedVersion is a version in its table's feed.
type feedVersion struct {
	version, generation int64
	committed           time.Time
	operation           string
	feed                bool
	columns             []store.Column
}

// Changes is what table_changes reads.
func (t *statement) Changes(space translate.Space, name []string, from translate.Constant,
	to *translate.Constant) (translate.Table, error) {
	c, schema, table, err := t.complete(space, name)
	if err != nil {
		return translate.Table{}, err
	}
	_, m, err := t.needTable([]string{c.Name, schema, table}, "table_changes")
	if err != nil {
		return translate.Table{}, err
	}
	versions, err := t.feedVersions(c, m)
	if err != nil {
		return translate.Table{}, err
	}
	columns, err := store.SparkColumns(m.Columns)
	if err != nil {
		return translate.Table{}, err
	}
	out := translate.Table{Catalog: c.Name, Schema: m.Schema, Name: m.Name, Columns: append(columns, feedColumns...)}
	first, last, err := t.feedRange(versions, from, to)
	if err != nil {
		return translate.Table{}, err
	}
	f := &feed{t: t, c: c, m: m, versions: versions, columns: columns}
	if err := f.check(first, last); err != nil {
		return translate.Table{}, err
	}
	out.SQL, err = f.relation(first, last)
	return out, err
}

// feedVersions are all versions of a table, in order.
func (t *statement) feedVersions(c *store.Catalog, m *store.Table) ([]feedVersion, error) {
	rows, err := t.Conn.QueryContext(t.Ctx,
		"SELECT version, generation, committed, operation, feed, columns FROM "+c.Hidden("history")+" WHERE table_id = ? ORDER BY version", m.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []feedVersion
	for rows.Next() {
		var v feedVersion
		var columns string
		if err := rows.Scan(&v.version, &v.generation, &v.committed, &v.operation, &v.feed, &columns); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(columns), &v.columns); err != nil {
			return nil, fmt.Errorf("read history of %s.%s: %w", m.Schema, m.Name, err)
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// feedRange returns the first and last version within the bounds; last is below first if no version lies between two times.
func (t *statement) feedRange(versions []feedVersion, from translate.Constant, to *translate.Constant) (first, last int, err error) {
	oldest, newest := versions[0].version, versions[len(versions)-1].version
	start, at, err := t.bound(from)
	if err != nil {
		return 0, 0, err
	}
	if at != nil {
		i := slices.IndexFunc(versions, func(v feedVersion) bool { return !v.committed.Before(*at) })
		if i < 0 {
			return 0, 0, afterLatest(*at, versions)
		}
		start = versions[i].version
	}
	switch {
	case start > newest:
		return 0, 0, sparksql.Errorf("22003", "DELTA_CDC_START_VERSION_AFTER_LATEST",
			"Start version %d for change data feed exceeds the latest table version %d.", start, newest)
	case start < oldest:
		return 0, 0, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND",
			"Cannot time travel Delta table to version %d. Available versions: [%d, %d].", start, oldest, newest)
	}
	end := newest
	if to != nil {
		if end, err = t.feedEnd(versions, *to); err != nil {
			return 0, 0, err
		}
	}
	if end < start && !(at != nil && end == start-1) {
		return 0, 0, sparksql.Errorf("22003", "DELTA_INVALID_CDC_RANGE",
			"CDC range from start %d to end %d was invalid. End cannot be before start.", start, end)
	}
	return int(start - oldest), int(end - oldest), nil
}

func (t *statement) feedEnd(versions []feedVersion, to translate.Constant) (int64, error) {
	oldest, newest := versions[0], versions[len(versions)-1]
	end, at, err := t.bound(to)
	switch {
	case err != nil:
		return 0, err
	case at == nil && (end > newest.version || end < oldest.version):
		return 0, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND",
			"Cannot time travel Delta table to version %d. Available versions: [%d, %d].", end, oldest.version, newest.version)
	case at == nil:
		return end, nil
	case at.After(newest.committed):
		return 0, afterLatest(*at, versions)
	case at.Before(oldest.committed):
		return 0, sparksql.Errorf("42816", "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION",
			"The provided timestamp (%s) is before the earliest version available to this table (%s).", at, oldest.committed)
	}
	for _, v := range versions {
		if !v.committed.After(*at) {
			end = v.version
		}
	}
	return end, nil
}

func afterLatest(at time.Time, versions []feedVersion) error {
	newest := versions[len(versions)-1].committed
	return sparksql.Errorf("42816", "DELTA_TIMESTAMP_GREATER_THAN_COMMIT",
		"Timestamp %s is after the table's latest version (%s). Use a timestamp at or before %[2]s.", at, newest)
}

// bound is the value of a bound: a version, or a time.
func (t *statement) bound(x translate.Constant) (int64, *time.Time, error) {
	null := sparksql.Errorf("22004", "DELTA_CDC_READ_NULL_RANGE_BOUNDARY",
		"CDC read start/end parameters cannot be null. Please provide a valid version or timestamp.")
	if x.Type.Integral() {
		var n sql.NullInt64
		if err := t.Conn.QueryRowContext(t.Ctx, "SELECT "+x.SQL).Scan(&n); err != nil {
			return 0, nil, err
		}
		if !n.Valid {
			return 0, nil, null
		}
		return n.Int64, nil, nil
	}
	if x.Type.Kind == sparksql.VoidType {
		return 0, nil, null
	}
	if x.Type.Kind != sparksql.StringType && (x.Type.Kind < sparksql.DateType || x.Type.Kind > sparksql.TimestampNTZType) {
		return 0, nil, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "Cannot resolve \"table_changes\" due to data type "+
			"mismatch: a bound is a BIGINT or a TIMESTAMP, however it has the type \"%s\".", x.Type.SQL())
	}
	var at sql.NullTime
	if err := t.Conn.QueryRowContext(t.Ctx, "SELECT CAST(CAST("+x.SQL+" AS TIMESTAMPTZ) AS TIMESTAMP)").Scan(&at); err != nil {
		return 0, nil, err
	}
	if !at.Valid {
		return 0, nil, null
	}
	return 0, &at.Time, nil
}

// feed builds the relation of one call of table_changes.
type feed struct {
	t        *statement
	c        *store.Catalog
	m        *store.Table
	versions []feedVersion
	columns  []translate.Column
}

// check refuses versions without a feed, and columns that are not the table's now.
func (f *feed) check(first, last int) error {
	if last < first {
		return nil
	}
	from, to := f.versions[first].version, f.versions[last].version
	for _, v := range f.versions[first : last+1] {
		if !v.feed {
			return sparksql.Errorf("KD002", "DELTA_MISSING_CHANGE_DATA",
				"Error getting change data for range [%d , %d] as change data was not recorded for version [%d]. "+
					"If you've enabled change data feed on this table, use `DESCRIBE HISTORY` to see when it was first enabled.", from, to, v.version)
		}
		for _, col := range v.columns {
			if i := columnIndex(f.m.Columns, col.Name); i < 0 || f.m.Columns[i].Type != col.Type {
				return sparksql.Errorf("0AKDC", "DELTA_CHANGE_DATA_FEED_INCOMPATIBLE_SCHEMA_CHANGE",
					"Retrieving table changes between version %d and %d failed because of an incompatible schema change at version %d (column %s).", from,
					to, v.version, sparksql.QuoteSpark(col.Name))
			}
		}
	}
	return nil
}

// keepsRows are the operations that begin a generation with the rows of the previous one.
var keepsRows = map[string]bool{"CHANGE COLUMN": true, "RENAME COLUMN": true, "DROP COLUMNS": true}

func (f *feed) relation(first, last int) (string, error) {
	// An empty part gives the columns their types.
	parts := []string{f.part(nil, f.c.Qualified(f.m.Schema, f.m.Name), "''", "0", "false")}
	for at := first; at <= last; {
		v := f.versions[at]
		end := at
		for end < last && f.versions[end+1].generation == v.generation {
			end++
		}
		more, err := f.generation(v, f.versions[end])
		if err != nil {
			return "", err
		}
		parts = append(parts, more...)
		if at > 0 && f.versions[at-1].generation != v.generation && !keepsRows[v.operation] {
			gone, err := f.replaced(f.versions[at-1], v.version)
			if err != nil {
				return "", err
			}
			parts = append(parts, gone)
		}
		at = end + 1
	}
	names := make([]string, len(f.columns))
	for i, col := range f.columns {
		names[i] = "x." + sparksql.QuoteDuckDB(col.Name)
	}
	return fmt.Sprintf(`(SELECT %s, x._change_type, x._commit_version, CAST(h.committed AS TIMESTAMPTZ) AS _commit_timestamp FROM (%s) x JOIN %s h ON h.table_id = %d AND h.version = x._commit_version)`,
		strings.Join(names, ", "), strings.Join(parts, " UNION ALL "), f.c.Hidden("history"), f.m.ID), nil
}

// part selects rows of a table, which has the columns given, as the feed shows them.
func (f *feed) part(has []store.Column, table, kind, version, where string) string {
	list := make([]string, len(f.columns))
	for i, col := range f.columns {
		list[i] = "NULL"
		if columnIndex(has, col.Name) >= 0 {
			list[i] = sparksql.QuoteDuckDB(col.Name)
		}
		list[i] = "CAST(" + list[i] + " AS " + col.Type.DuckDB() + ") AS " + sparksql.QuoteDuckDB(col.Name)
	}
	return fmt.Sprintf("SELECT %s, %s AS _change_type, CAST(%s AS BIGINT) AS _commit_version FROM %s WHERE %s", strings.Join(list, ", "),
		kind, version, table, where)
}

// generation are the changes of a generation's versions, from one to another.
func (f *feed) generation(from, to feedVersion) ([]string, error) {
	live, err := f.c.LiveRows(f.t.Ctx, f.t.Conn, f.m, from.generation, from.version)
	if err != nil {
		return nil, err
	}
	within := fmt.Sprintf(" BETWEEN %d AND %d", store.Stamp(from.version, false), store.Stamp(to.version, true))
	born := "CASE WHEN " + store.BornColumn + " % 2 = 1 THEN 'update_postimage' ELSE 'insert' END"
	died := "CASE WHEN " + store.DiedColumn + " % 2 = 1 THEN 'update_preimage' ELSE 'delete' END"
	parts := []string{f.part(to.columns, live, born, store.BornColumn+" // 2", store.BornColumn+within)}
	if from.generation == f.m.Generation && f.m.Graves > 0 {
		buried, err := f.c.Buried(f.t.Ctx, f.t.Conn, f.m)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f.part(to.columns, buried.From, died, store.DiedColumn+" // 2", store.DiedColumn+within))
	}
	there, err := f.c.Exists(f.t.Ctx, f.t.Conn, store.DeadName(from.generation))
	if there {
		dead := f.c.Hidden(store.DeadName(from.generation))
		parts = append(parts, f.part(to.columns, dead, born, store.BornColumn+" // 2", store.BornColumn+within),
			f.part(to.columns, dead, died, store.DiedColumn+" // 2", store.DiedColumn+within))
	}
	return parts, err
}

// replaced are the rows that a version removed by replacing all rows.
func (f *feed) replaced(before feedVersion, version int64) (string, error) {
	rows, err := f.c.RowsAsOf(f.t.Ctx, f.t.Conn, f.m, before.generation, before.version, strings.Join(quoted(before.columns), ", "), false)
	return f.part(before.columns, rows, "'delete'", fmt.Sprint(version), "true"), err
}
