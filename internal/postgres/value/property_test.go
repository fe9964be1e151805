package value

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// numericWire encodes digits with a point before the last dscale of them, as numeric_send does.
func numericWire(negative bool, whole, fraction string) []byte {
	dscale := len(fraction)
	whole = strings.Repeat("0", (4-len(whole)%4)%4) + whole
	fraction += strings.Repeat("0", (4-len(fraction)%4)%4)
	weight := len(whole)/4 - 1
	var groups []uint16
	for digits := whole + fraction; digits != ""; digits = digits[4:] {
		var g uint16
		fmt.Sscanf(digits[:4], "%d", &g)
		groups = append(groups, g)
	}
	for len(groups) > 0 && groups[0] == 0 {
		groups = groups[1:]
		weight--
	}
	for len(groups) > 0 && groups[len(groups)-1] == 0 {
		groups = groups[:len(groups)-1]
	}
	var sign uint16
	if len(groups) == 0 {
		weight = 0
	} else if negative {
		sign = numericNegative
	}
	wire := binary.BigEndian.AppendUint16(nil, uint16(len(groups)))
	wire = binary.BigEndian.AppendUint16(wire, uint16(weight))
	wire = binary.BigEndian.AppendUint16(wire, sign)
	wire = binary.BigEndian.AppendUint16(wire, uint16(dscale))
	for _, g := range groups {
		wire = binary.BigEndian.AppendUint16(wire, g)
	}
	return wire
}

// A numeric fits a DECIMAL exactly if it is a whole number of the scale's units and below the
// precision's limit. The decoded value is then equal.
func TestNumericFitsExactlyWhatItShould(t *testing.T) {
	digits := func(most int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			n := rapid.IntRange(0, most).Draw(t, "length")
			full := rapid.SampledFrom([]string{"9", "0", "1", "random"}).Draw(t, "kind")
			if full != "random" {
				return strings.Repeat(full, n)
			}
			return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), n, n, -1).Draw(t, "digits")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.Int32Range(1, 38).Draw(t, "precision")
		scale := rapid.Int32Range(0, precision).Draw(t, "scale")
		whole, fraction := digits(40).Draw(t, "whole"), digits(40).Draw(t, "fraction")
		negative := rapid.Bool().Draw(t, "negative")
		target := decimal(precision, scale)
		wire := numericWire(negative, whole, fraction)
		text := string(appendNumericText(nil, wire))

		want, _ := new(big.Rat).SetString(text)
		want.Mul(want, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
		fits := want.IsInt() && want.Num().CmpAbs(limit) < 0

		fromText, err := NewText(numericType, target, Options{})
		if err != nil {
			t.Fatal(err)
		}
		fromBinary, err := NewBinary(schema.CodecNumeric, numericType, target, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for how, in := range map[*Decoder][]byte{fromText: []byte(text), fromBinary: wire} {
			column := vector.NewColumn(target)
			rescued, err := how.Append(column, in)
			if err != nil {
				t.Fatal(err)
			}
			if (rescued == nil) != fits || rescued != nil && string(rescued) != text {
				t.Fatalf("%s into %s: rescued %q, want it to fit: %v", text, target, rescued, fits)
			}
			if got := column.Array().(*array.Decimal128).Value(0).BigInt(); fits && got.Cmp(want.Num()) != 0 {
				t.Fatalf("%s into %s: %s units, want %s", text, target, got, want.Num())
			}
		}
	})
}

// The calendar agrees with the standard library's, in range and beyond.
func TestCalendarAgreesWithTime(t *testing.T) {
	dates := newText(t, dateType, schema.Type{Kind: schema.Date})
	stamps := newText(t, timestampTZ, schema.Type{Kind: schema.TimestampUTC})
	check := func(t *rapid.T, micros int64) {
		at := time.UnixMicro(micros).UTC()
		year := at.Year()
		era, shown := "", year
		if year <= 0 {
			era, shown = " BC", 1-year
		}
		wantDay := fmt.Sprintf("%04d-%s", shown, at.Format("01-02"))
		wantStamp := wantDay + " " + at.Format("15:04:05.999999") + "+00" + era
		stampWire := binary.BigEndian.AppendUint64(nil, uint64(micros-epochMicros))
		if got := string(appendTimestampTZText(nil, stampWire)); got != wantStamp {
			t.Fatalf("%d µs: %q, want %q", micros, got, wantStamp)
		}
		dayWire := binary.BigEndian.AppendUint32(nil, uint32(floorDiv(micros, dayMicros)-epochDays))
		if got := string(appendDateText(nil, dayWire)); got != wantDay+era {
			t.Fatalf("%d µs: date %q, want %q", micros, got, wantDay+era)
		}
		fits := year >= 1 && year <= 9999
		column := vector.NewColumn(dates.target)
		if rescued, err := dates.Append(column, []byte(wantDay+era)); err != nil || (rescued == nil) != fits {
			t.Fatalf("%s: rescued %q, error %v", wantDay+era, rescued, err)
		}
		if got := int64(column.Array().(*array.Date32).Value(0)); fits && got != floorDiv(micros, dayMicros) {
			t.Fatalf("%s: day %d", wantDay, got)
		}
		column = vector.NewColumn(stamps.target)
		if rescued, err := stamps.Append(column, []byte(wantStamp)); err != nil || (rescued == nil) != fits {
			t.Fatalf("%s: rescued %q, error %v", wantStamp, rescued, err)
		}
		if got := int64(column.Array().(*array.Timestamp).Value(0)); fits && got != micros {
			t.Fatalf("%s: %d µs, want %d", wantStamp, got, micros)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.Int64Range(minMicros-5000*366*dayMicros, maxMicros+280_000*366*dayMicros).Draw(t, "wide"))
		check(t, rapid.Int64Range(minMicros, maxMicros).Draw(t, "in range"))
		for _, edge := range []int64{minMicros - 1, minMicros, maxMicros, maxMicros + 1} {
			check(t, edge)
		}
	})
}

// Every list of strings survives array_out's quoting.
func TestListOfStringsReadsBack(t *testing.T) {
	list := newText(t, arrayOf(textType), schema.Map(arrayOf(textType)).Type)
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(`"\{},; NUL`))), rapid.Just("NULL"), rapid.Just(""))
		want := rapid.SliceOfN(rapid.Ptr(element, true), 0, 6).Draw(t, "elements")
		column := vector.NewColumn(list.target)
		rescued, err := list.Append(column, []byte(arrayText(want)))
		if err != nil || rescued != nil {
			t.Fatalf("%s: rescued %q, error %v", arrayText(want), rescued, err)
		}
		got := column.Elem().Array().(*array.String)
		if got.Len() != len(want) {
			t.Fatalf("%s: %d elements, want %d", arrayText(want), got.Len(), len(want))
		}
		for i, w := range want {
			if got.IsNull(i) != (w == nil) || w != nil && got.Value(i) != *w {
				t.Fatalf("%s: element %d is %q", arrayText(want), i, got.ValueStr(i))
			}
		}
	})
}

// arrayText quotes as array_out does.
func arrayText(elements []*string) string {
	var out []string
	for _, e := range elements {
		switch {
		case e == nil:
			out = append(out, "NULL")
		case *e == "" || strings.EqualFold(*e, "NULL") || strings.ContainsAny(*e, "\"\\{}, \t\n\r\v\f"):
			out = append(out, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(*e)+`"`)
		default:
			out = append(out, *e)
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}
