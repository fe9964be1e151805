//go:build cgo && unix

package tests

import (
	"fmt"
	"maps"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// row is a row's values as text; NULLs are absent.
type row map[string]string

// logRow is one row of a bronze table.
type logRow struct {
	op                 string
	entry, commit, seq int64
	unchanged          []string
	values             row
}

// columns are a source table's columns, in order.
func (w *world) columns(table string) []string {
	w.t.Helper()
	return strings.Split(w.ask(`SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, table), ",")
}

// targetLog reads a bronze table through SQL, in the order of the log.
func (w *world) targetLog(table string, columns []string) []logRow {
	w.t.Helper()
	sql := "SELECT `_op`, `_entry`, `_commit_lsn`, `_seq`, array_join(`_unchanged`, ',')"
	for _, c := range columns {
		sql += ", CAST(" + databricks.Quote(c) + " AS STRING)"
	}
	sql += " FROM " + w.target.Table(table).String() + " ORDER BY `_entry`, `_commit_lsn`, `_seq`"
	rows, err := w.target.Warehouse().Rows(w.t.Context(), sql)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var log []logRow
	for rows.Next() {
		v := rows.Values()
		r := logRow{op: v[0].(string), entry: v[1].(int64), commit: v[2].(int64), seq: v[3].(int64), values: row{}}
		if list, ok := v[4].(string); ok {
			r.unchanged = strings.Split(list, ",")
		}
		for i, name := range columns {
			if text, ok := v[5+i].(string); ok {
				r.values[name] = text
			}
		}
		log = append(log, r)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return log
}

// sourceRows reads a source table by its key.
func (w *world) sourceRows(table, key string, columns []string) map[string]row {
	w.t.Helper()
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = `"` + c + `"::text`
	}
	rows, err := w.conn.Query(w.t.Context(), "SELECT "+strings.Join(quoted, ", ")+" FROM "+table)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]row{}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			w.t.Fatal(err)
		}
		r := row{}
		for i, v := range values {
			if text, ok := v.(string); ok {
				r[columns[i]] = text
			}
		}
		out[r[key]] = r
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// replay folds a log strictly: an insert of a key that is there, an update or
// a delete of one that is not, two changes at one place and a change that sorts
// before its snapshot are errors.
func replay(log []logRow, key string) (map[string]row, error) {
	now := map[string]row{}
	places := map[[2]int64]bool{}
	var taken int64 // where the snapshot sorts
	var deleted logRow
	for i, r := range log {
		if r.op == "snapshot" {
			taken = max(taken, r.commit)
		} else {
			if place := [2]int64{r.commit, r.seq}; places[place] {
				return nil, fmt.Errorf("two changes at commit %X, seq %d", r.commit, r.seq)
			} else {
				places[place] = true
			}
			if r.commit < taken {
				return nil, fmt.Errorf("a change commits at %X, and the snapshot sorts at %X", r.commit, taken)
			}
		}
		k := r.values[key]
		before, there := now[k]
		switch r.op {
		case "snapshot", "insert":
			if there {
				return nil, fmt.Errorf("row %d: %s of key %s, which is there: %+v", i, r.op, k, r)
			}
			var from row
			if len(r.unchanged) > 0 {
				if deleted.commit != r.commit || deleted.seq != r.seq-1 {
					return nil, fmt.Errorf("row %d: an insert of key %s with columns unchanged, and no delete before it: %+v", i, k, r)
				}
				from = deleted.values
			}
			now[k] = carried(r, from)
		case "update":
			if !there {
				return nil, fmt.Errorf("row %d: update of key %s, which is not there: %+v", i, k, r)
			}
			now[k] = carried(r, before)
		case "delete":
			if !there {
				return nil, fmt.Errorf("row %d: delete of key %s, which is not there: %+v", i, k, r)
			}
			deleted = r
			deleted.values = before
			delete(now, k)
		case "truncate":
			clear(now)
		default:
			return nil, fmt.Errorf("row %d: operation %q", i, r.op)
		}
	}
	return now, nil
}

// carried gives a row with the values that its change did not carry.
func carried(r logRow, from row) row {
	out := maps.Clone(r.values)
	for _, name := range r.unchanged {
		if v, ok := from[name]; ok {
			out[name] = v
		}
	}
	return out
}

// compare insists that tables with the key "id" are the same at both ends.
func (w *world) compare(tables ...string) {
	w.t.Helper()
	for _, table := range tables {
		columns := w.columns(table)
		got, err := replay(w.targetLog(table, columns), "id")
		if err != nil {
			injected.add("rows repeated", 1)
			w.t.Errorf("%s: %v", table, err)
			continue
		}
		w.sameRows(table, w.sourceRows(table, "id", columns), got)
	}
}

func (w *world) sameRows(table string, source, target map[string]row) {
	w.t.Helper()
	injected.add("rows checked", int64(len(source)))
	if maps.EqualFunc(source, target, func(a, b row) bool { return maps.Equal(a, b) }) {
		return
	}
	for key, r := range source {
		if !maps.Equal(r, target[key]) {
			injected.add("rows lost", 1)
		}
	}
	for key := range target {
		if _, ok := source[key]; !ok {
			injected.add("rows repeated", 1)
		}
	}
	diff := cmp.Diff(source, target)
	w.t.Errorf("%s differs (-source +target):\n%s", table, diff[:min(len(diff), 4000)])
}
