package config

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Bytes is a number of bytes.
type Bytes int64

// ParseBytes reads 256MB (10⁶ bytes each), 1GiB (2³⁰ bytes) or a plain number of bytes. It ignores
// case, and allows a space before the unit.
func ParseBytes(s string) (Bytes, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf(`want a size such as "256MB", "1GiB" or a number of bytes, not %s`, shown(s))
	}
	return Bytes(n), nil
}

// String is the shortest text that ParseBytes reads back as the same number.
func (b Bytes) String() string {
	for _, unit := range []struct {
		bytes Bytes
		name  string
	}{
		{1 << 40, "TiB"}, {1e12, "TB"}, {1 << 30, "GiB"}, {1e9, "GB"},
		{1 << 20, "MiB"}, {1e6, "MB"}, {1 << 10, "KiB"}, {1e3, "kB"},
	} {
		if b >= unit.bytes && b%unit.bytes == 0 {
			return strconv.FormatInt(int64(b/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
