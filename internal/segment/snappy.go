package segment

import (
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
)

// snappyCodec is the snappy block format with the plain encoder. arrow-go takes
// the "better" one, which spends a large part of all encoding time on files
// that are a few per cent smaller (BenchmarkSnappy compares them). What either
// writes is snappy, and any reader takes it.
type snappyCodec struct{ compress.ErrorCodec }

// Encode compresses src into dst, or into a new slice where dst is too small.
func (snappyCodec) Encode(dst, src []byte) []byte { return s2.EncodeSnappy(dst, src) }

// EncodeLevel is Encode: snappy has no levels.
func (snappyCodec) EncodeLevel(dst, src []byte, _ int) []byte { return s2.EncodeSnappy(dst, src) }

// arrow-go keeps its codecs in a map without a lock, meant to be changed in init
// functions only. The change holds for every Parquet file that this process
// writes through arrow-go; decoding stays arrow-go's own.
func init() {
	standard, err := compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		panic("segment: " + err.Error())
	}
	decoder, ok := standard.(compress.ErrorCodec)
	if !ok {
		panic("segment: arrow-go's snappy codec reports no errors")
	}
	compress.RegisterCodec(compress.Codecs.Snappy, snappyCodec{decoder})
}
