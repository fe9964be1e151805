package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

// xxhash64 values from Spark's documentation and Spark 3.5.
func TestHashIsSparks(t *testing.T) {
	var h hasher
	for name, test := range map[string]struct {
		got  uint64
		want int64
	}{
		"xxhash64('')": {h.bytes(hashSeed, nil), -7444071767201028348},
		"xxhash64(1L)": {h.number(hashSeed, 1), -7001672635703045582},
		// An INT is hashed by its four bytes; an array's elements are chained.
		"xxhash64('Spark', array(123), 2)": {h.bytes(h.bytes(h.bytes(hashSeed, []byte("Spark")), []byte{123, 0, 0, 0}), []byte{2, 0, 0, 0}),
			5602566077635097486},
	} {
		if int64(test.got) != test.want {
			t.Errorf("%s: %d, want %d", name, int64(test.got), test.want)
		}
	}
}

// Sums of any numbers, added in any order by any number of workers, are exact.
func TestSumsDoNotDependOnOrder(t *testing.T) {
	types := []schema.Type{{Kind: schema.Int64}, {Kind: schema.Decimal, Precision: 28, Scale: 3}, {Kind: schema.String}}
	codecs := make([]*codec, len(types))
	for i, typ := range types {
		codecs[i] = newCodec(typ, schema.PostgresType{})
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "rows")
		var rows [][][]byte
		sum, decimals, least := new(big.Int), new(big.Int), int64(math.MaxInt64)
		for range n {
			a := rapid.Int64().Draw(t, "int")
			b := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 11, 11).Draw(t, "decimal"))
			if rapid.Bool().Draw(t, "negative") {
				b.Neg(b)
			}
			sum.Add(sum, big.NewInt(a))
			decimals.Add(decimals, b)
			least = min(least, a)
			cells := [][]byte{codecs[0].source(nil, strconv.AppendInt(nil, a, 10)), codecs[1].source(nil, []byte(b.String()+"e-3")), nil}
			if text := rapid.String().Draw(t, "text"); text != "" {
				cells[2] = codecs[2].source(nil, []byte(text))
			}
			rows = append(rows, cells)
		}
		one := added(codecs, rows, 1)
		slices.Reverse(rows)
		if diff := cmp.Diff(one, added(codecs, rows, 3)); diff != "" {
			t.Fatal(diff)
		}
		if n == 0 {
			return
		}
		scaled := new(big.Rat).SetFrac(decimals, big.NewInt(1000)).FloatString(3)
		if one[0] != strconv.Itoa(n) || one[3] != sum.String() || one[4] != strconv.FormatInt(least, 10) || one[8] != scaled {
			t.Fatalf("%v: want sums %s and %s, least %d", one, sum, scaled, least)
		}
	})
}

// added returns the texts of the rows' sums. Several workers share the rows.
func added(codecs []*codec, rows [][][]byte, workers int) []string {
	all := make([]*sums, workers)
	for i := range all {
		all[i] = newSums(codecs)
	}
	for i, row := range rows {
		all[i%workers].add(row)
	}
	for _, s := range all[1:] {
		all[0].merge(s)
	}
	var out []string
	for _, text := range all[0].texts() {
		if text == nil {
			text = new(string)
		}
		out = append(out, *text)
	}
	return out
}

// A value in another column changes the row's hash. So does NULL.
func TestRowHashesDependOnThePlace(t *testing.T) {
	text := newCodec(schema.Type{Kind: schema.String}, schema.PostgresType{})
	codecs := []*codec{text, text}
	seen := map[string]int{}
	a, b, empty := []byte("va"), []byte("vb"), []byte("v")
	for i, row := range [][][]byte{{nil, nil}, {a, nil}, {nil, a}, {a, b}, {b, a}, {empty, nil}, {nil, empty}} {
		s := newSums(codecs)
		s.add(row)
		if j, there := seen[s.whole.String()]; there {
			t.Errorf("rows %d and %d have one hash", i, j)
		}
		seen[s.whole.String()] = i
	}
}

// Different arrays and maps have different hashes.
func TestNestedValuesHaveDifferentHashes(t *testing.T) {
	var h hasher
	text := &schema.Type{Kind: schema.String}
	for kind, texts := range map[schema.Kind][]string{
		schema.List:      {"{}", "{NULL}", `{""}`, "{a,b}", "{b,a}", `{"a,vb"}`, "{n}", "{NULL,NULL}", "{a,NULL}", "{NULL,a}"},
		schema.StringMap: {"", `"a"=>"b"`, `"b"=>"a"`, `"a"=>NULL`, `"a"=>"b", "c"=>"d"`, `"a"=>"d", "c"=>"b"`, `"a"=>""`},
	} {
		c := newCodec(schema.Type{Kind: kind, Elem: text}, schema.PostgresType{})
		seen := map[uint64]string{}
		for _, text := range texts {
			hash := c.hash(&h, c.source(nil, []byte(text)))
			if other, there := seen[hash]; there || len(h.text) > 0 {
				t.Errorf("%s and %s have one hash; %d bytes are left", other, text, len(h.text))
			}
			seen[hash] = text
		}
	}
}

