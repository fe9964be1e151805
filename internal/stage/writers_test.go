package stage

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// texts returns a relation with one column of texts, and a collector for it.
func texts(t *testing.T, n *numbers) (*collector, *relation) {
	t.Helper()
	columns := []schema.Column{{Name: "v", Postgres: postgresType(schema.OIDText, -1), Type: schema.Type{Kind: schema.String}}}
	decoder, err := value.NewText(columns[0].Postgres, columns[0].Type, value.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &part{table: tableT, columns: columns, layout: changesLayout(columns), rows: map[schema.Op]int64{}}
	p.meta = bindChanges(p.layout, 1)
	if p.dec, err = newRowDecoder((*shape.Rules)(nil).Of(tableT), tableT, columns, []*value.Decoder{decoder}, nil); err != nil {
		t.Fatal(err)
	}
	c := &collector{stager: n.s, enc: n.e, state: ledger.NewState(), parts: []*part{p}}
	return c, &relation{table: tableT, columns: columns, places: []int{0}, part: p}
}

// The rows of transactions that the same snapshots show go to one writer, and
// others to another one. Only snapshots that watch the table count.
func TestWritersByVisibility(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<20)
	c, r := texts(t, n)
	for number, table := range map[int64]schema.TableName{5: tableT, 6: tableU, 7: tableT} {
		c.state.Open[number] = &ledger.OpenBegin{Number: number, Watched: watches(table)}
	}
	for _, visible := range [][]int64{nil, {5}, {6}, {5, 6}, {5, 7}, nil, {5, 6, 7}, {5}, {6}} {
		var want []int64
		for _, number := range visible {
			if number != 6 {
				want = append(want, number)
			}
		}
		c.tx.visible = visible
		if w := r.writerFor(c); !slices.Equal(w.visibleIn, want) || !slices.Equal(w.out.visibleIn, want) {
			t.Errorf("rows that %v show go to a writer for %v, want %v", visible, w.visibleIn, want)
		}
	}
	if len(r.part.writers) != 3 {
		t.Errorf("there are %d writers, want one for none, one for 5, one for 5 and 7", len(r.part.writers))
	}
	r.part.finish(c)
	if err := n.e.wait(); err != nil {
		t.Fatal(err)
	}
}

// The rows of a stream are handed over when there are many of them, or when
// they take much memory. None is lost.
func TestRowsOfAStreamThatAreHandedOver(t *testing.T) {
	for name, c := range map[string]struct {
		rows    int
		bytes   int
		waiting int // rows that are not handed over at the end
	}{
		"few":               {100, 10, 100},
		"many, and another": {batchRows + 1, 0, 1},
		"a large one":       {1, maxBatchBytes, 0},
		"large ones":        {5, maxBatchBytes / 2, 1},
	} {
		n := newNumbers(t, 1<<30, 1<<30)
		n.s.Options.Memory = 1 << 30
		var rows, bytesRead int64
		n.s.Watch.Changed = func(_ schema.TableName, more, bytes int64) { rows, bytesRead = rows+more, bytesRead+bytes }
		collector, r := texts(t, n)
		tuple := []pgoutput.Datum{{Kind: 't', Data: bytes.Repeat([]byte("x"), c.bytes)}}
		w := r.writerFor(collector)
		for range c.rows {
			if err := w.append(collector, r, schema.OpInsert, 100, tuple, carried{}); err != nil {
				t.Fatal(err)
			}
		}
		waiting := 0
		if w.batch != nil {
			waiting = w.batch.Rows()
		}
		if waiting != c.waiting || (collector.held > 0) != (waiting > 0) {
			t.Errorf("%s: %d rows wait, want %d; they hold %d bytes", name, waiting, c.waiting, collector.held)
		}
		r.part.finish(collector)
		if err := n.e.wait(); err != nil {
			t.Fatal(err)
		}
		var staged int64
		for _, s := range w.segments {
			staged += s.Rows
		}
		want := int64(c.rows)
		if staged != want || r.part.rows[schema.OpInsert] != want || collector.rows != want {
			t.Errorf("%s: segments have %d rows, %v are counted, want %d", name, staged, r.part.rows, want)
		}
		if rows != want || bytesRead != want*int64(c.bytes) {
			t.Errorf("%s: the progress was %d rows of %d bytes, want %d of %d", name, rows, bytesRead, want, want*int64(c.bytes))
		}
	}
}

// A part names the segments of all its writers in the order of their paths, and
// how many values were rescued, if any were.
func TestChangesOfAPart(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<20)
	defer func() { _ = n.e.wait() }()
	c, r := texts(t, n)
	for _, path := range []string{"b", "a", "c"} {
		w := r.part.newWriter(c, nil)
		w.segments = []ledger.Segment{{Path: path}}
	}
	var paths []string
	for _, s := range r.part.changes(c).Segments {
		paths = append(paths, s.Path)
	}
	if !slices.Equal(paths, []string{"a", "b", "c"}) {
		t.Errorf("the segments are %q", paths)
	}
	if got := r.part.changes(c).Rescued; got != nil {
		t.Errorf("rescued are %v, want no list", got)
	}
	r.part.dec.rescued["v"] = 2
	if got := r.part.changes(c).Rescued; got["v"] != 2 {
		t.Errorf("rescued are %v, want 2 of v", got)
	}
}

// The slot is read at the standby, if there is one.
func TestServerThatHoldsTheSlot(t *testing.T) {
	source, standby := &postgres.Source{}, &postgres.Source{}
	if (&Stager{Source: source}).reader() != source || (&Stager{Source: source, Standby: standby}).reader() != standby {
		t.Error("the slot is read at another server")
	}
}
