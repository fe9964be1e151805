//go:build cgo && unix

package random

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// place is where in the log something is: a commit, in an entry.
type place struct{ entry, commit int64 }

// life is a row of a key, or its last one where it is gone.
type life struct {
	values row
	op     string // of its newest change
	at     place
	time   string // the commit time of that
}

// lives is the state of a keyed log, with the rows that are gone. It is strict, as
// replay is.
type lives struct {
	key         []string
	there, gone map[string]life
	deleted     logRow // the newest delete, with the row that it ended
	moved       map[string]bool
}

func newLives(key []string) *lives {
	return &lives{key: key, there: map[string]life{}, gone: map[string]life{}, moved: map[string]bool{}}
}

func (l *lives) apply(r logRow) error {
	k := r.values.of(l.key)
	now := life{r.values, r.op, place{r.entry, r.commit}, r.time}
	before, is := l.there[k]
	switch r.op {
	case "snapshot", "insert":
		if is {
			return fmt.Errorf("the key %s is there already", k)
		}
		if len(r.unchanged) > 0 {
			if l.deleted.commit != r.commit || l.deleted.seq != r.seq-1 {
				return fmt.Errorf("the key %s has columns %v from nowhere", k, r.unchanged)
			}
			now.values = carried(r, l.deleted.values)
		}
		l.there[k], l.moved[k] = now, len(r.unchanged) > 0
		delete(l.gone, k)
	case "update":
		if !is {
			return fmt.Errorf("there is no row %s to update", k)
		}
		now.values = carried(r, before.values)
		l.there[k] = now
	case "delete":
		if !is {
			return fmt.Errorf("there is no row %s to delete", k)
		}
		l.deleted = r
		l.deleted.values, now.values = before.values, before.values
		l.gone[k] = now
		delete(l.there, k)
	case "truncate":
		for k, before := range l.there {
			now.values = before.values
			l.gone[k] = now
		}
		clear(l.there)
	default:
		return fmt.Errorf("there is no operation %q", r.op)
	}
	return nil
}

// chapter is a log from one full load to the next.
type chapter struct {
	begin, done int64 // entries
	commit      int64 // the position that was reached before done
	rows        []logRow
}

// period is a stretch in which a row held.
type period struct {
	values     row
	op         string
	start, end place
	lasts      bool
}

// history is what the log says of periods.
type history struct {
	key     []string
	columns []string
	except  func(column string) bool
	lasting map[string]period
	ended   []period
}

func newHistory(key, columns []string, except func(string) bool) *history {
	return &history{key: key, columns: columns, except: except, lasting: map[string]period{}}
}

// same compares rows but for the columns that begin no period.
func (h *history) same(x, y row) bool {
	for _, c := range h.columns {
		if v, w := x[c], y[c]; v != w && !h.except(c) {
			return false
		}
	}
	return true
}

func (h *history) begin(k string, values row, op string, at place) {
	h.lasting[k] = period{values: values, op: op, start: at, lasts: true}
}

func (h *history) end(k string, at place) {
	p := h.lasting[k]
	p.end, p.lasts = at, false
	h.ended = append(h.ended, p)
	delete(h.lasting, k)
}

// read takes a chapter in, transaction by transaction, and gives the state that it
// leaves.
func (h *history) read(c chapter) (*lives, error) {
	l := newLives(h.key)
	rows := slices.SortedFunc(slices.Values(c.rows), func(x, y logRow) int {
		return cmp.Or(cmp.Compare(x.entry, y.entry), cmp.Compare(x.commit, y.commit), cmp.Compare(x.seq, y.seq))
	})
	n := 0
	for ; n < len(rows) && rows[n].entry <= c.done; n++ {
		if err := l.apply(rows[n]); err != nil {
			return nil, err
		}
	}
	h.correct(l, place{c.done, c.commit})
	for n < len(rows) {
		at, before := place{rows[n].entry, rows[n].commit}, maps.Clone(l.there)
		l.moved = map[string]bool{}
		for ; n < len(rows) && (place{rows[n].entry, rows[n].commit}) == at; n++ {
			if err := l.apply(rows[n]); err != nil {
				return nil, err
			}
		}
		h.commit(before, l, at)
	}
	return l, nil
}

// correct compares what lasts with what a full load found.
func (h *history) correct(l *lives, at place) {
	for _, k := range slices.Sorted(maps.Keys(h.lasting)) {
		p := h.lasting[k]
		switch found, is := l.there[k]; {
		case !is || !h.same(found.values, p.values):
			h.end(k, at)
		default:
			p.values = found.values
			h.lasting[k] = p
		}
	}
	for k, found := range l.there {
		if _, is := h.lasting[k]; !is {
			h.begin(k, found.values, "snapshot", at)
		}
	}
}

// commit judges a transaction by the states before and after it.
func (h *history) commit(before map[string]life, l *lives, at place) {
	for k := range before {
		if _, is := l.there[k]; !is {
			h.end(k, at)
		}
	}
	for k, now := range l.there {
		was, had := before[k]
		switch {
		case now.at != at: // nothing touched it
		case !had:
			h.begin(k, now.values, "insert", at)
		case l.moved[k] || !h.same(was.values, now.values):
			h.end(k, at)
			h.begin(k, now.values, "update", at)
		default:
			p := h.lasting[k]
			p.values = now.values
			h.lasting[k] = p
		}
	}
}

