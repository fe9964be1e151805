package verify

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestDecimal(t *testing.T) {
	for _, test := range []struct {
		text             string
		precision, scale int
		want             string // "" where it does not fit
	}{
		{"1.5", 10, 2, "1.50"}, {"-0.01", 10, 2, "-0.01"}, {"0", 10, 2, "0.00"}, {"-0.00", 10, 2, "0.00"},
		{"007", 3, 0, "7"}, {"1E-18", 38, 18, "0.000000000000000001"}, {"1.5e3", 10, 0, "1500"}, {".5", 1, 1, "0.5"},
		{"1.500", 10, 2, "1.50"}, {"1.505", 10, 2, ""}, {"100", 2, 0, ""}, {"99", 2, 0, "99"}, {"1e99", 38, 0, ""}, {"0e99", 38, 0, "0"},
		{"NaN", 10, 2, ""}, {"Infinity", 10, 2, ""}, {"", 10, 2, ""}, {"-", 10, 2, ""}, {"1e", 10, 2, ""}, {"1.2.3", 10, 2, ""},
	} {
		got, ok := appendDecimal(nil, []byte(test.text), test.precision, test.scale)
		if ok != (test.want != "") || ok && string(got) != test.want {
			t.Errorf("%q as DECIMAL(%d,%d): %q %t, want %q", test.text, test.precision, test.scale, got, ok, test.want)
		}
	}
}

func TestBrokenTextsDoNotFit(t *testing.T) {
	elem := schema.Type{Kind: schema.String}
	for kind, texts := range map[schema.Kind][]string{
		schema.Bool: {"", "true"}, schema.Int16: {"32768", "1.0", ""}, schema.Float32: {"1e39", "x"}, schema.Binary: {"", `\`, `\xf`, "00"},
		schema.Date: {"", "infinity", "2024-02-30", "0000-01-01", "10000-01-01", "0044-03-15 BC"},
		schema.Timestamp: {"", "infinity", "2024-02-29", "2024-02-29 24:00:00", "2024-02-29 00:00:00+00", "0044-03-15 00:00:00 BC",
			"2024-02-29 00:00:00.1234567"},
		schema.List: {"", "{", "{{1},{2}}", "[0:1]={1,2}", `{"}`, `{"\}`, "{a,}", "{,a}", `{"a"b}`, "{a,{b}}"},
	} {
		c := newCodec(schema.Type{Kind: kind, Elem: &elem}, schema.PostgresType{})
		for _, text := range texts {
			if got := c.source(nil, []byte(text)); string(got) != string(rune(unfit))+text {
				t.Errorf("%d: %q is %q, want the text as it is", kind, text, got)
			}
		}
	}
}

func TestDifferentRowsHaveDifferentHashes(t *testing.T) {
	var buf []byte
	rows := [][][]byte{
		{nil, []byte("v")}, {[]byte("v"), nil}, {[]byte("vab"), []byte("vc")}, {[]byte("va"), []byte("vbc")},
		{[]byte("v"), []byte("v")}, {nil, nil},
	}
	seen := map[hash]int{}
	for i, row := range rows {
		if j, there := seen[hashCells(&buf, row)]; there {
			t.Errorf("rows %d and %d have one hash", i, j)
		}
		seen[hashCells(&buf, row)] = i
	}
}

// Every array that appendList accepts is reproduced without change.
func FuzzArrayElements(f *testing.F) {
	f.Add("a", `b"\`, false)
	f.Add("NULL", "", true)
	f.Add("{x}", "a,b", false)
	elem := schema.Type{Kind: schema.String}
	c := newCodec(schema.Type{Kind: schema.List, Elem: &elem}, schema.PostgresType{})
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, a, b string, null bool) {
		text := `{"` + quote.Replace(a) + `","` + quote.Replace(b) + `"`
		want := appendCell(appendCell(nil, c.elem.source(nil, []byte(a))), c.elem.source(nil, []byte(b)))
		if null {
			text, want = text+",NULL", append(want, 0)
		}
		if got := c.source(nil, []byte(text+"}")); got[0] != fits || !bytes.Equal(got[1:], want) {
			t.Errorf("%s}: %q, want %q", text, got, want)
		}
	})
}

func TestBuckets(t *testing.T) {
	for _, test := range []struct {
		rows, memory int64
		want         int
	}{{0, 0, 1}, {-1, 64 << 20, 1}, {1_000_000, 64 << 20, 2}, {100_000_000, 64 << 20, 191}, {1 << 40, 1 << 20, maxBuckets}} {
		if got := buckets(test.rows, test.memory); got != test.want {
			t.Errorf("%d rows in %d bytes: %d, want %d", test.rows, test.memory, got, test.want)
		}
	}
}
