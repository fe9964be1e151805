package stage

import (
	"maps"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

func attributesOf(names ...string) postgres.Attributes {
	a := postgres.Attributes{Columns: map[string]postgres.Attribute{}}
	for i, name := range names {
		switch {
		case name == "":
			a.Dropped = append(a.Dropped, int16(i+1))
		case strings.HasPrefix(name, "="):
			a.Columns[name[1:]] = postgres.Attribute{Number: int16(i + 1), Generated: true}
		default:
			a.Columns[name] = postgres.Attribute{Number: int16(i + 1)}
		}
	}
	return a
}

// The catalog of a later time identifies a message's columns only if exactly
// one interpretation is possible.
func TestNumbersOfColumnsThatAreSure(t *testing.T) {
	col := func(name string, n int16) schema.Column { return schema.Column{Name: name, Number: n} }
	for name, c := range map[string]struct {
		message  []string
		catalog  postgres.Attributes
		newest   []schema.Column // default: id 1, v 2
		older    []schema.Column // that the ledger also has
		highest  int16           // default: 2
		excluded []string
		want     map[string]int16 // nil: uncertain
	}{
		"nothing new": {
			message: []string{"id", "v"}, catalog: attributesOf("id", "v"), want: map[string]int16{"id": 1, "v": 2},
		},
		"added": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "c"), want: map[string]int16{"id": 1, "v": 2, "c": 3},
		},
		"added, and renamed since": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "d"), want: map[string]int16{"id": 1, "v": 2, "c": 3},
		},
		"added, and another since": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "c", "d"), want: map[string]int16{"id": 1, "v": 2, "c": 3},
		},
		"its name is another one's now": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "x", "c"), want: map[string]int16{"id": 1, "v": 2, "c": 3},
		},
		"renamed": {
			message: []string{"id", "w"}, catalog: attributesOf("id", "w"), want: map[string]int16{"id": 1, "w": 2},
		},
		"renamed, twice": {
			message: []string{"id", "w"}, catalog: attributesOf("id", "x"), want: map[string]int16{"id": 1, "w": 2},
		},
		"swapped":                          {message: []string{"v", "id"}, catalog: attributesOf("v", "id")},
		"renamed, and its name given away": {message: []string{"id", "w", "v"}, catalog: attributesOf("id", "w", "v")},
		"dropped and added":                {message: []string{"id", "w"}, catalog: attributesOf("id", "", "w")},
		"added, dropped and added":         {message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "", "c")},
		"added, and one dropped behind it": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "c", ""), want: map[string]int16{"id": 1, "v": 2, "c": 3},
		},
		"added, and one dropped before that": {message: []string{"id", "v", "c"}, catalog: attributesOf("id", "", "c")},
		"behind one that was dropped before": {message: []string{"id", "c"}, catalog: attributesOf("id", "",
			"c"), newest: []schema.Column{col("id", 1)}, older: []schema.Column{col("v", 2)}, want: map[string]int16{"id": 1, "c": 3}},
		"behind one dropped before the snapshot": {message: []string{"id", "v", "c"}, catalog: attributesOf("id", "", "v",
			"c"), newest: []schema.Column{col("id", 1), col("v", 3)}, highest: 3, want: map[string]int16{"id": 1, "v": 3, "c": 4}},
		"of a table with a generated column": {
			message: []string{"id", "v", "c"}, catalog: attributesOf("id", "v", "=g", "c"), want: map[string]int16{"id": 1, "v": 2, "c": 4},
		},
		"one that is left out": {
			message: []string{"id", "card", "v", "c"}, catalog: attributesOf("id", "card", "v", "c"), newest: []schema.Column{col("id", 1),
				col("v", 3)}, highest: 3, excluded: []string{"card"}, want: map[string]int16{"id": 1, "card": 2, "v": 3, "c": 4},
		},
		"one that is left out, and dropped": {message: []string{"id", "card", "v"}, catalog: attributesOf("id", "", "v",
			"c"), newest: []schema.Column{col("id", 1), col("v", 3)}, highest: 3, excluded: []string{"card"}},
		"one that is left out, made again": {message: []string{"id", "v", "card"}, catalog: attributesOf("id", "", "v",
			"card"), newest: []schema.Column{col("id", 1), col("v", 3)}, highest: 3, excluded: []string{"card"}},
		"one that is left out, and another one of its name": {message: []string{"id", "card"}, catalog: attributesOf("id", "card",
			""), highest: 3, excluded: []string{"card"}},
		"one that is not published": {message: []string{"id", "v", "c"}, catalog: attributesOf("id", "other", "v",
			"c"), newest: []schema.Column{col("id", 1), col("v", 3)}, highest: 3, want: map[string]int16{"id": 1, "v": 3, "c": 4}},
		"behind one that was added and is gone": {message: []string{"id", "v", "d"}, catalog: attributesOf("id", "v", "",
			"d"), older: []schema.Column{col("c", 3)}, want: map[string]int16{"id": 1, "v": 2, "d": 4}},
		"all are dropped":   {catalog: attributesOf("", ""), want: map[string]int16{}},
		"its table is gone": {message: []string{"id", "v"}, catalog: attributesOf()},
	} {
		if c.newest == nil {
			c.newest = []schema.Column{col("id", 1), col("v", 2)}
		}
		if c.highest == 0 {
			c.highest = 2
		}
		known := map[string]schema.Column{}
		for _, k := range append(c.older, c.newest...) {
			known[k.Name] = k
		}
		got := Numbers(c.message, c.catalog, c.newest, known, &ledger.Done{Highest: c.highest, Excluded: c.excluded})
		if (got == nil) != (c.want == nil) || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The leaves' stored defaults give the value of older rows. They do not if a
// leaf was rewritten since or if leaves differ.
func TestFormerDefaults(t *testing.T) {
	kept := func(leaf, file uint32, text string) postgres.Missing {
		return postgres.Missing{Leaf: leaf, File: file, Has: true, Text: []byte(text)}
	}
	none := func(leaf, file uint32) postgres.Missing { return postgres.Missing{Leaf: leaf, File: file} }
	for name, c := range map[string]struct {
		missing []postgres.Missing
		want    string // "-" for NULL
		unsure  bool
	}{
		"a default":                            {[]postgres.Missing{kept(7, 7, "5")}, "5", false},
		"an empty one":                         {[]postgres.Missing{kept(7, 7, "")}, "", false},
		"of a table that was rewritten before": {[]postgres.Missing{kept(7, 70, "5")}, "5", false},
		"none":                                 {[]postgres.Missing{none(7, 7)}, "-", false},
		"none, and rewritten before the snapshot": {[]postgres.Missing{none(8, 80)}, "-", false},
		"none, and rewritten since":               {[]postgres.Missing{none(7, 70)}, "", true},
		"of all partitions":                       {[]postgres.Missing{kept(7, 7, "5"), kept(8, 80, "5")}, "5", false},
		"partitions that differ":                  {[]postgres.Missing{kept(7, 7, "5"), kept(8, 80, "6")}, "", true},
		"one that was rewritten":                  {[]postgres.Missing{kept(7, 7, "5"), none(8, 81)}, "", true},
		"one that has none":                       {[]postgres.Missing{kept(7, 7, "5"), none(8, 80)}, "", true},
		"one that is younger":                     {[]postgres.Missing{kept(7, 7, "5"), none(9, 9)}, "5", false},
		"one that is young, and rewritten":        {[]postgres.Missing{kept(7, 7, "5"), none(9, 90)}, "", true},
		"one that is younger, with another":       {[]postgres.Missing{kept(7, 7, "5"), kept(9, 9, "6")}, "", true},
		"one that has none and was not rewritten": {[]postgres.Missing{kept(7, 7, "5"), none(8, 8)}, "", true},
		"an empty one, and one that has none":     {[]postgres.Missing{kept(7, 7, ""), none(8, 80)}, "", true},
		"none of a table that is gone":            {nil, "-", false},
	} {
		state := &ledger.TableState{Partitions: []uint32{7, 8}, Witness: &ledger.Witness{Files: map[uint32]uint32{8: 80}}}
		text, sure := former(c.missing, state)
		got := string(text)
		if text == nil && sure {
			got = "-"
		}
		if got != c.want || sure == c.unsure {
			t.Errorf("%s: %q, sure %v; want %q, %v", name, got, sure, c.want, !c.unsure)
		}
	}
}

// A column that was not among those of the newest change cannot be read under
// its old name.
func TestRenamedWhileItWasGone(t *testing.T) {
	col := schema.Column{Name: "w", Number: 3}
	if change, reason := Renamed(&col, []schema.Column{{Name: "id", Number: 1}}); reason == "" || change.Birth.Number != 0 {
		t.Errorf("born %+v, for %q; want the reason alone", change, reason)
	}
}
