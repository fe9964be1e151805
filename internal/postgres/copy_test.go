package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Ranges follow each other without a gap. The last one of each leaf has no end, whatever was measured.
func TestRanges(t *testing.T) {
	a, b, empty := schema.TableName{Schema: "s", Name: "a"}, schema.TableName{Schema: "s", Name: "b"},
		schema.TableName{Schema: "s", Name: "empty"}
	got := Ranges([]Leaf{{Name: a, Blocks: 10, Bytes: 350}, {Name: empty}, {Name: b, Blocks: 2, Bytes: 9000}}, 100)
	want := []Range{
		{Leaf: a, From: 0, To: 3, Number: 0}, {Leaf: a, From: 3, To: 6, Number: 1}, {Leaf: a, From: 6, Number: 2},
		{Leaf: empty, Number: 3},
		{Leaf: b, From: 0, To: 1, Number: 4}, {Leaf: b, From: 1, Number: 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ranges differ (-want +got):\n%s", diff)
	}
}

func TestCopySQL(t *testing.T) {
	id := []schema.Column{{Name: "id", Postgres: schema.PostgresType{
		OID: schema.OIDInt4, Base: schema.OIDInt4, Typmod: -1, BaseTypmod: -1, Class: "b",
	}, Type: schema.Type{Kind: schema.Int32}}}
	leaf := schema.TableName{Schema: "s", Name: "t"}
	for want, c := range map[string]struct {
		filter string
		r      Range
	}{
		`COPY (SELECT "id" FROM ONLY "s"."t") TO STDOUT (FORMAT binary)`:                      {"", Range{Leaf: leaf}},
		`COPY (SELECT "id" FROM ONLY "s"."t" WHERE ctid < '(3,0)') TO STDOUT (FORMAT binary)`: {"", Range{Leaf: leaf, To: 3}},
		`COPY (SELECT "id" FROM ONLY "s"."t" WHERE ctid >= '(3,0)' AND ctid < '(6,0)') TO STDOUT (FORMAT binary)`: {"",
			Range{Leaf: leaf, From: 3, To: 6}},
		`COPY (SELECT "id" FROM ONLY "s"."t" WHERE (a OR b) AND ctid >= '(6,0)') TO STDOUT (FORMAT binary)`: {"a OR b",
			Range{Leaf: leaf, From: 6}},
	} {
		if got := CopySQL(id, c.filter, c.r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
