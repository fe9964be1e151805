package scalar

import (
	"encoding/json"
	"testing"
)

// The stored text of a VARIANT is JSON that parses to the same VARIANT.
func FuzzParseVariant(f *testing.F) {
	for _, seed := range []string{
		"1", "-0.00", "1e50", "5e-324", "1e400", "123456789012345678901234567890123456789", `"é\u0000\ud83d"`, "[1.0,2e0,null]",
		`{"b":1.50,"a":[true]}`, `{"😀":2,"a a":5}`, "  [ ] x", "{", "nul", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kept, err := ParseVariant(text)
		if err != nil {
			return
		}
		if _, err := ParseVariant(kept); err != nil || !json.Valid([]byte(kept)) {
			t.Errorf("%q is kept as %q: %v", text, kept, err)
		}
		if _, err := VariantText(kept); err != nil {
			t.Errorf("%q has no text: %v", kept, err)
		}
	})
}

// Numbers as Java's Double.toString and Float.toString print them.
func TestJavaFloat(t *testing.T) {
	for _, c := range []struct {
		v    float64
		bits int
		want string
	}{
		{0, 64, "0.0"}, {1, 64, "1.0"}, {0.001, 64, "0.001"}, {0.0001, 64, "1.0E-4"}, {1e7, 64, "1.0E7"}, {9999999, 64, "9999999.0"},
		{5e-324, 64, "4.9E-324"}, {1.7976931348623157e308, 64, "1.7976931348623157E308"}, {float64(float32(0.1)), 32, "0.1"},
	} {
		if got := JavaFloat(c.v, c.bits); got != c.want {
			t.Errorf("%g is %s, want %s", c.v, got, c.want)
		}
	}
}
