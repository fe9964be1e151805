package value

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

func base(oid uint32, name string) schema.PostgresType {
	return schema.PostgresType{OID: oid, Typmod: -1, Name: name, Base: oid, BaseTypmod: -1, Class: "b", Delim: ","}
}

func arrayOf(elem schema.PostgresType) schema.PostgresType {
	return schema.PostgresType{OID: 1, Typmod: -1, Name: elem.Name + "[]", Base: 1, BaseTypmod: -1, Class: "b", Elem: &elem, Delim: ","}
}

var (
	int2Type      = base(schema.OIDInt2, "smallint")
	int4Type      = base(schema.OIDInt4, "integer")
	textType      = base(schema.OIDText, "text")
	numericType   = base(schema.OIDNumeric, "numeric")
	dateType      = base(schema.OIDDate, "date")
	timestampType = base(schema.OIDTimestamp, "timestamp")
	timestampTZ   = base(schema.OIDTimestampTZ, "timestamptz")
)

func decimal(precision, scale int32) schema.Type {
	return schema.Type{Kind: schema.Decimal, Precision: precision, Scale: scale}
}

func newText(t testing.TB, src schema.PostgresType, target schema.Type) *Decoder {
	t.Helper()
	d, err := NewText(src, target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newBinary(t testing.TB, codec schema.Codec, src schema.PostgresType, target schema.Type) *Decoder {
	t.Helper()
	d, err := NewBinary(codec, src, target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMalformedText(t *testing.T) {
	for _, tt := range []struct {
		src  schema.PostgresType
		text []string
	}{
		{base(schema.OIDBool, "boolean"), []string{"", "true", "T"}},
		{int4Type, []string{"", "-", "x", "1x", " 1", "+1", "1,000"}},
		{base(schema.OIDFloat8, "double precision"), []string{"", "x", "1,5", "nan", "+1", "1e"}},
		{numericType, nil},
		{base(schema.OIDMoney, "money"),
			[]string{"", "$", "$.00", "1.00", "$1", "$1.0", "$1,00.00", "$,100.00", "$1234.00", "1.234,50 €", "$12x.00", "--$1.00", "$1.x0"}},
		{base(schema.OIDBytea, "bytea"), []string{"", "x", `\`, `\x0`, `\x0g`, `abc\000`}},
		{dateType, []string{"", "01.02.2024", "02/01/2024", "2024-02-30", "2024-01-01 BC ", "Infinity", "2024-01-01 00:00:00"}},
		{
			timestampType,
			[]string{"", "2024-01-01", "2024-01-01 00:00", "01.02.2024 00:00:00", "2024-01-01 00:00:00+00", "2024-01-01 00:00:00 CET"},
		},
		{timestampTZ, []string{"2024-01-01 00:00:00", "2024-01-01 00:00:00 UTC", "Mon Jan 01 00:00:00 2024 UTC"}},
		{arrayOf(int4Type),
			[]string{"", "{", "}", "1", "{1", "{1,}", "{,1}", "{1}}", "{1}{", "{1,{2}}", `{"1}`, `{"1"2}`, "{x}", "{}}", `{"\`, `{1"}`}},
		{hstoreType, []string{"a", `"a"`, `"a"=>`, `"a"=>b`, `"a"=>"b`, `"a=>"b"`, `"a"="b"`, `"a"=>"b",`, `"a"=>"b", `, `"a"=>"b","c"=>"d"`,
			`"a"=>NULLS`, `"a"=>"b" `, `a=>1`, `"a"=>"\`}},
		{vectorType, []string{"", "1", "[", "]", "[1", "1]", "[1,]", "[,1]", "[1,x]", "{1}", "[NULL]", "[1]]", "[1;2]"}},
		{arrayOf(textType), []string{`{a\}`, `{a"b"}`, `{"a"`, `{"a\"}`, "{a;b", "{a{b}"}},
	} {
		target := schema.Map(tt.src).Type
		if tt.src.Base == schema.OIDNumeric {
			target, tt.text = decimal(10, 2), []string{"", "1,5", "x", "-", "1e5", "--1", ".5", "1.2.3", "nan", "+1"}
		}
		d := newText(t, tt.src, target)
		column := vector.NewColumn(target)
		for _, text := range tt.text {
			rescued, err := d.Append(column, []byte(text))
			if err == nil || rescued != nil {
				t.Errorf("%s %q: rescued %q, error %v; want an error", tt.src.Name, text, rescued, err)
			} else if !strings.Contains(err.Error(), tt.src.Name) {
				t.Errorf("%s %q: error %q does not name the type", tt.src.Name, text, err)
			}
			if column.Len() != 0 || column.Elem() != nil && column.Elem().Len() != 0 || column.Key() != nil && column.Key().Len() != 0 {
				t.Fatalf("%s %q: something was appended", tt.src.Name, text)
			}
		}
	}
}

func TestMalformedBinary(t *testing.T) {
	for _, tt := range []struct {
		codec  schema.Codec
		target schema.Type
		wire   []string
	}{
		{schema.CodecBool, schema.Type{Kind: schema.Bool}, []string{"", "\x02", "\x00\x00"}},
		{schema.CodecInt2, schema.Type{Kind: schema.Int16}, []string{"", "\x01", "\x00\x00\x00"}},
		{schema.CodecInt4, schema.Type{Kind: schema.Int32}, []string{"", "123", "12345"}},
		{schema.CodecInt8, schema.Type{Kind: schema.Int64}, []string{"", "1234567", "123456789"}},
		{schema.CodecOID, schema.Type{Kind: schema.Int64}, []string{"", "123", "12345"}},
		{schema.CodecFloat4, schema.Type{Kind: schema.Float32}, []string{"", "123", "12345"}},
		{schema.CodecFloat8, schema.Type{Kind: schema.Float64}, []string{"", "1234567", "123456789"}},
		{schema.CodecMoney, decimal(19, 2), []string{"", "1234567", "123456789"}},
		{schema.CodecJSONB, schema.Type{Kind: schema.String}, []string{"", "\x00{}", "\x02{}"}},
		{schema.CodecUUID, schema.Type{Kind: schema.String}, []string{"", "123456789012345", "12345678901234567"}},
		{schema.CodecDate, schema.Type{Kind: schema.Date}, []string{"", "123", "12345"}},
		{schema.CodecTimestamp, schema.Type{Kind: schema.Timestamp}, []string{"", "1234567", "123456789"}},
		{schema.CodecTimestampTZ, schema.Type{Kind: schema.TimestampUTC}, []string{"", "1234567", "123456789"}},
		{schema.CodecNumeric, decimal(10, 2), malformedNumerics},
		{schema.CodecNumeric, schema.Type{Kind: schema.String}, malformedNumerics},
	} {
		d := newBinary(t, tt.codec, base(1, "thing"), tt.target)
		column := vector.NewColumn(tt.target)
		for _, wire := range tt.wire {
			rescued, err := d.Append(column, []byte(wire))
			if err == nil || rescued != nil {
				t.Errorf("codec %d, %x: rescued %q, error %v; want an error", tt.codec, wire, rescued, err)
			} else if !strings.Contains(err.Error(), "binary value of thing") {
				t.Errorf("codec %d, %x: error %q", tt.codec, wire, err)
			}
			if column.Len() != 0 {
				t.Fatalf("codec %d, %x: something was appended", tt.codec, wire)
			}
		}
	}
}

var malformedNumerics = []string{
	"", "\x00\x00\x00\x00\x00\x00\x00", // short header
	"\x00\x01\x00\x00\x00\x00\x00\x00",                 // a group is missing
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",         // a group too many
	"\x00\x01\x00\x00\x00\x00\x00\x00\x27\x10",         // a group of 10000
	"\x00\x01\x00\x00\x12\x34\x00\x00\x00\x01",         // unknown sign
	"\x00\x01\x00\x00\xc0\x00\x00\x00\x00\x01",         // NaN with a group
	"\x00\x01\x00\x00\x00\x00\x40\x00\x00\x01",         // display scale out of range
	"\x00\x02\x00\x00\x00\x00\x00\x01\x00\x01\x00\x01", // 1.0001 displayed as 1.0
	"\x00\x01\xff\xfd\x00\x00\x00\x08\x00\x01",         // 1e-12 displayed with 8 digits
}

// Leading and trailing zeros of a numeric mean nothing, though Postgres never sends them.
func TestNumericWithSpareZeros(t *testing.T) {
	const wire = "\x00\x04\x00\x02\x40\x00\x00\x02\x00\x00\x00\x00\x00\x07\x00\x00" // -7.00 as 0,0,7,0
	d := newBinary(t, schema.CodecNumeric, numericType, schema.Type{Kind: schema.String})
	column := vector.NewColumn(schema.Type{Kind: schema.String})
	if _, err := d.Append(column, []byte(wire)); err != nil {
		t.Fatal(err)
	}
	if got := column.Array().ValueStr(0); got != "-7.00" {
		t.Errorf("%s, want -7.00", got)
	}
	d = newBinary(t, schema.CodecNumeric, numericType, decimal(38, 30))
	column = vector.NewColumn(decimal(38, 30))
	if _, err := d.Append(column, []byte(wire)); err != nil {
		t.Fatal(err)
	}
	if got := column.Array().ValueStr(0); got != "-7" && got != "-7."+strings.Repeat("0", 30) {
		t.Errorf("%s, want -7", got)
	}
}

func TestBinaryIntegersChangeWidth(t *testing.T) {
	d := newBinary(t, schema.CodecInt8, base(schema.OIDInt8, "bigint"), schema.Type{Kind: schema.Int16})
	column := vector.NewColumn(schema.Type{Kind: schema.Int16})
	if rescued, err := d.Append(column, []byte("\xff\xff\xff\xff\xff\xff\x80\x00")); rescued != nil || err != nil {
		t.Errorf("-32768: rescued %q, error %v", rescued, err)
	}
	if rescued, err := d.Append(column, []byte("\xff\xff\xff\xff\xff\xff\x7f\xff")); string(rescued) != "-32769" || err != nil {
		t.Errorf("-32769: rescued %q, error %v", rescued, err)
	}
	if got := column.Array().String(); got != "[-32768 (null)]" {
		t.Errorf("column %s", got)
	}
}

func TestRescuedListLeavesNoElements(t *testing.T) {
	d := newText(t, arrayOf(dateType), schema.Map(arrayOf(dateType)).Type)
	column := vector.NewColumn(d.target)
	for _, text := range []string{"{2024-01-01}", "{2024-01-02,2024-01-03,infinity}", "{2024-01-04}"} {
		if _, err := d.Append(column, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := column.Array().String(),
		`[["2024-01-01"] (null) ["2024-01-04"]]`; strings.ReplaceAll(got, `"`, "") != strings.ReplaceAll(want, `"`, "") {
		t.Errorf("column %s, want %s", got, want)
	}
	if column.Elem().Len() != 2 {
		t.Errorf("%d elements kept, want 2", column.Elem().Len())
	}
}

func TestNewRefuses(t *testing.T) {
	list := schema.Type{Kind: schema.List}
	for _, target := range []schema.Type{{}, {Kind: 200}, decimal(0, 0), decimal(39, 0), decimal(5, 6), decimal(5, -1), list} {
		if _, err := NewText(textType, target, Options{}); err == nil {
			t.Errorf("text into %+v is accepted", target)
		}
		if _, err := NewBinary(schema.CodecNumeric, numericType, target, Options{}); err == nil {
			t.Errorf("numeric into %+v is accepted", target)
		}
	}
	if _, err := NewBinary(schema.CodecText, textType, schema.Type{Kind: schema.String}, Options{}); err == nil {
		t.Error("CodecText is accepted as binary")
	}
	if DecodesBinary(schema.CodecMoney, decimal(18, 2)) || DecodesBinary(schema.CodecFloat4, schema.Type{Kind: schema.Float64}) {
		t.Error("a lossy pair is said to decode")
	}
	wide := arrayOf(int4Type)
	wide.Elem.Delim = "::"
	if _, err := NewText(wide, schema.Map(wide).Type, Options{}); err == nil {
		t.Error("a delimiter of two bytes is accepted")
	}
}

func TestMalformedValueIsShownShort(t *testing.T) {
	d := newText(t, int4Type, schema.Type{Kind: schema.Int32})
	_, err := d.Append(vector.NewColumn(d.target), []byte(strings.Repeat("x", 10_000)))
	if err == nil || len(err.Error()) > 300 || !strings.Contains(err.Error(), "(10000 bytes)") {
		t.Errorf("error %v", err)
	}
}

func TestAppendRescued(t *testing.T) {
	if got := CloseRescued(nil); got != nil {
		t.Errorf("nothing rescued becomes %q", got)
	}
	row := AppendRescued(nil, "price", []byte("NaN"))
	row = AppendRescued(row, "a \"b\"\\\n", []byte("\x00\x1f\b\f\t\r\u2028é😀\x7f"))
	row = AppendRescued(row, "empty", []byte{})
	row = AppendRescued(row, "bytes", []byte("a\xff"))
	row = CloseRescued(row)
	want := `{"price":"NaN","a \"b\"\\\n":"\u0000\u001f\u0008\u000c\t\r` + "\u2028é😀\x7f" + `","empty":"","bytes":"\\x61ff"}`
	if string(row) != want {
		t.Errorf("%s, want %s", row, want)
	}
	if got := string(CloseRescued(AppendRescued(nil, "\xff", nil))); got != `{"`+"\ufffd"+`":""}` {
		t.Errorf("a name that is not UTF-8: %s", got)
	}
}

func FuzzAppendRescued(f *testing.F) {
	f.Add("price", []byte("NaN"))
	f.Fuzz(func(t *testing.T, column string, text []byte) {
		row := CloseRescued(AppendRescued(AppendRescued(nil, column, text), column+"2", text))
		var got map[string]string
		if err := json.Unmarshal(row, &got); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if !utf8.Valid(row) {
			t.Errorf("%q is not UTF-8", row)
		}
		if utf8.ValidString(column) && utf8.Valid(text) && (got[column] != string(text) || got[column+"2"] != string(text)) {
			t.Errorf("%q: %q reads back as %v", column, text, got)
		}
	})
}
