package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// of sets the generation of changes.
func (c *Changes) of(generation int64) *Changes {
	for i := range c.Tables {
		c.Tables[i].Generation = generation
	}
	return c
}

// Parts that were compared with an older snapshot no longer count once a newer
// one is complete. It does not matter when they were appended or where their
// commits lie.
func TestPartsOfAnOlderGenerationDoNotCount(t *testing.T) {
	old, added := []schema.Column{column("id"), column("n")}, []schema.Column{column("id"), column("m")}
	staged := func(start, end pglogrepl.LSN, generation int64, columns ...schema.Column) *Changes {
		c := changes(start, end, orders).of(generation)
		c.Tables[0].Columns, c.Tables[0].Partitions = columns, []uint32{uint32(generation)}
		return c
	}
	for name, bodies := range map[string][]any{
		"appended before done": {origin(10), begin(20, orders), done(2, orders, old...), begin(30, orders), staged(10, 50, 2, old...),
			done(4, orders, added...)},
		"appended after done": {origin(10), begin(20, orders), done(2, orders, old...), begin(30, orders), done(4, orders, added...),
			staged(10, 50, 2, old...)},
		"decided without any": {origin(10), begin(20, orders), staged(10, 50, 1, old...), done(2, orders, added...)},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := fold(t, bodies...)
			table := s.Tables[orders]
			want(t, "columns", table.Columns, added)
			want(t, "known", len(table.Known()), 2)
			if _, known := table.Known()["n"]; known {
				t.Error("column n of the older snapshot is still known")
			}
			want(t, "OID", table.OID, table.Snapshot.OID)
			want(t, "partitions", table.Partitions, []uint32(nil))
			want(t, "parts that count", len(table.Since()), 0)
			want(t, "parts that are loaded", len(table.Changes), 1)
		})
	}
	_, s := fold(t, origin(10), begin(20, orders), done(2, orders, old...), staged(10, 50, 2, added...))
	want(t, "columns of the snapshot's own changes", s.Tables[orders].Columns, added)
}

func TestGenerationOfAChange(t *testing.T) {
	_, s := fold(t, origin(10), begin(20, orders))
	want(t, "of a table without a snapshot", s.GenerationAt(orders, 30), int64(1))
	_, s = fold(t, origin(10), begin(20, orders), done(2, orders, column("id")))
	want(t, "at the fence", s.GenerationAt(orders, 20), int64(1))
	want(t, "beyond the fence", s.GenerationAt(orders, 21), int64(2))
	want(t, "of another table", s.GenerationAt(items, 21), int64(1))
	_, s = fold(t, origin(10), begin(20, orders), done(2, orders, column("id")), origin(5))
	want(t, "after a new origin", s.GenerationAt(orders, 21), int64(4))
}

// A mark with a generation ends with that snapshot. A mark for an incompletely
// sent row lasts until a snapshot is newer than the row.
func TestMarksEndWithTheirGeneration(t *testing.T) {
	mark := func(start, end, at pglogrepl.LSN, generation int64) *Changes {
		c := changes(start, end)
		c.Reload = []ReloadMark{{Table: orders, LSN: at, Reason: "because", Generation: generation}}
		return c
	}
	first := []any{origin(10), begin(20, orders), done(2, orders, column("id"))}
	second := []any{begin(30, orders), done(4, orders, column("id"))}
	for name, test := range map[string]struct {
		bodies []any
		want   pglogrepl.LSN
		of     int64
	}{
		"of the newest snapshot":                    {append(first[:3:3], mark(10, 90, 40, 2)), 40, 2},
		"of a snapshot that is replaced":            {append(first[:3:3], second[0], mark(10, 90, 40, 2), second[1]), 0, 0},
		"staged after its snapshot was replaced":    {append(first[:3:3], second[0], second[1], mark(10, 90, 40, 2)), 0, 0},
		"of no snapshot, beyond the newest's fence": {append(first[:3:3], second[0], mark(10, 90, 40, 0), second[1]), 40, 0},
		"that outlives one of a snapshot":           {append(first[:3:3], mark(10, 50, 40, 2), mark(50, 90, 60, 0)), 60, 0},
		"that is not replaced by one of a snapshot": {append(first[:3:3], mark(10, 50, 40, 0), mark(50, 90, 60, 2)), 40, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := fold(t, test.bodies...)
			var got ReloadMark
			if r := s.Tables[orders].Reload; r != nil {
				got = *r
			}
			want(t, "LSN", got.LSN, test.want)
			want(t, "generation", got.Generation, test.of)
		})
	}
}

