package stage

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/vector"
)

// An update moves its row if a key column has another value. A column that was
// not sent keeps its value.
func TestUpdatesThatMoveTheirRow(t *testing.T) {
	r := &relation{key: []int{0, 2}}
	tuple := func(id, other, part string) (out []pgoutput.Datum) {
		for _, v := range []string{id, other, part} {
			switch v {
			case "-":
				out = append(out, pgoutput.Datum{Kind: 'n'})
			case "?":
				out = append(out, pgoutput.Datum{Kind: 'u'})
			default:
				out = append(out, pgoutput.Datum{Kind: 't', Data: []byte(v)})
			}
		}
		return out
	}
	for what, c := range map[string]struct {
		before, after []pgoutput.Datum
		want          bool
	}{
		"the same":                  {tuple("1", "a", "x"), tuple("1", "a", "x"), false},
		"another value":             {tuple("1", "a", "x"), tuple("1", "b", "x"), false},
		"another key":               {tuple("1", "a", "x"), tuple("2", "a", "x"), true},
		"its last column":           {tuple("1", "a", "x"), tuple("1", "a", "y"), true},
		"not sent":                  {tuple("1", "a", "x"), tuple("1", "?", "?"), false},
		"not sent, and another one": {tuple("1", "a", "x"), tuple("?", "a", "y"), true},
		"NULL now":                  {tuple("1", "a", ""), tuple("1", "a", "-"), true},
		"NULL before":               {tuple("1", "a", "-"), tuple("1", "a", ""), true},
		"NULL":                      {tuple("1", "a", "-"), tuple("1", "a", "-"), false},
	} {
		if got := r.keyChanged(c.before, c.after); got != c.want {
			t.Errorf("%s: it moves: %v", what, got)
		}
	}
}

// The old row's value replaces a value that was not sent, if the old row has
// it.
func TestValuesOfTheOldRow(t *testing.T) {
	unsent := &pgoutput.Datum{Kind: 'u'}
	old := []pgoutput.Datum{{Kind: 't', Data: []byte("1")}, {Kind: 'n'}, {Kind: 't', Data: []byte("x")}}
	for what, c := range map[string]struct {
		from carried
		i    int
		want string // "" for what was not sent
	}{
		"no old row":                   {carried{}, 0, ""},
		"a whole one":                  {carried{old: old}, 2, "x"},
		"NULL in it":                   {carried{old: old}, 1, ""},
		"of a key":                     {carried{old: old, inKey: []bool{true, false, false}}, 0, "1"},
		"not of the key: it is absent": {carried{old: old, inKey: []bool{true, false, false}}, 2, ""},
		"of the key, and NULL in it":   {carried{old: old, inKey: []bool{true, true, false}}, 1, ""},
	} {
		got := c.from.of(c.i, unsent)
		if c.want == "" && got != unsent || c.want != "" && string(got.Data) != c.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// Values that a row's columns cannot hold are in _rescued of that row only. A
// masked column shows nothing of its value in any encoding.
func TestRowsOfADecoder(t *testing.T) {
	windows, err := charset.Open("WIN1252")
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("0123456789abcdef0123456789abcdef")
	text := func(name string) schema.Column {
		return schema.Column{Name: name, Postgres: schema.PostgresType{OID: 25, Base: 25, Typmod: -1, BaseTypmod: -1, Name: "text", Class: "b"},
			Type: schema.Type{Kind: schema.String}}
	}
	rules := &shape.Rules{Key: key, Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true },
		Options: shape.Options{Masks: map[string]schema.Mask{"hashed": {Kind: schema.MaskHMAC}, "gone": {Kind: schema.MaskNull}}}}}}
	columns := rules.Of(schema.TableName{Name: "t"}).Columns([]schema.Column{text("n"), text("hashed"), text("gone")})
	columns[0].Type = schema.Type{Kind: schema.Int32} // its type before the change
	of := func(c schema.Column, values *charset.Charset) *value.Decoder {
		t.Helper()
		d, err := value.NewText(c.Postgres, c.Type, value.Options{Charset: values})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	decoder := func(values *charset.Charset) *rowDecoder {
		t.Helper()
		d, err := newRowDecoder(rules.Of(schema.TableName{Name: "t"}), schema.TableName{Name: "t"}, columns,
			[]*value.Decoder{of(columns[0], values), of(columns[1], nil), of(columns[2], nil)}, values)
		if err != nil {
			t.Fatal(err)
		}
		return &d
	}
	row := func(d *rowDecoder, values ...[]byte) (rescued string, masked string) {
		t.Helper()
		b := vector.NewBatch(vector.NewLayout([]vector.Field{{Name: "n", Type: columns[0].Type}, {Name: "hashed", Type: columns[1].Type},
			{Name: "gone", Type: columns[2].Type}, {Name: "_rescued", Type: schema.Type{Kind: schema.String}}}))
		for i, v := range values {
			if err := d.append(b.Columns[i], i, v); err != nil {
				t.Fatal(err)
			}
		}
		d.finishRow(b.Columns[3])
		if got := string(b.Columns[2].AppendJSON(nil, 0)); got != "null" {
			t.Errorf("a column that is NULL for everything has %s", got)
		}
		return string(b.Columns[3].AppendJSON(nil, 0)), string(b.Columns[1].AppendJSON(nil, 0))
	}
	d := decoder(windows)
	if d.constant(0) || d.constant(1) || !d.constant(2) {
		t.Error("constant is another column than the one that is NULL for everything")
	}
	if rescued, masked := row(d, []byte("1"), nil, nil); rescued != "null" || masked != "null" {
		t.Errorf("a row that fits: %s rescued, NULL is masked as %s", rescued, masked)
	}
	if rescued, _ := row(d, []byte("one"), nil, []byte("x")); rescued != `"{\"n\":\"one\"}"` {
		t.Errorf("rescued is %s", rescued)
	}
	if rescued, _ := row(d, []byte("2"), []byte("y"), []byte("x")); rescued != "null" || d.rescued["n"] != 1 {
		t.Errorf("the next row: %s rescued, %v in all", rescued, d.rescued)
	}
	if err := d.append(vector.NewColumn(columns[0].Type), 0, []byte("two")); err != nil {
		t.Fatal(err)
	}
	d.forget()
	if rescued, _ := row(d, []byte("2"), nil, nil); rescued != "null" {
		t.Errorf("of a row that was given up is rescued: %s", rescued)
	}
	// A mask uses the text, not the server's bytes for it.
	_, inWindows := row(d, nil, []byte("caf\xe9"), nil)
	_, inUTF8 := row(decoder(nil), nil, []byte("café"), nil)
	_, undefined := row(d, nil, []byte("caf\x9d"), nil)
	_, ascii := row(d, nil, []byte("cafe"), nil)
	if inWindows != inUTF8 || len(undefined) != len(inUTF8) || undefined == inUTF8 || ascii == inUTF8 {
		t.Errorf("masked are %s in WIN1252, %s in UTF-8, %s with an undefined byte, %s in ASCII", inWindows, inUTF8, undefined, ascii)
	}
	rules.Key = []byte("another key, which is long enough for it")
	if _, err := newRowDecoder(rules.Of(schema.TableName{Name: "t"}), schema.TableName{Name: "t"}, columns, nil, nil); err == nil {
		t.Error("a column is masked with another key than it says")
	}
}
