package load

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// countedSteps is the maximum number of steps in one statement that counts rows.
// It bounds the statement's length and its answer, however old the pipeline is.
const countedSteps = 10_000

// Values that an answer has in place of an entry.
const (
	allRows int64 = -1 // all rows of the table
	noStep  int64 = -2 // rows of no requested step
)

// question asks one table for the row counts of some of its steps: those of
// entries from from on and below before. A table's steps may be split over
// several questions.
type question struct {
	table        *table
	steps        []step // of different entries, ascending
	from, before int64  // before 0: to the end
	first        bool   // the table's first question: also counts all rows, and those without an entry
}

// questionsOf splits the steps of a table into questions.
func questionsOf(w *table) []question {
	floor := w.floor()
	var asked []step
	for _, s := range w.steps {
		if s.entry >= floor && (len(asked) == 0 || asked[len(asked)-1].entry != s.entry) {
			asked = append(asked, s)
		}
	}
	var out []question
	for part := range slices.Chunk(asked, countedSteps) {
		if n := len(out); n > 0 {
			out[n-1].before = part[0].begins()
		}
		out = append(out, question{table: w, steps: part, from: part[0].begins()})
	}
	if len(out) == 0 {
		out = []question{{table: w}}
	}
	out[0].first, out[0].from = true, floor
	return out
}

// sql counts the rows of place t by step. A folded step counts under its last
// entry.
func (q *question) sql(t int) string {
	entry := databricks.Quote(schema.MetaEntry)
	var key strings.Builder
	var each []string
	key.WriteString("CASE")
	for _, s := range q.steps {
		if s.folded {
			fmt.Fprintf(&key, " WHEN e BETWEEN %d AND %d THEN %s", s.first, s.entry, databricks.Bigint(s.entry))
		} else {
			each = append(each, strconv.FormatInt(s.entry, 10))
		}
	}
	if len(each) > 0 {
		fmt.Fprintf(&key, " WHEN e IN (%s) THEN e", strings.Join(each, ", "))
	}
	if len(q.steps) == 0 {
		key.WriteString(" WHEN false THEN e")
	}
	fmt.Fprintf(&key, " ELSE %s END", databricks.Bigint(noStep))
	within := fmt.Sprintf("%s >= %d", entry, q.from)
	if q.before > 0 {
		within += fmt.Sprintf(" AND %s < %d", entry, q.before)
	}
	if q.first {
		within += fmt.Sprintf(" OR %s IS NULL", entry)
	}
	rows := fmt.Sprintf("SELECT %d AS t, k AS entry, count(*) AS n, min(e) AS low, max(e) AS high FROM "+
		"(SELECT e, %s AS k FROM (SELECT %s AS e FROM %s WHERE %s)) GROUP BY k", t, key.String(), entry, q.table.Target, within)
	if !q.first {
		return rows
	}
	null := "CAST(NULL AS BIGINT)"
	return fmt.Sprintf("SELECT %d AS t, %s AS entry, count(*) AS n, %s AS low, %s AS high FROM %s", t, databricks.Bigint(allRows),
		null, null, q.table.Target) +
		"\nUNION ALL " + rows
}

// evidence counts the rows of the tables that which selects. A table that the
// warehouse refuses to count is quarantined, unless it refuses all.
func (l *Loader) evidence(ctx context.Context, todo []*table, which func(*table) bool) error {
	var chosen []*table
	for _, w := range todo {
		if which(w) && w.result.Err == nil {
			chosen = append(chosen, w)
		}
	}
	for part := range slices.Chunk(chosen, bronze.AskedTogether) {
		unanswered, err := bronze.AskTogether(part, func(part []*table) error { return l.count(ctx, part) }, (*table).refused)
		if err == nil && len(part) > 1 { // the warehouse refuses all: no table is to blame
			err = unanswered
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count asks tables for their row counts, in as few statements as hold all
// steps.
func (l *Loader) count(ctx context.Context, tables []*table) error {
	var batch []question
	size := 0
	flush := func() error {
		asked := batch
		batch, size = nil, 0
		return l.ask(ctx, asked)
	}
	for _, w := range tables {
		w.seen.rows, w.seen.total, w.seen.newest, w.seen.floor = map[int64]int64{}, 0, 0, w.floor()
		for _, q := range questionsOf(w) {
			if size+len(q.steps) > countedSteps {
				if err := flush(); err != nil {
					return err
				}
			}
			batch, size = append(batch, q), size+len(q.steps)
		}
	}
	return flush()
}

// ask sends one statement and records its answer.
func (l *Loader) ask(ctx context.Context, asked []question) error {
	parts := make([]string, len(asked))
	for t := range asked {
		parts[t] = asked[t].sql(t)
	}
	var answer *databricks.Result
	err := bronze.Retry(ctx, l.Log, func() (err error) {
		answer, err = l.Warehouse.Query(ctx, strings.Join(parts, "\nUNION ALL "))
		return err
	})
	if err != nil {
		return fmt.Errorf("count the rows that are loaded: %w", err)
	}
	for i := range answer.Rows {
		t, err := answer.Int(i, "t")
		if err != nil {
			return err
		}
		if t < 0 || t >= int64(len(asked)) {
			return fmt.Errorf("count the rows that are loaded: the answer is of table %d of %d", t, len(asked))
		}
		if err := asked[t].table.seen.note(answer, i); err != nil {
			return err
		}
	}
	return nil
}

// note records one row of the answer.
func (e *evidence) note(answer *databricks.Result, row int) error {
	n, err := answer.Int(row, "n")
	if err != nil {
		return err
	}
	entry, err := answer.Int(row, "entry")
	if err != nil {
		return err
	}
	if entry == allRows {
		e.total = n
		return nil
	}
	low, err := answer.Int(row, "low")
	if err != nil { // all of these rows have no entry: they belong to no step
		low = 0
	}
	if high, err := answer.Int(row, "high"); err == nil {
		e.newest = max(e.newest, high)
	}
	if entry == noStep {
		entry = low
	}
	e.rows[entry] += n
	return nil
}
