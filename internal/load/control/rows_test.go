package control

import (
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// staged are changes of an entry: a segment of two inserts and an update, and one of a delete that snapshots may show.
func staged(entry int64, visible ...int64) ledger.StagedChanges {
	return ledger.StagedChanges{
		Entry: entry, Start: lsn(entry), End: lsn(entry + 1),
		TableChanges: ledger.TableChanges{
			Segments: []ledger.Segment{{Rows: 3, Bytes: 30}, {Rows: 1, Bytes: 10, VisibleIn: visible}},
			Rows:     map[schema.Op]int64{schema.OpInsert: 2, schema.OpUpdate: 1, schema.OpDelete: 1}, Rescued: map[string]int64{"a": 1, "b": 2},
		},
	}
}

func lsn(n int64) pglogrepl.LSN { return pglogrepl.LSN(100 * n) }

// TestRowsOfTables derives rows from the ledger.
func TestRowsOfTables(t *testing.T) {
	table := func(folded []ledger.FoldedChanges, changes ...ledger.StagedChanges) *ledger.TableState {
		return &ledger.TableState{
			Begin: &ledger.Begin{Fence: 150, Taken: time.Unix(5, 0)}, Folded: folded, Changes: changes,
			Snapshot: &ledger.Done{Begin: 2, Rows: 7, Directory: "d", Segments: []ledger.Segment{{Bytes: 70}}, Rescued: map[string]int64{"a": 4}},
		}
	}
	sum := ledger.FoldedChanges{First: 4, Last: 6, Rows: 8, Ops: map[schema.Op]int64{schema.OpInsert: 8}, VisibleIn: map[int64]int64{}}
	for what, c := range map[string]struct {
		table    *ledger.TableState
		recorded *loads.Recorded
		last     int64
		want     *row
	}{
		"a snapshot": {table(nil), nil, 2,
			&row{first: 2, last: 2, full: true, rows: 7, snapshot: 7, rescued: 4, segments: 1, bytes: 70, to: 150}},
		"another snapshot is recorded": {table(nil), &loads.Recorded{Snapshot: "c", Entry: 9}, 2,
			&row{first: 2, last: 2, full: true, rows: 7, snapshot: 7, rescued: 4, segments: 1, bytes: 70, to: 150}},
		"nothing new": {table(nil, staged(4)), &loads.Recorded{Snapshot: "d", Entry: 4}, 4, nil},
		"changes": {table(nil, staged(4), staged(5), staged(6)), &loads.Recorded{Snapshot: "d", Entry: 4}, 6,
			&row{first: 5, last: 6, rows: 8, rescued: 6, segments: 4, bytes: 80, from: lsn(5), to: lsn(7),
				ops: map[schema.Op]int64{schema.OpInsert: 4, schema.OpUpdate: 2, schema.OpDelete: 2}}},
		"changes that are not loaded": {table(nil, staged(4), staged(5)), &loads.Recorded{Snapshot: "d", Entry: 2}, 4,
			&row{first: 3, last: 4, rows: 4, rescued: 3, segments: 2, bytes: 40, from: lsn(4), to: lsn(5),
				ops: map[schema.Op]int64{schema.OpInsert: 2, schema.OpUpdate: 1, schema.OpDelete: 1}}},
		"changes that the snapshot shows in part": {table(nil, staged(3, 2), staged(4, 9)), nil, 4,
			&row{first: 2, last: 4, full: true, rows: 14, snapshot: 7, rescued: 7, mixed: true, segments: 4, bytes: 140, to: lsn(5),
				ops: map[schema.Op]int64{schema.OpInsert: 2, schema.OpUpdate: 1, schema.OpDelete: 1}}},
		"sums": {table([]ledger.FoldedChanges{sum}, staged(7)), nil, 7,
			&row{first: 2, last: 7, full: true, rows: 19, snapshot: 7, rescued: 7, summed: true, segments: 3, bytes: 110, to: lsn(8),
				ops: map[schema.Op]int64{schema.OpInsert: 10, schema.OpUpdate: 1, schema.OpDelete: 1}}},
	} {
		got, err := new(Keeper).rowOf(t.Context(), ledger.NewState(), c.table, c.recorded, c.last)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if c.want == nil || got == nil {
			if got != c.want {
				t.Errorf("%s: %+v, want %+v", what, got, c.want)
			}
			continue
		}
		ops := got.ops
		for op, n := range c.want.ops {
			if ops[op] != n {
				t.Errorf("%s: %d rows of %s, want %d", what, ops[op], op, n)
			}
		}
		if flattened(got) != flattened(c.want) {
			t.Errorf("%s:\n%+v, want\n%+v", what, got, c.want)
		}
	}
	for _, c := range []struct {
		first, last int64
		want        bool
	}{{4, 6, false}, {2, 9, false}, {7, 9, false}, {5, 9, true}, {2, 5, true}, {6, 6, true}} {
		if got := divided(table([]ledger.FoldedChanges{sum}), c.first, c.last); got != c.want {
			t.Errorf("entries %d to %d divide a sum: %v", c.first, c.last, got)
		}
	}
}

// flat is a row without what cannot be compared.
type flat struct {
	first, last, rows, snapshot, rescued, segments, bytes int64
	full, mixed, summed                                   bool
	from, to                                              pglogrepl.LSN
}

func flattened(r *row) flat {
	return flat{r.first, r.last, r.rows, r.snapshot, r.rescued, r.segments, r.bytes, r.full, r.mixed, r.summed, r.from, r.to}
}