// Sums of two generations stay separate. The columns of the older one are not
// used for the table.
func TestSumsOfTwoGenerations(t *testing.T) {
	l, _ := fold(t, origin(10), begin(20, orders), done(2, orders, column("id")), begin(30, orders))
	older := changes(10, 50, orders).of(2)
	older.Tables[0].Columns = []schema.Column{column("gone")}
	add(t, l, older)
	add(t, l, done(4, orders, column("id")))
	for i := range pglogrepl.LSN(3) {
		add(t, l, changes(50+10*i, 60+10*i, orders).of(4))
	}
	s := l.State()
	s.fold(s.Head, s.Checksum, map[schema.TableName]int64{orders: s.Head}, 0)
	table := s.Tables[orders]
	if len(table.Folded) != 2 || table.Folded[0].Generation != 2 || table.Folded[1].Generation != 4 {
		t.Fatalf("folded %+v, want sums of generation 2 and of generation 4", table.Folded)
	}
	if _, known := table.Known()["gone"]; known {
		t.Error("a column of the older generation is known")
	}
	raw, err := encodeCheckpoint(s, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeCheckpoint(s.Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Sorted(), again.Sorted()); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// An entry whose parts have two generations gets one sum, because a table's
// rows record their entry and nothing smaller.
func TestSumsDoNotDivideAnEntry(t *testing.T) {
	l, _ := fold(t, origin(10), begin(20, orders), done(2, orders, column("id")))
	both := changes(10, 50, orders, orders)
	both.Tables[0].Generation, both.Tables[1].Generation = 1, 2
	both.Tables[1].Segments[0].Path += ".2"
	add(t, l, both)
	add(t, l, changes(50, 60, orders).of(2))
	add(t, l, changes(60, 70, orders).of(2))
	s := l.State()
	s.fold(s.Head, s.Checksum, map[schema.TableName]int64{orders: s.Head}, 0)
	if f := s.Tables[orders].Folded; len(f) != 1 || f[0].First != 4 || f[0].Last != 5 || f[0].Rows != 6 {
		t.Errorf("folded %+v, want one of the entries 4 and 5, with 6 rows", f)
	}
}

// A checkpoint of an earlier version has no generations. Parts beyond the
// snapshot's fence and after its done entry count.
func TestCheckpointOfFormat2IsRead(t *testing.T) {
	l, _ := fold(t, origin(10), begin(20, orders), done(2, orders, column("id")), begin(30, orders))
	for _, body := range []any{changes(10, 50, orders), done(4, orders, column("id")), changes(50, 60, orders),
		changes(60, 70, orders), changes(70, 80, orders)} {
		add(t, l, body)
	}
	s := l.State()
	s.fold(s.Head-1, s.Checksum, map[schema.TableName]int64{orders: s.Head - 1}, 0)
	table := s.Tables[orders]
	for i := range table.Folded {
		table.Folded[i].Generation = 0
	}
	for i := range table.Changes {
		table.Changes[i].Generation = 0
	}
	raw, err := encodeCheckpoint(s, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeCheckpoint(s.Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	got := again.Tables[orders]
	want(t, "folded before done", got.Folded[0].Generation, int64(1))
	want(t, "the newest", got.Changes[len(got.Changes)-1].Generation, int64(4))
}

// Sums of a ledger of an earlier version also end at a new origin. A snapshot
// from before the origin takes no changes from after it.
func TestSumsEndAtANewOrigin(t *testing.T) {
	l, _ := fold(t, origin(10), begin(20, orders), done(2, orders, column("id")), changes(10, 50, orders), origin(60),
		changes(60, 70, orders), changes(70, 80, orders))
	s := l.State()
	table := s.Tables[orders]
	for i := range table.Changes {
		table.Changes[i].Generation = s.OriginNumber // as read from a checkpoint without generations
	}
	s.fold(s.Head, s.Checksum, map[schema.TableName]int64{orders: s.Head}, 0)
	if f := s.Tables[orders].Folded; len(f) != 2 || f[0].Last != 4 || f[1].First != 6 {
		t.Errorf("folded %+v, want sums up to entry 4 and from entry 6 on", f)
	}
}
