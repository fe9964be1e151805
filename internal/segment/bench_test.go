//go:build unix

package segment

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

const benchRows = 64 << 10

// narrowBatch has 16 mixed columns, like an orders table.
func narrowBatch() *vector.Batch {
	kinds := []schema.Type{
		{Kind: schema.Int64}, {Kind: schema.Int32}, {Kind: schema.Int32}, {Kind: schema.Int16}, {Kind: schema.Bool}, {Kind: schema.Float64},
		decimalType(12, 2), decimalType(12, 2), decimalType(9, 4), {Kind: schema.Date}, {Kind: schema.TimestampUTC}, {Kind: schema.Timestamp},
		{Kind: schema.String}, {Kind: schema.String}, {Kind: schema.String}, {Kind: schema.Int64},
	}
	var fields []vector.Field
	for i, k := range kinds {
		fields = append(fields, vector.Field{Name: fmt.Sprintf("c%d", i), Type: k})
	}
	b := vector.NewBatch(vector.NewLayout(fields))
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range benchRows {
		for j, c := range b.Columns {
			switch c.Type.Kind {
			case schema.Int64:
				c.AppendInt64(int64(i))
			case schema.Int32:
				c.AppendInt32(rnd.Int32N(100000))
			case schema.Int16:
				c.AppendInt16(int16(rnd.Int32N(10)))
			case schema.Bool:
				c.AppendBool(rnd.Int32N(2) == 0)
			case schema.Float64:
				c.AppendFloat64(rnd.Float64())
			case schema.Decimal:
				c.AppendDecimal(decimal128.FromI64(rnd.Int64N(1000000)))
			case schema.Date:
				c.AppendInt32(19000 + rnd.Int32N(1000))
			case schema.TimestampUTC, schema.Timestamp:
				c.AppendInt64(1700000000000000 + rnd.Int64N(1e12))
			case schema.String:
				if j == 12 {
					c.AppendString([]string{"new", "paid", "shipped", "returned"}[rnd.Int32N(4)])
				} else {
					c.AppendString(fmt.Sprintf("customer-%06d", rnd.Int32N(50000)))
				}
			default:
				panic("no values of type " + c.Type.String())
			}
		}
	}
	return b
}

// wideBatch has text and JSON columns with about a kilobyte per row.
func wideBatch() *vector.Batch {
	text := schema.Type{Kind: schema.String}
	b := vector.NewBatch(vector.NewLayout(
		[]vector.Field{{Name: "id", Type: schema.Type{Kind: schema.Int64}}, {Name: "body", Type: text}, {Name: "doc", Type: text}}))
	rnd := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("w%x", rnd.Uint32N(1<<(8+i%20)))
	}
	for i := range benchRows / 4 {
		b.Columns[0].AppendInt64(int64(i))
		b.Columns[1].Build(func(to []byte) []byte {
			for range 80 {
				to = append(append(to, words[rnd.IntN(len(words))]...), ' ')
			}
			return to
		})
		b.Columns[2].AppendString(
			fmt.Sprintf(`{"id": %d, "tags": ["%s", "%s"], "address": {"street": "%s %d", "zip": "%05d"}, "score": %f, "active": true}`,
				i, words[rnd.IntN(2000)], words[rnd.IntN(2000)], words[rnd.IntN(2000)], rnd.IntN(200), rnd.IntN(99999), rnd.Float64()))
	}
	return b
}

// dictionaries chooses dictionary encoding the way staging does.
func dictionaries(b *vector.Batch) []bool {
	dictionary := make([]bool, len(b.Columns))
	for i, c := range b.Columns {
		dictionary[i] = c.Repeats(4096)
	}
	return dictionary
}

// processorTime returns the CPU time of this process. Unlike wall time, it does
// not depend on the load of the machine.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func benchmarkWrite(b *testing.B, batch *vector.Batch) {
	s := openSpool(b)
	dictionary := dictionaries(batch)
	w := newWriter(b, s, batch.Layout, dictionary...)
	b.SetBytes(int64(batch.Size()))
	b.ReportAllocs()
	for b.Loop() {
		write(b, w, batch)
		if w.Bytes() < 256<<20 {
			continue
		}
		if err := closed(b, w).Release(); err != nil {
			b.Fatal(err)
		}
		w = newWriter(b, s, batch.Layout, dictionary...)
	}
	rows := int64(batch.Rows()) * int64(b.N)
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	if err := w.Discard(); err != nil {
		b.Fatal(err)
	}
}

// One operation is a batch of 65,536 rows.
func BenchmarkWriteNarrow(b *testing.B) { benchmarkWrite(b, narrowBatch()) }

// One operation is a batch of 16,384 rows.
func BenchmarkWriteWide(b *testing.B) { benchmarkWrite(b, wideBatch()) }

// BenchmarkSnappy compares the mixed encoders (plain for text, better for the
// rest) with one encoder for all columns. It reports CPU time and the size of a
// segment of eight batches.
func BenchmarkSnappy(b *testing.B) {
	batches := map[string]*vector.Batch{"narrow": narrowBatch(), "wide": wideBatch()}
	registered, err := compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		b.Fatal(err)
	}
	defer compress.RegisterCodec(compress.Codecs.Snappy, registered)
	for _, shape := range []string{"narrow", "wide"} {
		for _, codec := range []string{"chosen", "plain", "better"} {
			b.Run(shape+"/"+codec, func(b *testing.B) {
				compress.RegisterCodec(compress.Codecs.Snappy, map[string]compress.Codec{
					"chosen": registered, "plain": sameSnappy{registered, s2.EncodeSnappy}, "better": sameSnappy{registered, s2.EncodeSnappyBetter},
				}[codec])
				s := openSpool(b)
				var size int64
				dictionary := dictionaries(batches[shape])
				before := processorTime(b)
				for b.Loop() {
					w := newWriter(b, s, batches[shape].Layout, dictionary...)
					for range 8 {
						write(b, w, batches[shape])
					}
					f := closed(b, w)
					size = f.Bytes
					if err := os.Remove(f.Path); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(size), "file-bytes")
			})
		}
	}
}

// sameSnappy encodes all columns with the same encoder.
type sameSnappy struct {
	compress.Codec
	encode func(dst, src []byte) []byte
}

func (c sameSnappy) EncodeLevel(dst, src []byte, _ int) []byte { return c.encode(dst, src) }
