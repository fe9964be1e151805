package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

// minutes makes a ledger of n entries. Nearly all of them hold changes of three
// tables with ten columns. This is what a run every minute leaves behind if it
// loads what it stages. If compacted is true, it writes no packs, because Open
// does not read them.
func minutes(b *testing.B, store *memory, n int64, compacted bool) (checkpointBytes int) {
	l := open(b, store, "20260304T050607Z-1a2b")
	add(b, l, origin(10))
	var columns []schema.Column
	for i := range 10 {
		columns = append(columns, column(fmt.Sprintf("column_%d", i)))
	}
	tables := []schema.TableName{orders, items, table("customers")}
	add(b, l, begin(15, tables...))
	for _, t := range tables {
		add(b, l, done(2, t, columns...))
	}
	s := l.state
	checkpoint := n - CompactAfter // the next compaction is due now
	for s.Head < n {
		c := changes(s.Position, s.Position+1<<20, tables...)
		for k := range c.Tables {
			c.Tables[k].Columns = columns
			c.Tables[k].Segments[0].Checksum = digestOf([]byte(c.Tables[k].Segments[0].Path))
		}
		if compacted && s.Head < checkpoint-Kept { // its file has been removed
			e := &Entry{Number: s.Head + 1, Ledger: s.Ledger, Kind: KindChanges, Changes: c, Time: clock()}
			s.apply(e, digestOf([]byte(fmt.Sprint(e.Number))))
		} else {
			e, raw, err := l.compose(c)
			if err != nil {
				b.Fatal(err)
			}
			store.files[FileName(e.Number)] = raw
			s.apply(e, digestOf(raw))
		}
		if compacted && s.Head <= checkpoint && (checkpoint-s.Head)%CompactAfter == 0 {
			s.fold(s.Head, s.Checksum, map[schema.TableName]int64{orders: s.Head, items: s.Head, tables[2]: s.Head}, Kept)
		}
		if compacted && s.Head == checkpoint {
			raw, err := encodeCheckpoint(s, "1.0.0")
			if err != nil {
				b.Fatal(err)
			}
			store.files[CheckpointName(s.Head)] = raw
			checkpointBytes = len(raw)
		}
	}
	if compacted {
		for n := range int64(5) {
			delete(store.files, FileName(n+1))
		}
	}
	return checkpointBytes
}

// A run every minute makes half a million entries in a year. After compaction
// they open as quickly as the first few thousand.
func BenchmarkOpenMinutes(b *testing.B) {
	for _, c := range []struct {
		entries   int64
		compacted bool
	}{{2_000, false}, {20_000, false}, {20_000, true}, {500_000, true}} {
		b.Run(fmt.Sprintf("entries=%d/compacted=%v", c.entries, c.compacted), func(b *testing.B) {
			store := newMemory()
			size := minutes(b, store, c.entries, c.compacted)
			b.ReportAllocs()
			for b.Loop() {
				if s := open(b, store, "r").State(); s.Head != c.entries {
					b.Fatalf("head is %d", s.Head)
				}
			}
			b.ReportMetric(float64(len(store.files)), "files")
			b.ReportMetric(float64(size), "checkpoint-bytes")
		})
	}
}

// Unfold reads folded changes from packs, one request per pack.
func BenchmarkUnfold(b *testing.B) {
	const entries = 5_000
	store := newMemory()
	minutes(b, store, entries, false)
	l := open(b, store, "r")
	if _, err := l.Compact(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	s := l.State()
	packed := 0
	for name, data := range store.files {
		if strings.HasPrefix(name, PackDirectory) {
			packed += len(data)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		t, err := l.Unfold(b.Context(), s, s.Tables[orders], 0)
		if err != nil || len(t.Changes) != entries-5 {
			b.Fatalf("%d changes, %v", len(t.Changes), err)
		}
	}
	b.ReportMetric(float64(packed)/entries, "packed-bytes/entry")
}

// The newest 1,000 entries keep their files after any compaction.
func TestTheNewestThousandEntriesStay(t *testing.T) {
	const packed = 7
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	grow(t, l, 1000+packed-1)
	if got := compact(t, l, nil); got.Removed != packed {
		t.Errorf("compacted %+v, want that the oldest %d are removed", got, packed)
	}
	for n := int64(1); n <= l.State().Head; n++ {
		if there := store.files[FileName(n)] != nil; there != (n > packed) {
			t.Errorf("the file of entry %d is there: %v", n, there)
		}
	}
}
