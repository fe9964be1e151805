package segment

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// heap returns the reachable heap memory in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools survive the first collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// mixed fills a batch with alternating integer and text columns. Their values
// hardly repeat.
func mixed(columns, rows, text int) *vector.Batch {
	fields := make([]vector.Field, columns)
	for i := range fields {
		kind := schema.Int64
		if i%2 == 1 {
			kind = schema.String
		}
		fields[i] = vector.Field{Name: fmt.Sprintf("c%d", i), Type: schema.Type{Kind: kind}}
	}
	b := vector.NewBatch(vector.NewLayout(fields))
	value := make([]byte, text)
	seed := uint64(1)
	for range rows {
		for i, c := range b.Columns {
			if i%2 == 0 {
				seed = seed*6364136223846793005 + 1442695040888963407
				c.AppendInt64(int64(seed))
				continue
			}
			for j := range value {
				seed = seed*6364136223846793005 + 1442695040888963407
				value[j] = 'a' + byte(seed>>59)%26
			}
			c.AppendBytes(value)
		}
	}
	return b
}

// A writer takes at most twice the memory that it reports and at least half of
// it. The memory budget of staging relies on this. It may take less only if
// columns repeat, because their pages are small.
func TestHeldIsWhatTheWriterTakes(t *testing.T) {
	for _, test := range []struct {
		name                         string
		columns, rows, text, batches int
		memory                       int64
		repeats                      bool
		groups                       bool // end a row group after each batch
	}{
		{name: "one row", columns: 400, rows: 1, text: 10, batches: 1, memory: 64 << 20},
		{name: "pages not full", columns: 10, rows: 1000, text: 20, batches: 10, memory: 256 << 20},
		{name: "full pages", columns: 10, rows: 5000, text: 50, batches: 10, memory: 256 << 20},
		{name: "small pages", columns: 10, rows: 5000, text: 50, batches: 10, memory: 1 << 20},
		{name: "many columns", columns: 1600, rows: 50, text: 10, batches: 10, memory: 32 << 20},
		{name: "many row groups", columns: 400, rows: 5, text: 10, batches: 25, memory: 1 << 20, groups: true},
		{name: "columns that repeat", columns: 10, rows: 5000, text: 50, batches: 10, memory: 64 << 20, repeats: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openSpool(t)
			batch := mixed(test.columns, test.rows, test.text)
			dictionary := make([]bool, test.columns)
			for i := range dictionary {
				dictionary[i] = test.repeats
			}
			const writers = 3 // with several writers, shared memory weighs less
			before := heap()
			var all []*Writer
			var held int64
			for range writers {
				w, err := s.NewWriter(batch.Layout, dictionary, test.memory)
				if err != nil {
					t.Fatal(err)
				}
				for range test.batches {
					write(t, w, batch)
					if !test.groups {
						continue
					}
					if err := w.EndRowGroup(); err != nil {
						t.Fatal(err)
					}
				}
				all = append(all, w)
				held += w.Held()
			}
			took := heap() - before
			t.Logf("%d bytes, counted as %d", took, held)
			if took > 2*held || held > 2*took && !test.repeats {
				t.Errorf("%d writers take %d bytes, and count them as %d", writers, took, held)
			}
			runtime.KeepAlive(batch)
			for _, w := range all {
				if err := w.Discard(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
