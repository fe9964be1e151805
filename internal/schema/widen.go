package schema

// Integer digits of the narrowest DECIMAL that Delta accepts for an integer type.
const (
	decimalDigitsOfInt    = 10 // SMALLINT and INT
	decimalDigitsOfBigint = 20
)

// Widens reports whether Delta's type widening turns a column of type from into one of type to and
// leaves every value as it is. A type does not widen to itself. Widens leaves out two things that
// Delta can do: elements of arrays and maps, and DATE to TIMESTAMP_NTZ, under which a rescued date
// would keep its old text.
func Widens(from, to Type) bool {
	switch to.Kind {
	case Int32:
		return from.Kind == Int16
	case Int64:
		return from.Kind == Int16 || from.Kind == Int32
	case Float64:
		return from.Kind == Int16 || from.Kind == Int32 || from.Kind == Float32
	case Decimal:
		whole := to.Precision - to.Scale
		switch from.Kind {
		case Int16, Int32:
			return whole >= decimalDigitsOfInt
		case Int64:
			return whole >= decimalDigitsOfBigint
		case Decimal:
			return to.Scale >= from.Scale && whole >= from.Precision-from.Scale && !to.Equal(from)
		default:
			return false
		}
	default:
		return false
	}
}

// NumericScale is the scale of a numeric's modifier, from -1000 to 1000. ok is false without a
// modifier.
func (t PostgresType) NumericScale() (scale int32, ok bool) {
	if t.Base != OIDNumeric || t.BaseTypmod < 4 {
		return 0, false
	}
	return numericScale(t.BaseTypmod), true
}

// numericScale reads a modifier's lower 11 bits, a signed number since PostgreSQL 15.
func numericScale(typmod int32) int32 { return ((typmod-4)&0x7ff ^ 1024) - 1024 }
