package value

import (
	"bytes"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// one decodes a value into a new column, between two other values. It checks that exactly one value
// was appended, or none with an error.
func one(t *testing.T, d *Decoder, wire []byte) (values arrow.Array, rescued []byte, err error) {
	t.Helper()
	column := vector.NewColumn(d.target.File())
	column.AppendNull()
	before := bytes.Clone(wire)
	rescued, err = d.Append(column, wire)
	if !bytes.Equal(wire, before) {
		t.Errorf("the wire value changed to %q", wire)
	}
	want := 2
	if err != nil {
		want = 1
	}
	if column.Len() != want {
		t.Fatalf("%d values in the column, want %d (rescued %q, error %v)", column.Len(), want, rescued, err)
	}
	if err != nil {
		if rescued != nil {
			t.Errorf("an error and a rescued text")
		}
		return nil, nil, err
	}
	if column.IsNull(1) != (rescued != nil) {
		t.Errorf("NULL is %v, rescued %q", column.IsNull(1), rescued)
	}
	rescued = bytes.Clone(rescued)
	column.AppendNull()
	return column.Array(), rescued, nil
}

// textTargets are the pairs that FuzzText uses.
func textTargets(t testing.TB) []*Decoder {
	var all []*Decoder
	for _, src := range []schema.PostgresType{
		base(schema.OIDBool, "boolean"), int2Type, int4Type, base(schema.OIDInt8, "bigint"), base(schema.OIDFloat4, "real"),
		base(schema.OIDFloat8, "double precision"), base(schema.OIDMoney, "money"), textType, base(schema.OIDBytea, "bytea"),
		dateType, timestampType, timestampTZ, arrayOf(int4Type), arrayOf(textType), arrayOf(timestampType), arrayOf(arrayOf(numericType)),
	} {
		all = append(all, newText(t, src, schema.Map(src).Type))
	}
	for _, src := range []schema.PostgresType{hstoreType, vectorType, arrayOf(hstoreType), arrayOf(vectorType)} {
		all = append(all, newText(t, src, schema.Map(src).Type))
	}
	for _, target := range []schema.Type{decimal(10, 2), decimal(38, 18), decimal(38, 38), decimal(38, 0), decimal(18, 18)} {
		all = append(all, newText(t, numericType, target))
	}
	for _, kind := range []schema.Kind{schema.Bool, schema.Int16, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.Binary,
		schema.Date, schema.Timestamp, schema.TimestampUTC} {
		all = append(all, newText(t, textType, schema.Type{Kind: kind}))
	}
	return all
}

func FuzzText(f *testing.F) {
	targets := textTargets(f)
	for i, text := range []string{"t", "-32768", "2147483648", "9223372036854775808", "1e-45", "1.7976931348623157e+308", "-$1,234.50",
		"text", `\x00ff`, "2024-02-29", "2024-02-29 23:59:59.999999", "0001-01-01 00:59:59+01", "{1,NULL}", `{"a\"b\\",NULL,"NULL",""}`,
		`{"2024-02-29 00:00:00",infinity}`, `{"{1.5,NaN}",NULL}`,
		`"a"=>"b\"", "c"=>NULL`, "[1,2.5]", `{"\"a\"=>\"b\"",NULL}`, `{"[1,2.5]"}`, "12345678.90", "-0.000000000000000001", "0.1", "NaN",
		"0.000000000000000001", "f", "12.00", "-", "1e5", "0.1", "NaN", `\x`, "294276-12-31", "0044-03-15 12:00:00 BC",
		"2024-01-01 00:00:00+05:45:30"} {
		f.Add(uint8(i), []byte(text))
	}
	f.Fuzz(func(t *testing.T, pick uint8, text []byte) {
		d := targets[int(pick)%len(targets)]
		values, rescued, err := one(t, d, text)
		if err != nil || rescued != nil {
			if err == nil && !bytes.Equal(rescued, text) {
				t.Errorf("%q is rescued as %q", text, rescued)
			}
			if err != nil && d.retyped {
				t.Errorf("%q of another type is an error: %v", text, err)
			}
			return
		}
		checkNumber(t, values, string(text))
	})
}

// checkNumber compares an integer or decimal with big.Rat's reading of its text.
func checkNumber(t *testing.T, values arrow.Array, text string) {
	text = strings.NewReplacer("$", "", ",", "").Replace(text)
	var got *big.Rat
	switch a := values.(type) {
	case *array.Decimal128:
		typ := a.DataType().(*arrow.Decimal128Type)
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(typ.Scale)), nil)
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(typ.Precision)), nil)
		if a.Value(1).BigInt().CmpAbs(limit) >= 0 {
			t.Errorf("%q becomes %s, beyond the precision %d", text, a.Value(1).BigInt(), typ.Precision)
		}
		got = new(big.Rat).SetFrac(a.Value(1).BigInt(), unit)
	case *array.Int16, *array.Int32, *array.Int64:
		got, _ = new(big.Rat).SetString(a.ValueStr(1))
	case *array.Float64:
		want, err := strconv.ParseFloat(text, 64)
		if got := a.Value(1); err != nil || got != want && (got == got || want == want) {
			t.Errorf("%q becomes %v, want %v (%v)", text, got, want, err)
		}
		return
	default:
		return
	}
	want, ok := new(big.Rat).SetString(text)
	if !ok || got.Cmp(want) != 0 {
		t.Errorf("%q becomes %s", text, got.RatString())
	}
}

