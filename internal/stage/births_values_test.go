package stage

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Covers why a column with a new name needs a full load, whatever its rows are.
func TestObstaclesOfAColumn(t *testing.T) {
	state := &ledger.TableState{Snapshot: &ledger.Done{Highest: 3, Excluded: []string{"card"}}, Excluded: []string{"pin"}}
	known := map[string]schema.Column{"id": {Name: "id", Number: 1}, "v": {Name: "v", Number: 2}}
	for name, c := range map[string]struct {
		column string
		number int16
		was    string
		want   string // "" for none
	}{
		"added":                               {"c", 4, "", ""},
		"added under an excluded name":        {"card", 4, "", "was excluded, and no longer is"},
		"excluded since":                      {"pin", 4, "", "was excluded, and no longer is"},
		"there at the load":                   {"c", 3, "", "was there when the table was loaded"},
		"renamed":                             {"w", 2, "v", ""},
		"renamed to an excluded name":         {"card", 2, "v", ""},
		"renamed to one that differs in case": {"V", 2, "v", ""},
		"added beside one of the same target": {"V", 4, "", `has the name in the target that column "v" had before`},
	} {
		got := Obstacle(&schema.Column{Name: c.column, Number: c.number}, c.was, known, state)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The rows of a renamed column are read from its old name, if the column is
// treated as before and its new type keeps their values.
func TestRenamedColumns(t *testing.T) {
	int4, int8, text := postgresType(schema.OIDInt4, -1), postgresType(schema.OIDInt8, -1), postgresType(schema.OIDText, -1)
	i, l, s := schema.Type{Kind: schema.Int32}, schema.Type{Kind: schema.Int64}, schema.Type{Kind: schema.String}
	fixed := &schema.Mask{Kind: schema.MaskFixed, Fixed: "x"}
	type col = schema.Column
	for name, c := range map[string]struct {
		before, now schema.Column
		want        schema.Type
		no          bool // there is no birth
	}{
		"as it was":                     {col{Postgres: int4, Type: i}, col{Postgres: int4, Type: i}, i, false},
		"wider in the target":           {col{Postgres: int4, Type: l}, col{Postgres: int4, Type: i}, l, false},
		"and widened":                   {col{Postgres: int4, Type: i}, col{Postgres: int8, Type: l}, l, false},
		"and retyped":                   {col{Postgres: text, Type: s}, col{Postgres: int4, Type: i}, s, true},
		"masked since":                  {col{Postgres: text, Type: s}, col{Postgres: text, Type: s, Mask: fixed}, s, true},
		"masked as before":              {col{Postgres: text, Type: s, Mask: fixed}, col{Postgres: text, Type: s, Mask: fixed}, s, false},
		"cast since":                    {col{Postgres: int4, Type: l}, col{Postgres: int4, Type: l, Cast: true}, l, true},
		"cast to another type":          {col{Postgres: int4, Type: l, Cast: true}, col{Postgres: int4, Type: s, Cast: true}, l, true},
		"cast to the same type":         {col{Postgres: int4, Type: l, Cast: true}, col{Postgres: int4, Type: l, Cast: true}, l, false},
		"cast, and the cast is no more": {col{Postgres: int4, Type: l, Cast: true}, col{Postgres: int4, Type: i}, l, true},
	} {
		before, now := c.before, c.now
		before.Name, before.Number, now.Name, now.Number = "v", 2, "w", 2
		change, reason := Renamed(&now, []schema.Column{{Name: "id", Number: 1}, before})
		if c.no {
			if reason != `column "v" was renamed to "w"` {
				t.Errorf("%s: %+v, %q; want a reason", name, change, reason)
			}
			continue
		}
		want := ledger.Birth{Number: 2, Column: "w", Was: "v", From: "v", Type: before.Type}
		if diff := cmp.Diff(want, change.Birth); diff != "" || reason != "" || !now.Type.Equal(c.want) {
			t.Errorf("%s: %q, of type %s, want %s (-want +got):\n%s", name, reason, now.Type, c.want, diff)
		}
	}
}

// The value of an added column in earlier rows is known if the catalog has its
// text in the column's current type, or shows that it is NULL.
func TestAddedColumns(t *testing.T) {
	int4, text := postgresType(schema.OIDInt4, -1), postgresType(schema.OIDText, -1)
	ref := func(p schema.PostgresType) postgres.TypeRef { return postgres.TypeRef{OID: p.OID, Typmod: p.Typmod} }
	kept := func(text string) []postgres.Missing {
		return []postgres.Missing{{Leaf: 7, File: 7, Has: true, Text: []byte(text)}}
	}
	null, rewritten := []postgres.Missing{{Leaf: 7, File: 7}}, []postgres.Missing{{Leaf: 7, File: 70}}
	const defaulted, whole = "was added with a default, which older rows have too", "the table was written as a whole since"
	for name, c := range map[string]struct {
		now        schema.PostgresType // in the catalog
		hasDefault bool
		missing    []postgres.Missing
		text       string // "-" for NULL
		reason     string
	}{
		"a default":                       {int4, true, kept("5"), "5", ""},
		"a default that is gone":          {int4, false, kept("5"), "5", ""},
		"an empty text":                   {int4, true, kept(""), "", ""},
		"NULL":                            {int4, false, null, "-", ""},
		"NULL, and a default since":       {int4, true, null, "-", ""},
		"NULL, and retyped since":         {text, false, null, "-", ""},
		"a default, and retyped since":    {text, true, kept("5"), "", defaulted},
		"a former one, and retyped since": {text, false, kept("5"), "", whole},
		"the longest":                     {int4, true, kept(strings.Repeat("1", longestDefault)), strings.Repeat("1", longestDefault), ""},
		"one that is too long":            {int4, true, kept(strings.Repeat("1", longestDefault+1)), "", defaulted},
		"rewritten":                       {int4, false, rewritten, "", whole},
		"rewritten, with a default":       {int4, true, rewritten, "", defaulted},
	} {
		// The catalog has the column under another name by now, beside another one.
		catalog := postgres.Attributes{Columns: map[string]postgres.Attribute{
			"id": {Number: 1, Type: postgres.TypeRef{OID: 1, Typmod: 1}, HasDefault: !c.hasDefault},
			"d":  {Number: 3, Type: ref(c.now), HasDefault: c.hasDefault},
			"z":  {Number: 4, Type: postgres.TypeRef{OID: 1, Typmod: 1}, HasDefault: !c.hasDefault},
		}}
		col := schema.Column{Name: "c", Number: 3, Postgres: int4, Type: schema.Type{Kind: schema.Int32}}
		change, reason := Added(&col, catalog, c.missing, &ledger.TableState{})
		if (reason == "") != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: the reason is %q, want %q", name, reason, c.reason)
			continue
		}
		if c.reason != "" {
			continue
		}
		want := Change{Birth: ledger.Birth{Number: 3, Column: "c", Type: col.Type}, Text: []byte(c.text)}
		if c.text == "-" {
			want.Text = nil
		}
		if diff := cmp.Diff(want, change); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The value of earlier rows is decoded like the value of a row: masked, of the
// column's type, or rescued. It is not counted as a rescued value of a row.
func TestValuesOfEarlierRows(t *testing.T) {
	i, s := schema.Type{Kind: schema.Int32}, schema.Type{Kind: schema.String}
	text := postgresType(schema.OIDText, -1)
	rules := &shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: shape.Options{
		Masks: map[string]schema.Mask{"fixed": {Kind: schema.MaskFixed, Fixed: "x"}, "gone": {Kind: schema.MaskNull}}}}}}
	columns := rules.Of(tableT).Columns([]schema.Column{{Name: "n", Number: 2, Postgres: text, Type: i},
		{Name: "fixed", Number: 3, Postgres: text, Type: s}, {Name: "gone", Number: 4, Postgres: text, Type: s}})
	columns[0].Type = i // from before
	rescued := "many"
	for name, c := range map[string]struct {
		birth  ledger.Birth
		text   string // "-" for none
		before map[string]int64
		want   ledger.Birth
	}{
		"a value":        {ledger.Birth{Number: 2, Type: s}, "7", nil, ledger.Birth{Number: 2, Type: i, Value: []byte("7")}},
		"none":           {ledger.Birth{Number: 2, Type: s}, "-", nil, ledger.Birth{Number: 2, Type: s}},
		"not staged":     {ledger.Birth{Number: 9, Type: s}, "7", nil, ledger.Birth{Number: 9, Type: s}},
		"masked":         {ledger.Birth{Number: 3, Type: s}, "secret", nil, ledger.Birth{Number: 3, Type: s, Value: []byte(`"x"`)}},
		"masked as NULL": {ledger.Birth{Number: 4, Type: s}, "secret", nil, ledger.Birth{Number: 4, Type: s}},
		"rescued":        {ledger.Birth{Number: 2, Type: s}, rescued, map[string]int64{}, ledger.Birth{Number: 2, Type: i, Rescued: &rescued}},
		"rescued like values of rows": {
			ledger.Birth{Number: 2, Type: s}, rescued, map[string]int64{"n": 2}, ledger.Birth{Number: 2, Type: i, Rescued: &rescued}},
	} {
		var decoders []*value.Decoder
		for _, col := range columns {
			decoder, err := value.NewText(col.Postgres, col.Type, value.Options{})
			if err != nil {
				t.Fatal(err)
			}
			decoders = append(decoders, decoder)
		}
		d, err := newRowDecoder(rules.Of(tableT), tableT, columns, decoders, nil)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(d.rescued, c.before)
		change := Change{Birth: c.birth}
		if c.text != "-" {
			change.Text = []byte(c.text)
		}
		got, err := d.birth(&change)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(d.rescue) > 0 || !maps.Equal(d.rescued, c.before) {
			t.Errorf("%s: the decoder has %q of a row and counts %v, want %v", name, d.rescue, d.rescued, c.before)
		}
	}
}
