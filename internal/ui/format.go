package ui

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// Bytes prints a number of bytes for people: 1.2 GB (10⁹ bytes).
type Bytes int64

// String is the number with its unit.
func (b Bytes) String() string {
	if b < 0 {
		return "-" + humanize.Bytes(uint64(-(b+1))+1)
	}
	return humanize.Bytes(uint64(b))
}

// Count prints a number for people: 1,234,567.
type Count int64

// String is the number with commas.
func (c Count) String() string { return humanize.Comma(int64(c)) }

// Duration prints a duration for people in two units at most: 850ms, 4.2s,
// 3m05s, 2h04m, 3d04h.
type Duration time.Duration

// String is the duration, rounded to what it shows.
func (d Duration) String() string {
	v := time.Duration(d)
	if v < 0 {
		if v == math.MinInt64 {
			v++
		}
		return "-" + Duration(-v).String()
	}
	switch {
	case v < time.Second-500*time.Microsecond:
		return fmt.Sprintf("%dms", v.Round(time.Millisecond).Milliseconds())
	case v < 10*time.Second-50*time.Millisecond:
		return fmt.Sprintf("%.1fs", v.Seconds())
	}
	if v = v.Round(time.Second); v < time.Minute {
		return fmt.Sprintf("%ds", v/time.Second)
	}
	if v < time.Hour {
		return fmt.Sprintf("%dm%02ds", v/time.Minute, v%time.Minute/time.Second)
	}
	if v = v.Round(time.Minute); v < 24*time.Hour {
		return fmt.Sprintf("%dh%02dm", v/time.Hour, v%time.Hour/time.Minute)
	}
	v = v.Round(time.Hour)
	return fmt.Sprintf("%dd%02dh", v/(24*time.Hour), v%(24*time.Hour)/time.Hour)
}

// Plain is s without what a terminal would obey: control characters but line
// breaks are written out as \x1b, tabs become spaces.
func Plain(s string) string {
	obeyed := func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || r == '\u202e' || r == '\u2066') }
	if !strings.ContainsFunc(s, obeyed) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case obeyed(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case obeyed(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
