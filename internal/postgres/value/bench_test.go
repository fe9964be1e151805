package value

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

type speed struct {
	name string
	d    *Decoder
	wire string
}

func speeds(t testing.TB) []speed {
	text := func(src schema.PostgresType) *Decoder { return newText(t, src, schema.Map(src).Type) }
	binary := func(oid uint32) *Decoder {
		src := base(oid, "thing")
		return newBinary(t, schema.Map(src).Codec, src, schema.Map(src).Type)
	}
	const (
		small = "\x00\x02\x00\x00\x40\x00\x00\x02\x04\xd2\x13\x88"                                         // -1234.50
		large = "\x00\x05\x00\x02\x00\x00\x00\x08\x04\xd2\x13\x88\x04\xd2\x13\x88\x04\xd2"                 // 123450001234.50001234
		huge  = "\x00\x07\x00\x04\x00\x00\x00\x08\x04\xd2\x13\x88\x04\xd2\x13\x88\x04\xd2\x00\x01\x00\x02" // 28 digits
	)
	return []speed{
		{"text/bool", text(base(schema.OIDBool, "boolean")), "t"},
		{"text/int4", text(int4Type), "-1234567"},
		{"text/int8", text(base(schema.OIDInt8, "bigint")), "1234567890123456789"},
		{"text/float8", text(base(schema.OIDFloat8, "double precision")), "123456.789"},
		{"text/numeric 10,2", newText(t, numericType, decimal(10, 2)), "-1234.50"},
		{"text/numeric 38,18", newText(t, numericType, decimal(38, 18)), "12345678901234567890.123456789012345678"},
		{"text/money", text(base(schema.OIDMoney, "money")), "-$1,234.50"},
		{"text/text", text(textType), "a text of some thirty characters"},
		{"text/bytea", text(base(schema.OIDBytea, "bytea")), `\x00112233445566778899aabbccddeeff`},
		{"text/date", text(dateType), "2024-02-29"},
		{"text/timestamptz", text(timestampTZ), "2024-02-29 12:34:56.123456+00"},
		{"text/int4 array", text(arrayOf(int4Type)), "{1,2,3,NULL,5}"},
		{"text/text array", text(arrayOf(textType)), `{one,"two, three","four \"4\"",NULL}`},
		{"text/rescued date", text(dateType), "infinity"},
		{"binary/int8", binary(schema.OIDInt8), "12345678"},
		{"binary/float8", binary(schema.OIDFloat8), "12345678"},
		{"binary/numeric 10,2", newBinary(t, schema.CodecNumeric, numericType, decimal(10, 2)), small},
		{"binary/numeric 20,8", newBinary(t, schema.CodecNumeric, numericType, decimal(20, 8)), large},
		{"binary/numeric 38,18", newBinary(t, schema.CodecNumeric, numericType, decimal(38, 18)), huge},
		{"binary/numeric string", newBinary(t, schema.CodecNumeric, numericType, schema.Type{Kind: schema.String}), large},
		{"binary/text", binary(schema.OIDText), "a text of some thirty characters"},
		{"binary/jsonb", binary(schema.OIDJSONB), "\x01{\"a\": 1, \"b\": [true, null]}"},
		{"binary/uuid", binary(schema.OIDUUID), "0123456789abcdef"},
		{"binary/date", binary(schema.OIDDate), "\x00\x00\x22\x6a"},
		{"binary/timestamptz", binary(schema.OIDTimestampTZ), "\x00\x02\xb5\x00\x00\x00\x00\x00"},
		{"binary/rescued timestamptz", binary(schema.OIDTimestampTZ), "\x05\x22\xb5\x00\x00\x00\x00\x00"},
	}
}

// batch is how many values a column takes before it is emptied.
const batch = 4096

func BenchmarkAppend(b *testing.B) {
	for _, s := range speeds(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s.wire)))
			column, wire := vector.NewColumn(s.d.target), []byte(s.wire)
			for b.Loop() {
				if column.Len() == batch {
					column.Reset()
				}
				if _, err := s.d.Append(column, wire); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	for _, s := range speeds(t) {
		column, wire := vector.NewColumn(s.d.target), []byte(s.wire)
		for range batch {
			if _, err := s.d.Append(column, wire); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		column.Reset()
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := s.d.Append(column, wire); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a value", s.name, allocs)
		}
	}
}
