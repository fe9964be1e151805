//go:build cgo && unix

package random

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/schema"
)

// must runs a statement that cannot fail.
func (w *world) must(sql string) {
	w.t.Helper()
	if err := w.exec(sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) exec(sql string) error {
	w.note("%s;", sql)
	_, err := w.conn.Exec(w.t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// try runs a statement that may break a constraint, and says whether it did not.
func (w *world) try(sql string) bool {
	w.t.Helper()
	w.must("SAVEPOINT try")
	err := w.exec(sql)
	var e *pgconn.PgError
	switch {
	case err == nil:
		w.must("RELEASE try")
		return true
	case errors.As(err, &e) && (strings.HasPrefix(e.Code, "23") || strings.HasPrefix(e.Code, "22")):
		w.note("-- %s", e.Message)
		w.must("ROLLBACK TO try")
		return false
	}
	w.t.Fatalf("%s: %v", sql, err)
	return false
}

// ask gives one text.
func (w *world) ask(sql string, args ...any) string {
	w.t.Helper()
	var text string
	if err := w.conn.QueryRow(w.t.Context(), sql, args...).Scan(&text); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// transaction makes a few changes; some transactions are rolled back, some in
// part.
func (w *world) transaction() {
	w.t.Helper()
	w.tally["transactions"]++
	before := w.snapshot()
	w.must("BEGIN")
	for range w.between(1, 6) {
		switch {
		case w.chance(10):
			w.alter(true)
			continue
		case !w.chance(6):
			w.change(oneOf(w, w.tables))
			continue
		}
		inner := w.snapshot()
		w.must("SAVEPOINT part")
		for range w.between(1, 3) {
			w.change(oneOf(w, w.tables))
		}
		if w.chance(2) {
			w.must("ROLLBACK TO part")
			w.restore(inner)
		} else {
			w.must("RELEASE part")
		}
	}
	if w.chance(8) {
		w.must("ROLLBACK")
		w.restore(before)
		return
	}
	w.must("COMMIT")
}

// snapshot keeps what is known of the tables, and restore goes back to it.
func (w *world) snapshot() []*table {
	var out []*table
	for _, t := range w.tables {
		out = append(out, t.clone())
	}
	return out
}

func (w *world) restore(tables []*table) { w.tables = tables }

// change is one random change of rows.
func (w *world) change(t *table) {
	w.t.Helper()
	n := w.rnd.IntN(20)
	if n >= 8 && n < 19 && !w.mayUpdate(t) {
		n = 0
	}
	switch {
	case n < 8:
		w.try(w.insertSQL(t, w.between(1, 4)))
	case n == 8:
		w.moveAround(t)
	case n < 15:
		w.try(w.updateSQL(t))
	case n < 19:
		w.try("DELETE FROM " + t.sql() + w.someRows(t, w.between(1, 3)))
	default:
		w.must("TRUNCATE " + t.sql())
		t.writtenWhole()
	}
}

// mayUpdate says whether updates can be made, and are sent if the table is
// published at all.
func (w *world) mayUpdate(t *table) bool {
	w.t.Helper()
	how := w.ask(`SELECT coalesce(max(CASE WHEN p.pubupdate THEN 'all' ELSE 'inserts' END), 'none')
		FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1::text::regclass`, t.sql())
	return how == "none" || t.usable() && (how == "all" || t.sent)
}

func (w *world) insertSQL(t *table, rows int) string {
	var values []string
	for range rows {
		var row []string
		for i, c := range t.columns {
			if i == 0 && w.first != nil {
				row = append(row, fmt.Sprint(*w.first+w.rnd.IntN(partitionWidth)))
			} else if w.chance(8) && !slices.Contains(t.primary, c.name) && !slices.Contains(t.index, c.name) {
				row = append(row, "NULL")
			} else {
				row = append(row, w.value(c.kind))
			}
		}
		values = append(values, "("+strings.Join(row, ", ")+")")
	}
	return "INSERT INTO " + t.sql() + " (" + quoted(t.names()) + ") VALUES " + strings.Join(values, ", ") + " ON CONFLICT DO NOTHING"
}

// someRows is a condition for so many rows, chosen by what is in them.
func (w *world) someRows(t *table, rows int) string {
	return fmt.Sprintf(" WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM %s x ORDER BY md5(x::text || '%d') LIMIT %d)",
		t.sql(), w.rnd.IntN(1000), rows)
}

// updateSQL changes one or a few columns, now and then of the key.
func (w *world) updateSQL(t *table) string {
	var set []string
	for _, c := range t.columns {
		key := slices.Contains(t.primary, c.name) || slices.Contains(t.index, c.name)
		if key && w.chance(5) || !key && w.chance(3) {
			value := w.value(c.kind)
			if !key && w.chance(8) {
				value = "NULL"
			}
			set = append(set, schema.QuotePostgres(c.name)+" = "+value)
		}
	}
	if len(set) == 0 {
		c := schema.QuotePostgres(oneOf(w, t.columns).name)
		set = []string{c + " = " + c}
	}
	return "UPDATE " + t.sql() + " SET " + strings.Join(set, ", ") + w.someRows(t, w.between(1, 3))
}

// moveAround changes a row's key several times, or swaps the keys of two rows through a
// third one.
func (w *world) moveAround(t *table) {
	w.t.Helper()
	if len(t.primary) != 1 {
		w.try(w.updateSQL(t))
		return
	}
	key := t.columns[slices.Index(t.names(), t.primary[0])]
	name := schema.QuotePostgres(key.name)
	var now []string
	for _, r := range w.texts(
		fmt.Sprintf("SELECT %s FROM %s x ORDER BY md5(%s::text || '%d') LIMIT 2", name, t.sql(), name, w.rnd.IntN(1000))) {
		now = append(now, schema.QuotePostgresLiteral(string(r[0]))+"::"+key.kind.sql)
	}
	move := func(from, to string) bool {
		return w.try("UPDATE " + t.sql() + " SET " + name + " = " + to + " WHERE " + name + " = " + from)
	}
	between := w.value(key.kind)
	if len(now) == 2 && w.chance(2) && between != now[0] && between != now[1] {
		_ = move(now[0], between) && move(now[1], now[0]) && move(between, now[1])
		w.tally["keys swapped"]++
		return
	}
	for range w.between(1, 7) {
		if to := w.value(key.kind); len(now) > 0 && move(now[0], to) {
			now[0] = to
			w.tally["keys moved"]++
		}
	}
}

// tryAnywhere is try outside of a transaction as well.
func (w *world) tryAnywhere(sql string) bool {
	w.t.Helper()
	if w.conn.PgConn().TxStatus() == 'T' {
		return w.try(sql)
	}
	w.must("BEGIN")
	defer w.must("COMMIT")
	return w.try(sql)
}
