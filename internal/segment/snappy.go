package segment

import (
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
)

// plainLevel is the compression level at which snappyCodec takes the plain
// encoder.
const plainLevel = 1

// snappyCodec is snappy with a choice of two encoders for the one format, which
// any reader takes. arrow-go has only the "better" one. On numbers and
// timestamps that one costs nothing and makes much smaller pages; on text it
// spends more time than the few per cent that it saves are worth. So text
// columns are written at plainLevel (BenchmarkSnappy compares).
type snappyCodec struct{ compress.ErrorCodec }

// EncodeLevel compresses src into dst, or into a new slice where dst is too
// small.
func (c snappyCodec) EncodeLevel(dst, src []byte, level int) []byte {
	if level == plainLevel {
		return s2.EncodeSnappy(dst, src)
	}
	return c.ErrorCodec.EncodeLevel(dst, src, level)
}

// arrow-go keeps its codecs in a map without a lock, meant to be changed in init
// functions only. Other code in this process that writes snappy through arrow-go
// gets what he did, unless he asks for plainLevel.
func init() {
	standard, err := compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		panic("segment: " + err.Error())
	}
	codec, ok := standard.(compress.ErrorCodec)
	if !ok {
		panic("segment: arrow-go's snappy codec reports no errors")
	}
	compress.RegisterCodec(compress.Codecs.Snappy, snappyCodec{codec})
}
