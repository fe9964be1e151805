package verify

import (
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Every valid day and some invalid ones, according to Go's own calendar.
func TestParseDate(t *testing.T) {
	var buf []byte
	for at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		buf = at.AppendFormat(buf[:0], time.DateOnly)
		if days, ok := parseDate(buf); !ok || days != at.Unix()/86400 {
			t.Fatalf("%s: %d %t, want %d", buf, days, ok, at.Unix()/86400)
		}
	}
	for _, text := range []string{"0000-01-01", "2023-02-29", "1900-02-29", "2024-04-31",
		"2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2024/01/01", "2024-1-01 ", "-024-01-01"} {
		if days, ok := parseDate([]byte(text)); ok {
			t.Errorf("%s is %d", text, days)
		}
	}
}

// A numeric that is stored as an integer fits if only zeros follow its point.
func TestNumericAsInteger(t *testing.T) {
	c := newCodec(schema.Type{Kind: schema.Int32}, schema.PostgresType{Base: schema.OIDNumeric})
	for text, want := range map[string]string{
		"7.00": "v7", "-100.0": "v-100", "100": "v100", "0.00": "v0", "7.50": "t7.50", "7.05": "t7.05",
		"3000000000.00": "t3000000000.00", "NaN": "tNaN",
	} {
		if got := c.source(nil, []byte(text)); string(got) != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func FuzzParseTimestamp(f *testing.F) {
	for _, text := range []string{"2024-02-29 23:59:59.999999", "1969-12-31 23:59:59.5", "0001-01-01 00:00:00", "9999-12-31 23:59:60",
		"2024-01-01 24:00:00", "2024-01-01 00:00:00.", "2024-01-01T00:00:00", "2024-01-01 00:00:00,5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		micros, ok := parseTimestamp([]byte(text), false)
		want, err := time.Parse("2006-01-02 15:04:05.999999", text)
		if ok && (err != nil || micros != want.UnixMicro()) {
			t.Errorf("%q: %d, want %v %v", text, micros, want, err)
		}
		if zoned, again := parseTimestamp([]byte(text+"+00"), true); zoned != micros || again != ok {
			t.Errorf("%q: %d %t with a zone, %d %t without", text, zoned, again, micros, ok)
		}
		if ok {
			const layout = "2006-01-02 15:04:05.000000"
			if back, ok := parseTimestamp([]byte(time.UnixMicro(micros).UTC().Format(layout)), false); !ok || back != micros {
				t.Errorf("%q: %d comes back as %d", text, micros, back)
			}
		}
	})
}
