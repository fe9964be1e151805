package segment

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
)

// The registered codec uses the plain encoder only at plainLevel. It decodes
// the output of both encoders. It returns an error for damaged bytes.
func TestSnappyCodec(t *testing.T) {
	codec, err := compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	var src []byte
	for i := range 20000 {
		src = append(src, byte(i), byte(i>>8), 'x', 'y', byte(i%7))
	}
	plain, better := s2.EncodeSnappy(nil, src), s2.EncodeSnappyBetter(nil, src)
	if bytes.Equal(plain, better) {
		t.Fatal("both encoders write the same; choose other data")
	}
	for level, want := range map[int][]byte{plainLevel: plain, compress.DefaultCompressionLevel: better, 0: better} {
		for _, dst := range [][]byte{nil, make([]byte, 10), make([]byte, codec.CompressBound(int64(len(src))))} {
			got := codec.EncodeLevel(dst, src, level)
			if !bytes.Equal(got, want) {
				t.Errorf("level %d into %d bytes: another encoder", level, len(dst))
			}
			if back, err := compress.Decode(codec, nil, got); err != nil || !bytes.Equal(back, src) {
				t.Errorf("level %d does not come back: %v", level, err)
			}
		}
	}
	if _, err := compress.Decode(codec, nil, plain[:len(plain)/2]); err == nil {
		t.Error("half a page was decoded without an error")
	}
}
