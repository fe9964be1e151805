package segment

import (
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
)

// plainLevel is the compression level at which snappyCodec uses the plain
// encoder.
const plainLevel = 1

// snappyCodec is snappy with a choice of two encoders. Both write the same
// format, which every reader accepts. arrow-go only has the "better" encoder.
// On numbers and timestamps, "better" costs nothing and makes much smaller
// pages. On text, it saves a few per cent, which is not worth its time. So text
// columns are written at plainLevel (BenchmarkSnappy compares).
type snappyCodec struct{ compress.ErrorCodec }

// EncodeLevel compresses src into dst, or into a new slice if dst is too small.
func (c snappyCodec) EncodeLevel(dst, src []byte, level int) []byte {
	if level == plainLevel {
		return s2.EncodeSnappy(dst, src)
	}
	return c.ErrorCodec.EncodeLevel(dst, src, level)
}

// arrow-go keeps its codecs in a map without a lock, so only init functions may
// change it. Other code in this process that writes snappy through arrow-go
// keeps arrow-go's behaviour unless it asks for plainLevel.
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
