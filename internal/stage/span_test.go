package stage

import (
	"testing"

	"github.com/jackc/pglogrepl"
)

// A span ends at its size. It absorbs the remainder up to the target if that is
// short compared with what the server reads anyway, and if the decoding limit
// allows it.
func TestWhereASpanEnds(t *testing.T) {
	const mb = pglogrepl.LSN(1 << 20)
	for _, c := range []struct {
		what                       string
		restart, from, target, end pglogrepl.LSN
		limit                      int64
	}{
		{"all of it", 0, 10 * mb, 60 * mb, 60 * mb, 1 << 30},
		{"up to its size", 10 * mb, 10 * mb, 500 * mb, 74 * mb, 1 << 30},
		{"a rest of nearly half", 10 * mb, 10 * mb, 105 * mb, 105 * mb, 1 << 30},
		{"a rest of half", 10 * mb, 10 * mb, 106 * mb, 74 * mb, 1 << 30},
		{"a long way from restart", 10 * mb, 410 * mb, 600 * mb, 600 * mb, 1 << 30},
		{"further than may be decoded at once", 10 * mb, 410 * mb, 600 * mb, 474 * mb, int64(589 * mb)},
		{"as far as may be decoded at once", 10 * mb, 410 * mb, 600 * mb, 600 * mb, int64(590 * mb)},
		{"without a limit", 10 * mb, 410 * mb, 600 * mb, 600 * mb, 0},
		{"nothing is left", 10 * mb, 60 * mb, 60 * mb, 60 * mb, 1 << 30},
	} {
		d := &drain{Stager: &Stager{Options: Options{PeekMaxWAL: c.limit}}, span: int64(64 * mb)}
		if end := d.upto(c.restart, c.from, c.target); end != c.end {
			t.Errorf("%s: from %v, read from %v, to %v: the span ends at %v, want %v", c.what, c.from, c.restart, c.target, end, c.end)
		}
	}
}
