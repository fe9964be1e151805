package verify

import (
	"strconv"
	"time"

	"github.com/ingest-tool/ingest/internal/schema"
)

// parseInt reads a whole number of a kind.
func parseInt(text []byte, kind schema.Kind) (n int64, ok bool) {
	bits := 64
	if kind == schema.Int16 {
		bits = 16
	} else if kind == schema.Int32 {
		bits = 32
	}
	n, err := strconv.ParseInt(string(text), 10, bits)
	return n, err == nil
}

// parseDate reads YYYY-MM-DD of the years 1 to 9999 as days since 1970-01-01.
func parseDate(text []byte) (days int64, ok bool) {
	if len(text) != len(time.DateOnly) || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	century, ok1 := twoDigits(text[0:])
	year, ok2 := twoDigits(text[2:])
	month, ok3 := twoDigits(text[5:])
	day, ok4 := twoDigits(text[8:])
	year += 100 * century
	if !ok1 || !ok2 || !ok3 || !ok4 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSince1970(year, month, day), true
}

// parseTimestamp reads YYYY-MM-DD HH:MM:SS[.ffffff], with +00 if it has a zone,
// as microseconds since 1970-01-01.
func parseTimestamp(text []byte, zone bool) (micros int64, ok bool) {
	if zone {
		end := len(text) - len("+00")
		if end < 0 || string(text[end:]) != "+00" {
			return 0, false
		}
		text = text[:end]
	}
	const whole = len(time.DateTime)
	if len(text) < whole || text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return 0, false
	}
	days, ok := parseDate(text[:10])
	hour, ok1 := twoDigits(text[11:])
	minute, ok2 := twoDigits(text[14:])
	second, ok3 := twoDigits(text[17:])
	fraction, ok4 := parseFraction(text[whole:])
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return ((days*24+hour)*60+minute)*60_000_000 + second*1_000_000 + fraction, true
}

// parseFraction reads nothing, or a point and up to six digits, as microseconds.
func parseFraction(text []byte) (micros int64, ok bool) {
	if len(text) == 0 {
		return 0, true
	}
	if text[0] != '.' || len(text) == 1 || len(text) > 7 {
		return 0, false
	}
	for _, d := range text[1:] {
		if d < '0' || d > '9' {
			return 0, false
		}
		micros = micros*10 + int64(d-'0')
	}
	for range 7 - len(text) {
		micros *= 10
	}
	return micros, true
}

func twoDigits(text []byte) (n int64, ok bool) {
	a, b := text[0]-'0', text[1]-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 uses years that begin in March. Then every five consecutive
// months before the last one have 153 days.
func daysSince1970(year, month, day int64) int64 {
	if month < 3 {
		year, month = year-1, month+12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}
