package verify

import (
	"fmt"
	"strings"
	"testing"

	"ingest/internal/schema"
)

// BenchmarkSums is what the source's rows cost here: 16 columns of COPY's text,
// taken apart, made canonical and added up.
func BenchmarkSums(b *testing.B) {
	types := []schema.Type{
		{Kind: schema.Int64}, {Kind: schema.Int32}, {Kind: schema.Int64}, {Kind: schema.Decimal, Precision: 12, Scale: 2}, {Kind: schema.Decimal, Precision: 20, Scale: 4},
		{Kind: schema.Float64}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.TimestampUTC}, {Kind: schema.Timestamp}, {Kind: schema.Date},
		{Kind: schema.Bool}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.Int16},
	}
	codecs := make([]*codec, len(types))
	for i, t := range types {
		codecs[i] = newCodec(t, schema.PostgresType{})
	}
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%d\t%d\t%d\t%d.%02d\t%d.%04d\t%d.5\tc4ca4238a0b923820dcc509a6f75849b\ttext of row %d\tc4ca4238a0b923820dcc\t2026-11-29 06:32:%02d.123456+00\t"+
			"2026-11-29 06:32:%02d.1\t2013-01-%02d\tt\t00112233-4455-6677-8899-aabbccddeeff\t{\"n\": %d, \"s\": \"v1\"}\t%d\n",
			i, i*7919%100000000, i*1000003, i*31, i%100, i*100000007, i%10000, i, i, i%60, i%60, i%28+1, i, i)
	}
	s := newSums(codecs)
	rows := newTextRows(codecs, func(cells [][]byte) error { s.add(cells); return nil })
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
