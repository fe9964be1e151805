package fold_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A simulated source: the contents of its table, and the log that staging would
// write for it. The table's state is the reference for the fold.

// columns are those of the simulated table. If it has a key, the key is id and
// day.
var columns = []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Int32}},
	{Name: "day", Type: schema.Type{Kind: schema.Date}},
	{Name: "body", Type: schema.Type{Kind: schema.String}},
	{Name: "num", Type: schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}},
	{Name: "my note", Type: schema.Type{Kind: schema.String}},
}

const null = `\N`

// row is a row of the source: Postgres's text of each column, or null.
type row [5]string

func (r row) key() string { return r[0] + "|" + r[1] }

type source struct {
	t     *rapid.T
	keyed bool
	rows  []row
	log   []string // tuples of an INSERT
	entry int64
	lsn   int64
	seq   int64
	xid   uint64
	xids  []uint64 // to take from, in no order
	whole bool
	// States after each transaction, and where the newest snapshot is.
	states []state
	from   int64
	since  int // where the log of the newest snapshot begins
	moved  map[string]bool
}

type state struct {
	xid   uint64
	rows  []row
	from  int64
	entry int64
	lsn   int64
	// moved holds the keys whose row arrived in this transaction by a key
	// change that left columns out.
	moved map[string]bool
}

func newSource(t *rapid.T, keyed, whole bool) *source {
	s := &source{t: t, keyed: keyed, whole: whole, entry: 2, lsn: 100}
	ids := make([]uint64, 40)
	for i := range ids {
		ids[i] = uint64(700 + i)
	}
	s.xids = rapid.Permutation(ids).Draw(t, "xids")
	return s
}

var (
	days   = []string{"2024-02-29", "infinity", "-infinity"}
	values = []string{null, "a", "b", `it's "c"`, "ü\n{}"}
	nums   = []string{null, "1.50", "-2.00", "NaN"}
)

func (s *source) draw(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(s.t, label)
}

func (s *source) drawRow() row {
	return row{strconv.Itoa(rapid.IntRange(1, 3).Draw(s.t, "id")), s.draw("day", days), s.draw("body", values),
		s.draw("num", nums), s.draw("note", values)}
}

// emit appends a row to the log. unchanged lists columns by their place.
func (s *source) emit(op schema.Op, r row, unchanged ...int) {
	var left []string
	for _, i := range unchanged {
		left = append(left, databricks.Literal(columns[i].Name))
		r[i] = null
	}
	rescued := map[string]string{}
	fields := make([]string, 0, 16)
	for i, v := range r {
		switch {
		case v == null:
			fields = append(fields, "NULL")
		case i == 1 && strings.HasSuffix(v, "infinity"), i == 3 && v == "NaN":
			rescued[columns[i].Name] = v
			fields = append(fields, "NULL")
		case i == 0 || i == 3:
			fields = append(fields, v)
		case i == 1:
			fields = append(fields, "DATE '"+v+"'")
		default:
			fields = append(fields, databricks.Literal(v))
		}
	}
	xid, list, texts := strconv.FormatUint(s.xid, 10), "NULL", "NULL"
	if op == schema.OpSnapshot || s.xid == 0 {
		xid = "NULL"
	}
	if len(left) > 0 {
		list = "array(" + strings.Join(left, ", ") + ")"
	}
	if len(rescued) > 0 {
		text, _ := json.Marshal(rescued)
		texts = databricks.Literal(string(text))
	}
	s.log = append(s.log, fmt.Sprintf("(%s, '%s', %d, %d, 1, TIMESTAMP '2026-01-01 00:00:00', %s, NULL, %s, %s, %d, NULL)",
		strings.Join(fields, ", "), op, s.lsn, s.seq, xid, list, texts, s.entry))
	s.seq++
}

// snapshot starts the log, or restarts it after a truncate row.
func (s *source) snapshot() {
	s.entry, s.xid, s.seq, s.since = s.entry+1, 0, -1, len(s.log)
	s.emit(schema.OpTruncate, row{null, null, null, null, null})
	for _, r := range s.rows {
		s.emit(schema.OpSnapshot, r)
	}
	s.from = s.entry
	s.entry++
}

// transaction makes some changes and records the state after them.
func (s *source) transaction() {
	s.xid, s.xids = s.xids[0], s.xids[1:]
	s.lsn += 10
	s.seq, s.moved = 0, map[string]bool{}
	s.entry += int64(rapid.IntRange(0, 1).Draw(s.t, "entry"))
	for range rapid.IntRange(1, 4).Draw(s.t, "changes") {
		s.change()
	}
	s.states = append(s.states, state{s.xid, slices.Clone(s.rows), s.from, s.entry, s.lsn, s.moved})
}

func (s *source) change() {
	kind := rapid.IntRange(0, 9).Draw(s.t, "kind")
	switch {
	case kind == 0:
		s.rows = nil
		s.emit(schema.OpTruncate, row{null, null, null, null, null})
	case kind <= 3 || len(s.rows) == 0:
		r := s.drawRow()
		if s.keyed && slices.ContainsFunc(s.rows, func(o row) bool { return o.key() == r.key() }) {
			return
		}
		s.rows, s.moved[r.key()] = append(s.rows, r), false
		s.emit(schema.OpInsert, r)
	case kind == 4:
		i := rapid.IntRange(0, len(s.rows)-1).Draw(s.t, "row")
		s.emit(schema.OpDelete, s.old(s.rows[i]))
		s.rows = slices.Delete(s.rows, i, i+1)
	default:
		s.update(rapid.IntRange(0, len(s.rows)-1).Draw(s.t, "row"))
	}
}

// old is what a delete sends of a row.
func (s *source) old(r row) row {
	if s.keyed {
		return row{r[0], r[1], null, null, null}
	}
	return r
}

func (s *source) update(i int) {
	before, after := s.rows[i], s.drawRow()
	if rapid.Bool().Draw(s.t, "same key") {
		after[0], after[1] = before[0], before[1]
	}
	var unchanged []int
	for c := 2; c < len(after); c++ {
		switch rapid.IntRange(0, 2).Draw(s.t, "column") {
		case 0:
			after[c] = before[c]
		case 1:
			after[c] = before[c]
			if s.keyed && !s.whole {
				unchanged = append(unchanged, c)
			}
		}
	}
	taken := func(o row) bool { return o.key() == after.key() }
	moved := before.key() != after.key()
	switch {
	case s.keyed && moved && slices.ContainsFunc(s.rows, taken):
		return
	case s.keyed && !moved, !s.keyed && before == after:
		s.emit(schema.OpUpdate, after, unchanged...)
	default:
		s.moved[after.key()] = len(unchanged) > 0
		s.emit(schema.OpDelete, s.old(before))
		s.emit(schema.OpInsert, after, unchanged...)
	}
	s.rows[i] = after
}

// reference prints rows as the tests' query prints the fold's answer.
func reference(rows []row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, strings.Join(r[:], "|"))
	}
	slices.Sort(out)
	return out
}
