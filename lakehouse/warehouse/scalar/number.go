package scalar

import (
	"math"
	"strconv"
	"strings"
)

// JavaFloat writes a number as Java's Double.toString and Float.toString do.
func JavaFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0:
		if math.Signbit(v) {
			return "-0.0"
		}
		return "0.0"
	}
	if abs := math.Abs(v); abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(v, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		// Of numbers with two digits Java takes the nearest: 4.9E-324.
		mantissa, exponent, _ = strings.Cut(strconv.FormatFloat(v, 'e', 1, bits), "e")
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// DuckFloat converts a floating-point number in Spark's syntax to DuckDB's.
func DuckFloat(s string) string {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "infinity", "+infinity", "inf", "+inf":
		return "inf"
	case "-infinity", "-inf":
		return "-inf"
	case "nan":
		return "nan"
	}
	if s != "" && strings.ContainsRune("dDfF", rune(s[len(s)-1])) {
		return s[:len(s)-1]
	}
	return strings.ReplaceAll(s, "_", "?")
}
