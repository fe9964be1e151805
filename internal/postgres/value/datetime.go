package value

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// Days and microseconds count from 1970-01-01 here. In Postgres's binary formats they count from
// 2000-01-01.
const (
	epochDays    = 10957
	dayMicros    = 86400 * 1_000_000
	epochMicros  = epochDays * dayMicros
	minDay       = -719162 // 0001-01-01
	maxDay       = 2932896 // 9999-12-31
	minMicros    = minDay * dayMicros
	maxMicros    = (maxDay+1)*dayMicros - 1
	maxYearWidth = 7 // Postgres's last date is in the year 5874897
)

func decodeDate(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 4 {
		return malformed
	}
	day := int64(int32(binary.BigEndian.Uint32(wire))) + epochDays
	if day < minDay || day > maxDay {
		return unfit // also infinity and -infinity
	}
	dst.AppendInt32(int32(day))
	return fits
}

func decodeTimestamp(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 8 {
		return malformed
	}
	micros := int64(binary.BigEndian.Uint64(wire))
	if micros < minMicros-epochMicros || micros > maxMicros-epochMicros {
		return unfit // also infinity and -infinity
	}
	dst.AppendInt64(micros + epochMicros)
	return fits
}

// clock holds the numbers of a timestamp's text.
type clock struct {
	day    int64 // since 1970-01-01
	micros int64 // of the day
	offset int64 // seconds east of UTC
	zoned  bool  // an offset was given
}

func decodeDateText(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if isInfinite(wire) {
		return unfit
	}
	day, rest, ok := parseDate(wire)
	if !ok {
		return malformed
	}
	day, ok = parseEra(day, rest)
	switch {
	case !ok:
		return malformed
	case day < minDay || day > maxDay:
		return unfit
	}
	dst.AppendInt32(int32(day))
	return fits
}

func decodeTimestampText(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if isInfinite(wire) {
		return unfit
	}
	c, ok := parseTimestamp(wire)
	if !ok || c.zoned != (d.target.Kind == schema.TimestampUTC) {
		return malformed
	}
	if c.day < minDay-1 || c.day > maxDay+1 {
		return unfit
	}
	micros := c.day*dayMicros + c.micros - c.offset*1_000_000
	if micros < minMicros || micros > maxMicros {
		return unfit
	}
	dst.AppendInt64(micros)
	return fits
}

func isInfinite(text []byte) bool {
	return string(text) == "infinity" || string(text) == "-infinity"
}

// two reads two digits at i.
func two(text []byte, i int) (int, bool) {
	if len(text) < i+2 || !isDigit(text[i]) || !isDigit(text[i+1]) {
		return 0, false
	}
	return int(text[i]-'0')*10 + int(text[i+1]-'0'), true
}

// parseDate reads yyyy-mm-dd. The year may have more digits.
func parseDate(text []byte) (day int64, rest []byte, ok bool) {
	width := 0
	year := 0
	for width < len(text) && width < maxYearWidth && isDigit(text[width]) {
		year = year*10 + int(text[width]-'0')
		width++
	}
	if width < 4 || year == 0 || len(text) < width+6 || text[width] != '-' || text[width+3] != '-' {
		return 0, text, false
	}
	month, ok1 := two(text, width+1)
	dom, ok2 := two(text, width+4)
	if !ok1 || !ok2 || month < 1 || month > 12 || dom < 1 || dom > 31 {
		return 0, text, false
	}
	// Whether the month has that day depends on the era, and matters only if the value can fit.
	if dom > daysIn(year, month) && !hasEra(text) {
		return 0, text, false
	}
	return daysFromCivil(int64(year), month, dom), text[width+6:], true
}

func hasEra(text []byte) bool {
	return len(text) > 3 && string(text[len(text)-3:]) == " BC"
}

// parseEra reads what follows a date. A year before Christ never fits, so its exact day does not
// matter.
func parseEra(day int64, rest []byte) (int64, bool) {
	switch string(rest) {
	case "":
		return day, true
	case " BC":
		return math.MinInt64, true
	}
	return 0, false
}