// There is one NaN, one hash for both zeros, and a hash of its own for every
// other double.
func TestFloatHashes(t *testing.T) {
	var h hasher
	c := newCodec(schema.Type{Kind: schema.Float64}, schema.PostgresType{})
	of := func(bits uint64) uint64 { return c.hash(&h, binary.BigEndian.AppendUint64([]byte{fits}, bits)) }
	if of(0) == of(1<<63) || of(0x7ff8000000000001) != of(0xfff8000000000000) || of(1) == of(0) ||
		of(math.Float64bits(1e300)) == of(math.Float64bits(2e300)) {
		t.Error("want two zeros, one NaN, and nothing else alike")
	}
}

func TestCanonicalDecimal(t *testing.T) {
	for _, text := range []string{"0", "-1", "0.05", "-0.05", "9999999999999999999999999999999999.9999",
		"-99999999999999999999999999999999999999",
		"18446744073709551615", "18446744073709551616", "576460752303423487.9"} {
		digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(text, "-"), ".", "", 1), "0")
		want := max(digits, "0")
		if text[0] == '-' {
			want = "-" + want
		}
		n := canonicalDecimal([]byte(text))
		if n.String() != want {
			t.Errorf("%s: %s, want %s", text, n, want)
		}
		if _, fraction, _ := strings.Cut(text, "."); n.scaled(len(fraction)) != text {
			t.Errorf("%s: shown as %s", text, n.scaled(len(fraction)))
		}
	}
}

func TestTextRows(t *testing.T) {
	texts := make([]*codec, 3)
	for i := range texts {
		texts[i] = newCodec(schema.Type{Kind: schema.String}, schema.PostgresType{})
	}
	for text, want := range map[string][]string{
		"a\\tb\\n\\\\\\r\\b\\f\\v\t\\N\t\\\\N\n": {"a\tb\n\\\r\b\f\v", "NULL", `\N`},
		"\t\t\n":                                 {"", "", ""},
		"1\t2\t3\n4\t5\t6\n":                     {"1", "2", "3", "4", "5", "6"},
	} {
		var got []string
		rows := newTextRows(texts, nil, func(cells [][]byte) error {
			for _, cell := range cells {
				if cell == nil {
					cell = []byte("vNULL")
				}
				got = append(got, string(cell[1:]))
			}
			return nil
		})
		n, err := rows.take([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil || n != int64(strings.Count(text, "\n")) {
			t.Errorf("%q: %d rows, %v (-want +got):\n%s", text, n, err, diff)
		}
	}
	for _, text := range []string{"a\tb\n", "a\tb\tc\td\n", "\n"} {
		if _, err := newTextRows(texts, nil, func([][]byte) error { return nil }).take([]byte(text)); err == nil {
			t.Errorf("%q has three fields", text)
		}
	}
	nothing := 0
	if n, err := newTextRows(nil, nil, func([][]byte) error { nothing++; return nil }).take([]byte("\n\n")); n != 2 ||
		err != nil || nothing != 2 {
		t.Errorf("rows of no columns: %d %d %v", n, nothing, err)
	}
}

// Unescape restores whatever the server escapes.
func FuzzUnescape(f *testing.F) {
	f.Add([]byte("a\\tb\n\t\r\x00"))
	escape := strings.NewReplacer("\\", `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`)
	f.Fuzz(func(t *testing.T, value []byte) {
		text := escape.Replace(string(value))
		if got := unescape(nil, []byte(text)); !bytes.Equal(got, value) || strings.ContainsAny(text, "\t\n") {
			t.Errorf("%q comes back as %q", value, got)
		}
	})
}

// BenchmarkSums measures this program's work on the source's rows: 16 columns
// of COPY's text are split, made canonical and summed.
func BenchmarkSums(b *testing.B) {
	types := []schema.Type{
		{Kind: schema.Int64}, {Kind: schema.Int32}, {Kind: schema.Int64}, {Kind: schema.Decimal, Precision: 12, Scale: 2},
		{Kind: schema.Decimal, Precision: 20, Scale: 4},
		{Kind: schema.Float64}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.TimestampUTC},
		{Kind: schema.Timestamp}, {Kind: schema.Date},
		{Kind: schema.Bool}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.Int16},
	}
	codecs := make([]*codec, len(types))
	for i, t := range types {
		codecs[i] = newCodec(t, schema.PostgresType{})
	}
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%d\t%d\t%d\t%d.%02d\t%d.%04d\t%d.5\tc4ca4238a0b923820dcc509a6f75849b\t"+
			"text of row %d\tc4ca4238a0b923820dcc\t2026-11-29 06:32:%02d.123456+00\t"+
			"2026-11-29 06:32:%02d.1\t2013-01-%02d\tt\t00112233-4455-6677-8899-aabbccddeeff\t{\"n\": %d, \"s\": \"v1\"}\t%d\n",
			i, i*7919%100000000, i*1000003, i*31, i%100, i*100000007, i%10000, i, i, i%60, i%60, i%28+1, i, i)
	}
	s := newSums(codecs)
	rows := newTextRows(codecs, nil, func(cells [][]byte) error { s.add(cells); return nil })
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := rows.take(data); err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}

// A stream that ends early is not accepted as the table.
func TestShortStreamIsNoTable(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		rows int64
		ok   bool
	}{
		"whole": {"1\n2\n", 2, true}, "a row is missing": {"1\n2\n", 3, false}, "a row is cut": {"1\n2\n3", 3, false}, "nothing": {"", 0, true},
	} {
		r := &reading{full: make(chan *bytes.Buffer, 1)}
		b := &batcher{reading: r, ctx: t.Context(), buf: r.buffer()}
		for _, c := range []byte(test.text) { // in parts of any size
			if _, err := b.Write([]byte{c}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.end(test.rows); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
