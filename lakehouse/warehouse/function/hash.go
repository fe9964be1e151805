//go:build cgo

package function

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/duckdb/duckdb-go/v2"
)

// hashSeed is what Spark's xxhash64 begins with.
const hashSeed = 42

// hash64 is Spark's xxhash64 over any number of arguments: XXH64 of each, seeded
// with the hash of those before. NULL leaves the hash as it is.
type hash64 struct{}

func (hash64) Config() duckdb.ScalarFuncConfig {
	config := duckdb.ScalarFuncConfig{SpecialNullHandling: true}
	config.VariadicTypeInfo, _ = duckdb.NewTypeInfo(duckdb.TYPE_ANY)
	config.ResultTypeInfo, _ = duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	return config
}

func (hash64) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{ChunkContextExecutor: func(_ context.Context, chunk *duckdb.ChunkIteratorState) error {
		var h hasher
		for row, err := range chunk.Rows() {
			if err != nil {
				return err
			}
			h.sum = hashSeed
			for i := range row.ColumnCount() {
				if err := h.add(*row.GetValuePtr(i)); err != nil {
					return err
				}
			}
			if err := row.SetResult(int64(h.sum)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// hasher chains the hashes of values.
type hasher struct {
	digest xxhash.Digest
	buf    [8]byte
	sum    uint64
}

func (h *hasher) add(v any) error {
	switch v := v.(type) {
	case nil:
	case int32:
		h.bytes(binary.LittleEndian.AppendUint32(h.buf[:0], uint32(v)))
	case int64:
		h.bytes(binary.LittleEndian.AppendUint64(h.buf[:0], uint64(v)))
	case float32:
		h.bytes(binary.LittleEndian.AppendUint32(h.buf[:0], floatBits(v)))
	case float64:
		h.bytes(binary.LittleEndian.AppendUint64(h.buf[:0], doubleBits(v)))
	case string:
		h.digest.ResetWithSeed(h.sum)
		_, _ = h.digest.WriteString(v)
		h.sum = h.digest.Sum64()
	case []byte:
		h.bytes(v)
	case []any:
		for _, e := range v {
			if err := h.add(e); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("hash a value of type %T", v)
	}
	return nil
}

func (h *hasher) bytes(b []byte) {
	h.digest.ResetWithSeed(h.sum)
	_, _ = h.digest.Write(b)
	h.sum = h.digest.Sum64()
}

// doubleBits are Java's doubleToLongBits, with one zero and one NaN.
func doubleBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case math.IsNaN(f):
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

func floatBits(f float32) uint32 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return 0x7fc00000
	}
	return math.Float32bits(f)
}
