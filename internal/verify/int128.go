package verify

import (
	"math/big"
	"math/bits"
	"strings"
)

// int128 is a 128-bit integer. Sums of a table's values need it.
type int128 struct {
	high int64
	low  uint64
}

func fromInt64(n int64) int128 { return int128{n >> 63, uint64(n)} }

func (a int128) plus(b int128) int128 {
	low, carry := bits.Add64(a.low, b.low, 0)
	return int128{a.high + b.high + int64(carry), low}
}

func (a int128) less(b int128) bool {
	return a.high < b.high || a.high == b.high && a.low < b.low
}

// String is the number in decimal digits.
func (a int128) String() string {
	n := new(big.Int).Lsh(big.NewInt(a.high), 64)
	return n.Add(n, new(big.Int).SetUint64(a.low)).String()
}

// scaled is the number's text with a point before its last digits.
func (a int128) scaled(scale int) string {
	text, negative := strings.CutPrefix(a.String(), "-")
	if scale > 0 {
		text = strings.Repeat("0", max(0, scale+1-len(text))) + text
		text = text[:len(text)-scale] + "." + text[len(text)-scale:]
	}
	if negative {
		return "-" + text
	}
	return text
}

// canonicalDecimal parses a decimal that a codec wrote, of up to 38 digits. It
// ignores the point.
func canonicalDecimal(b []byte) int128 {
	negative := b[0] == '-'
	var n int128
	for _, d := range b {
		if d < '0' {
			continue // the sign or the point
		}
		if n.high == 0 && n.low < 1<<59 {
			n.low = n.low*10 + uint64(d-'0')
			continue
		}
		high, low := bits.Mul64(n.low, 10)
		n = int128{n.high*10 + int64(high), low}.plus(int128{0, uint64(d - '0')})
	}
	if negative {
		low, borrow := bits.Sub64(0, n.low, 0)
		n = int128{-n.high - int64(borrow), low}
	}
	return n
}