// parseTimestamp reads yyyy-mm-dd hh:mm:ss[.ffffff][±hh[:mm[:ss]]][ BC].
func parseTimestamp(text []byte) (c clock, ok bool) {
	var rest []byte
	if c.day, rest, ok = parseDate(text); !ok || len(rest) < len(" 00:00:00") || rest[0] != ' ' {
		return c, false
	}
	h, ok1 := two(rest, 1)
	m, ok2 := two(rest, 4)
	s, ok3 := two(rest, 7)
	if !ok1 || !ok2 || !ok3 || rest[3] != ':' || rest[6] != ':' || h > 23 || m > 59 || s > 59 {
		return c, false
	}
	c.micros = int64((h*60+m)*60+s) * 1_000_000
	rest = rest[len(" 00:00:00"):]
	if len(rest) > 0 && rest[0] == '.' {
		unit, n := int64(100_000), 1
		for ; n < len(rest) && isDigit(rest[n]); n++ {
			c.micros += int64(rest[n]-'0') * unit
			unit /= 10
		}
		if n < 2 || n > 7 {
			return c, false
		}
		rest = rest[n:]
	}
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		if rest, ok = c.parseOffset(rest); !ok {
			return c, false
		}
	}
	c.day, ok = parseEra(c.day, rest)
	return c, ok
}

func (c *clock) parseOffset(text []byte) (rest []byte, ok bool) {
	rest = text[1:]
	for unit := int64(3600); unit >= 1; unit /= 60 {
		v, ok := two(rest, 0)
		if !ok || v > 59 {
			return text, false
		}
		c.offset += int64(v) * unit
		rest = rest[2:]
		if unit == 1 || len(rest) == 0 || rest[0] != ':' {
			break
		}
		rest = rest[1:]
	}
	if text[0] == '-' {
		c.offset = -c.offset
	}
	c.zoned = true
	return rest, true
}

func daysIn(year, month int) int {
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

// Days of 400 years, the Gregorian calendar's cycle, and days from 0000-03-01 to 1970-01-01. A cycle
// of years that end in February begins at 0000-03-01.
const (
	cycleDays  = 146097
	marchEpoch = 719468
)

// daysFromCivil counts the days from 1970-01-01 to a date of the proleptic Gregorian calendar with a
// year 0.
func daysFromCivil(year int64, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	cycle := floorDiv(year, 400)
	yearOfCycle := year - cycle*400
	dayOfYear := int64((153*(month-3)+2)/5 + day - 1)
	return cycle*cycleDays + yearOfCycle*365 + yearOfCycle/4 - yearOfCycle/100 + dayOfYear - marchEpoch
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(days int64) (year int64, month, day int) {
	days += marchEpoch
	cycle := floorDiv(days, cycleDays)
	dayOfCycle := days - cycle*cycleDays
	yearOfCycle := (dayOfCycle - dayOfCycle/1460 + dayOfCycle/36524 - dayOfCycle/(cycleDays-1)) / 365
	dayOfYear := int(dayOfCycle - (365*yearOfCycle + yearOfCycle/4 - yearOfCycle/100))
	shifted := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*shifted+2)/5 + 1
	month = shifted + 3
	year = cycle*400 + yearOfCycle
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendDateText prints a binary date as date_out does.
func appendDateText(dst, wire []byte) []byte {
	days := int32(binary.BigEndian.Uint32(wire))
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendDay(dst, int64(days)+epochDays)
	return appendEra(dst, bc)
}

func appendDay(dst []byte, day int64) (text []byte, bc bool) {
	year, month, dom := civilFromDays(day)
	if bc = year <= 0; bc {
		year = 1 - year
	}
	for limit := int64(1000); limit > year; limit /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, year, 10)
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), dom), bc
}

func appendTwo(dst []byte, v int) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

func appendEra(dst []byte, bc bool) []byte {
	if bc {
		return append(dst, " BC"...)
	}
	return dst
}

// appendTimestampText prints a binary timestamp as timestamp_out does.
func appendTimestampText(dst, wire []byte) []byte { return appendMicros(dst, wire, "") }

// appendTimestampTZText prints a binary timestamptz as timestamptz_out does
// under TimeZone UTC.
func appendTimestampTZText(dst, wire []byte) []byte { return appendMicros(dst, wire, "+00") }

func appendMicros(dst, wire []byte, zone string) []byte {
	micros := int64(binary.BigEndian.Uint64(wire))
	switch micros {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	day := floorDiv(micros, dayMicros)
	rest := int(micros - day*dayMicros)
	dst, bc := appendDay(dst, day+epochDays)
	seconds, fraction := rest/1_000_000, rest%1_000_000
	dst = appendTwo(append(dst, ' '), seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if fraction != 0 {
		dst = append(dst, '.')
		for unit := 100_000; fraction != 0; unit /= 10 {
			dst = append(dst, byte('0'+fraction/unit))
			fraction %= unit
		}
	}
	return appendEra(append(dst, zone...), bc)
}
