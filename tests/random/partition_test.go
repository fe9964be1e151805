//go:build cgo && unix

package random

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// free is where a new partition can begin.
func (t *table) free() int {
	from := 0
	for slices.ContainsFunc(t.leaves, func(p partition) bool { return !p.rest && p.from == from }) {
		from += partitionWidth
	}
	return from
}

// addLeaf makes a partition, whose rows are sent from the beginning.
func (w *world) addLeaf(t *table) bool {
	w.t.Helper()
	if !t.split || len(t.leaves) > 5 || !w.makeRoom(t, t.free()) {
		return false
	}
	w.leaf(t, partition{from: t.free()})
	if w.conn.PgConn().TxStatus() == 'T' {
		t.allow("a partition was made, and the table maybe altered in the same transaction, which looks like attaching one")
	}
	return true
}

// makeRoom deletes what the default partition has of a new one's rows.
func (w *world) makeRoom(t *table, from int) bool {
	w.t.Helper()
	c := schema.QuotePostgres(t.columns[0].name)
	where := fmt.Sprintf(" WHERE %s >= %d AND %s < %d", c, from, c, from+partitionWidth)
	if w.ask("SELECT count(*)::text FROM "+t.sql()+where) == "0" {
		return true
	}
	if !w.mayUpdate(t) {
		return false
	}
	w.must("DELETE FROM " + t.sql() + where)
	return true
}

// attach makes a table with rows a partition.
func (w *world) attach(t *table) bool {
	w.t.Helper()
	from := t.free()
	if !t.split || len(t.leaves) > 5 || !w.makeRoom(t, from) {
		return false
	}
	p := partition{name: w.partitionName(t), from: from}
	name := schema.QuotePostgres(p.name)
	var defs []string
	for _, c := range t.columns { // in another order, behind one that is gone
		defs = append([]string{schema.QuotePostgres(c.name) + " " + c.kind.sql}, defs...)
	}
	w.must("CREATE TABLE " + name + " (gone integer, " + strings.Join(defs, ", ") + ")")
	w.must("ALTER TABLE " + name + " DROP gone")
	if len(t.primary) > 0 {
		w.must("ALTER TABLE " + name + " ADD PRIMARY KEY (" + quoted(t.primary) + ")")
	}
	for _, c := range t.columns {
		if c.filled { // it may be NOT NULL
			w.must("ALTER TABLE " + name + " ALTER " + schema.QuotePostgres(c.name) + " SET NOT NULL")
		}
	}
	w.must("ALTER TABLE " + name + " REPLICA IDENTITY " + t.identity)
	rows := 0
	for range w.between(0, 2) {
		inside := *t
		inside.name = p.name
		w.first = &p.from
		if w.tryAnywhere(w.insertSQL(&inside, 3)) {
			rows = w.count(p.name)
		}
		w.first = nil
	}
	w.must(t.alterSQL("ATTACH PARTITION %s%s", name, p.bounds()))
	t.leaves = append(t.leaves, p)
	if what := fmt.Sprintf("partition %s was attached with %d rows", p.name, rows); rows > 0 {
		t.expect("", what)
	} else {
		t.allow(what)
	}
	return true
}

// detach takes a partition away, and drops it now and then. Only one that the
// newest full load read is missed.
func (w *world) detach(t *table) bool {
	w.t.Helper()
	if len(t.leaves) < 2 {
		return false
	}
	i := w.rnd.IntN(len(t.leaves))
	p := t.leaves[i]
	rows := w.count(p.name)
	name := schema.QuotePostgres(p.name)
	if w.chance(2) {
		w.must("DROP TABLE " + name)
	} else {
		w.must(t.alterSQL("DETACH PARTITION %s", name))
	}
	t.leaves = slices.Delete(t.leaves, i, i+1)
	what := fmt.Sprintf("partition %s was detached with %d rows", p.name, rows)
	switch {
	case rows == 0:
		t.allow(what)
	case p.known:
		t.expect("", what)
	default: // the ledger may not know that it was there
		t.allow(what)
		t.blind = append(t.blind, what)
	}
	return true
}

// truncateLeaf is not sent through the root: only a verification finds it.
func (w *world) truncateLeaf(t *table) bool {
	w.t.Helper()
	if !t.split || len(t.leaves) == 0 {
		return false
	}
	p := oneOf(w, t.leaves)
	if w.count(p.name) > 0 {
		t.blind = append(t.blind, "partition "+p.name+" was truncated")
	}
	w.must("TRUNCATE " + schema.QuotePostgres(p.name))
	return true
}