// all are the periods, those of a key in order.
func (h *history) all() []period {
	out := slices.Clone(h.ended)
	for _, p := range h.lasting {
		out = append(out, p)
	}
	return h.sorted(out)
}

func (h *history) sorted(periods []period) []period {
	slices.SortFunc(periods, func(x, y period) int {
		return cmp.Or(strings.Compare(x.values.of(h.key), y.values.of(h.key)), cmp.Compare(x.start.entry, y.start.entry),
			cmp.Compare(x.start.commit, y.start.commit))
	})
	return periods
}

// texts prints periods, in order. merged takes two for one, where one begins as the other
// ends and the columns that there are now are equal: a column that is gone has
// distinguished them.
func (h *history) texts(periods []period, merged bool) []string {
	var list []period
	for _, p := range h.sorted(periods) {
		if n := len(list) - 1; merged && n >= 0 && list[n].values.of(h.key) == p.values.of(h.key) && !list[n].lasts && list[n].end == p.start &&
			h.same(list[n].values, p.values) {
			list[n].end, list[n].lasts, list[n].values = p.end, p.lasts, p.values
			continue
		}
		list = append(list, p)
	}
	out := make([]string, len(list))
	for i, p := range list {
		end := "lasts"
		if !p.lasts {
			end = fmt.Sprintf("%d/%X", p.end.entry, p.end.commit)
		}
		out[i] = fmt.Sprintf("%s %d/%X to %s: %s", p.op, p.start.entry, p.start.commit, end, p.values.of(h.columns))
	}
	return out
}

// TestTheModelOfPeriods shows what the model takes for a period.
func TestTheModelOfPeriods(t *testing.T) {
	at := func(op, id, v string, entry, commit, seq int64, unchanged ...string) logRow {
		r := logRow{op: op, entry: entry, commit: commit, seq: seq, unchanged: unchanged, values: row{"id": id}}
		if v != "" {
			r.values["v"] = v
		}
		return r
	}
	for name, c := range map[string]struct {
		chapters []chapter
		want     []string
	}{
		"a full load and an update": {
			[]chapter{{2, 3, 9, []logRow{at("snapshot", "1", "a", 2, 5, 0), at("update", "1", "b", 4, 10, 0)}}},
			[]string{`snapshot 3/9 to 4/A: id="1" v="a" `, `update 4/A to lasts: id="1" v="b" `},
		},
		"an update that changes nothing, and delete and insert in one transaction": {
			[]chapter{{2, 3, 9, []logRow{at("snapshot", "1", "a", 2, 5, 0), at("update", "1", "a", 4, 10, 0), at("delete", "1", "", 4, 11, 0),
				at("insert", "1", "a", 4, 11, 1)}}},
			[]string{`snapshot 3/9 to lasts: id="1" v="a" `},
		},
		"delete and insert in two transactions": {
			[]chapter{{2, 3, 9, []logRow{at("snapshot", "1", "a", 2, 5, 0), at("delete", "1", "", 4, 10, 0), at("insert", "1", "a", 4, 11, 0)}}},
			[]string{`snapshot 3/9 to 4/A: id="1" v="a" `, `insert 4/B to lasts: id="1" v="a" `},
		},
		"truncate and reload": {
			[]chapter{{2, 3, 9, []logRow{at("snapshot", "1", "a", 2, 5, 0), at("snapshot", "2", "b", 2, 5, 0), at("truncate", "", "", 4, 10, 0),
				at("insert", "1", "a", 4, 10, 1)}}},
			[]string{`snapshot 3/9 to lasts: id="1" v="a" `, `snapshot 3/9 to 4/A: id="2" v="b" `},
		},
		"a move that leaves a column out begins a period": {
			[]chapter{{2, 3, 9, []logRow{
				at("snapshot", "1", "a", 2, 5, 0), at("snapshot", "2", "a", 2, 5, 0),
				at("delete", "2", "", 4, 10, 0), at("delete", "1", "", 4, 10, 1), at("insert", "2", "", 4, 10, 2, "v"),
			}}},
			[]string{`snapshot 3/9 to 4/A: id="1" v="a" `, `snapshot 3/9 to 4/A: id="2" v="a" `, `update 4/A to lasts: id="2" v="a" `},
		},
		"a second full load": {
			[]chapter{
				{2, 3, 9, []logRow{at("snapshot", "1", "a", 2, 5, 0), at("snapshot", "2", "b", 2, 5, 0), at("snapshot", "3", "c", 2, 5, 0)}},
				{5, 7, 19, []logRow{at("snapshot", "1", "a", 5, 15, 0), at("snapshot", "2", "x", 5, 15, 0), at("update", "2", "y", 6, 16, 0)}},
			},
			[]string{`snapshot 3/9 to lasts: id="1" v="a" `, `snapshot 3/9 to 7/13: id="2" v="b" `, `snapshot 7/13 to lasts: id="2" v="y" `,
				`snapshot 3/9 to 7/13: id="3" v="c" `},
		},
	} {
		h := newHistory([]string{"id"}, []string{"id", "v"}, func(string) bool { return false })
		for _, c := range c.chapters {
			if _, err := h.read(c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := h.texts(h.all(), false); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