type binaryTarget struct {
	binary, text *Decoder
}

// binaryTargets are the pairs that FuzzBinary uses, each with the text decoder of the same column.
func binaryTargets(t testing.TB) []binaryTarget {
	var all []binaryTarget
	add := func(codec schema.Codec, src schema.PostgresType, target schema.Type) {
		all = append(all, binaryTarget{newBinary(t, codec, src, target), newText(t, src, target)})
	}
	for _, oid := range []uint32{schema.OIDInt2, schema.OIDInt4, schema.OIDInt8, schema.OIDOID, schema.OIDText,
		schema.OIDJSONB, schema.OIDUUID,
		schema.OIDBytea, schema.OIDDate, schema.OIDTimestamp, schema.OIDTimestampTZ, schema.OIDBool, schema.OIDFloat4,
		schema.OIDFloat8, schema.OIDMoney} {
		src := base(oid, "thing")
		mapped := schema.Map(src)
		add(mapped.Codec, src, mapped.Type)
	}
	for _, target := range []schema.Type{{Kind: schema.String}, decimal(10, 2), decimal(38, 18), decimal(38, 38),
		decimal(38, 0), decimal(18, 18)} {
		add(schema.CodecNumeric, numericType, target)
	}
	add(schema.CodecInt8, base(schema.OIDInt8, "bigint"), schema.Type{Kind: schema.Int16})
	return all
}

// FuzzBinary compares each binary value with its Postgres text, decoded as text.
func FuzzBinary(f *testing.F) {
	targets := binaryTargets(f)
	for i, wire := range []string{"\x80\x00", "\x7f\xff\xff\xff", "\x80\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff", "text", "\x01{}",
		"0123456789abcdef", "\x00\xff", "\x7f\xff\xff\xff", "\x80\x00\x00\x00\x00\x00\x00\x00", "\x7f\xff\xff\xff\xff\xff\xff\xfe", "\x01",
		"\x7f\xc0\x00\x01", "\xff\xf8\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x00\x00\x00\x00\xc0\x00\x00\x00",
		"\x00\x02\x00\x00\x40\x00\x00\x02\x04\xd2\x13\x88", // -1234.50
		"\x00\x01\xff\xfb\x00\x00\x00\x12\x00\x64",         // 0.000000000000000001
		"\x00\x01\xff\xf6\x00\x00\x00\x26\x00\x64",         // 1e-38
		"\x00\x01\x00\x09\x00\x00\x00\x00\x00\x0a",         // 1e37
		"\x00\x01\xff\xff\x00\x00\x00\x01\x03\xe8",         // 0.1
		"\x00\x00\x00\x00\x00\x00\x7f\xff",
	} {
		f.Add(uint8(i), []byte(wire))
	}
	f.Fuzz(func(t *testing.T, pick uint8, wire []byte) {
		target := targets[int(pick)%len(targets)]
		values, rescued, err := one(t, target.binary, wire)
		if err != nil || target.binary.text == nil {
			return
		}
		switch kind := target.binary.target.Kind; {
		case kind == schema.Bool || kind == schema.Float32 || kind == schema.Float64:
			return // always fit, so they have no text of ours
		case kind == schema.Decimal && target.binary.src.Base == schema.OIDMoney:
			return
		}
		text := target.binary.text(nil, wire)
		if text == nil {
			text = []byte{}
		}
		if rescued != nil && !bytes.Equal(rescued, text) {
			t.Errorf("%x is rescued as %q, its text is %q", wire, rescued, text)
		}
		fromText, rescuedText, err := one(t, target.text, text)
		if err != nil {
			t.Fatalf("%x has the text %q, which is malformed: %v", wire, text, err)
		}
		if (rescued == nil) != (rescuedText == nil) {
			t.Fatalf("%x: rescued %q; its text %q: rescued %q", wire, rescued, text, rescuedText)
		}
		if !slices.EqualFunc(allBytes(fromText.Data()), allBytes(values.Data()), bytes.Equal) {
			t.Errorf("%x becomes %v, its text %q becomes %v", wire, values, text, fromText)
		}
	})
}

// allBytes are all bytes of an array.
func allBytes(d arrow.ArrayData) (all [][]byte) {
	for _, b := range d.Buffers() {
		if b != nil {
			all = append(all, b.Bytes())
		}
	}
	for _, child := range d.Children() {
		all = append(all, allBytes(child)...)
	}
	return all
}
