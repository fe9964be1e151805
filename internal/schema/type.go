package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Kind is the physical shape of a target type: one Kind is one memory layout, one Arrow type and one
// Parquet type.
type Kind uint8

// The kinds, each with its Databricks type.
const (
	Invalid      Kind = iota
	Bool              // BOOLEAN
	Int16             // SMALLINT
	Int32             // INT
	Int64             // BIGINT
	Float32           // FLOAT
	Float64           // DOUBLE
	Decimal           // DECIMAL(Precision, Scale), Precision 1 to 38
	String            // STRING
	Binary            // BINARY
	Date              // DATE, days since 1970-01-01
	Timestamp         // TIMESTAMP_NTZ, microseconds since 1970-01-01 00:00, no zone
	TimestampUTC      // TIMESTAMP, microseconds since 1970-01-01 00:00 UTC
	Variant           // VARIANT; JSON text in files, see File
	List              // ARRAY<Elem>
	StringMap         // MAP<STRING,Elem>, no order among the keys
)

// Type is a type of the target. The zero value is not a type.
type Type struct {
	Kind      Kind
	Precision int32 // Decimal only
	Scale     int32 // Decimal only
	Elem      *Type // List and StringMap only
}

// MaxDecimalPrecision is the largest precision of a Databricks DECIMAL.
const MaxDecimalPrecision = 38

var kindNames = [...]string{
	Bool: "BOOLEAN", Int16: "SMALLINT", Int32: "INT", Int64: "BIGINT", Float32: "FLOAT", Float64: "DOUBLE",
	String: "STRING", Binary: "BINARY", Date: "DATE", Timestamp: "TIMESTAMP_NTZ", TimestampUTC: "TIMESTAMP",
	Variant: "VARIANT",
}

// String is the type's name in Databricks SQL.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case List:
		return "ARRAY<" + t.Elem.String() + ">"
	case StringMap:
		return "MAP<STRING," + t.Elem.String() + ">"
	case Invalid:
		return "INVALID"
	default:
		return kindNames[t.Kind]
	}
}

// Nested reports whether values of t have elements of type Elem.
func (t Type) Nested() bool { return t.Kind == List || t.Kind == StringMap }

// File is the type of the column in a segment. It is t itself, except for VARIANT: segments hold JSON
// text, which the load parses.
func (t Type) File() Type {
	if t.Kind == Variant {
		return Type{Kind: String}
	}
	return t
}

// Equal reports whether both are the same type.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Precision != u.Precision || t.Scale != u.Scale {
		return false
	}
	return !t.Nested() || t.Elem.Equal(*u.Elem)
}

// Arrow is the Arrow type of a column of t in memory. Parquet uses it too.
func (t Type) Arrow() arrow.DataType {
	switch t.Kind {
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case Int16:
		return arrow.PrimitiveTypes.Int16
	case Int32:
		return arrow.PrimitiveTypes.Int32
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Float32:
		return arrow.PrimitiveTypes.Float32
	case Float64:
		return arrow.PrimitiveTypes.Float64
	case Decimal:
		return &arrow.Decimal128Type{Precision: t.Precision, Scale: t.Scale}
	case String, Variant:
		return arrow.BinaryTypes.String
	case Binary:
		return arrow.BinaryTypes.Binary
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case TimestampUTC:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case List:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: t.Elem.Arrow(), Nullable: true})
	case StringMap:
		return arrow.MapOf(arrow.BinaryTypes.String, t.Elem.Arrow())
	default:
		panic("schema: Arrow of an invalid type")
	}
}

// MarshalText writes the type as String does.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Type) UnmarshalText(text []byte) error {
	parsed, err := ParseType(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// ParseType reads a Databricks type name of the kinds above. It ignores case.
func ParseType(s string) (Type, error) {
	u := strings.ToUpper(strings.Join(strings.Fields(s), ""))
	for kind, name := range kindNames {
		if name != "" && name == u {
			return Type{Kind: Kind(kind)}, nil
		}
	}
	if inner, ok := strings.CutPrefix(u, "ARRAY<"); ok && strings.HasSuffix(inner, ">") {
		elem, err := ParseType(strings.TrimSuffix(inner, ">"))
		if err != nil {
			return Type{}, err
		}
		return Type{Kind: List, Elem: &elem}, nil
	}
	if inner, ok := strings.CutPrefix(u, "MAP<STRING,"); ok && strings.HasSuffix(inner, ">") {
		elem, err := ParseType(strings.TrimSuffix(inner, ">"))
		if err != nil {
			return Type{}, err
		}
		return Type{Kind: StringMap, Elem: &elem}, nil
	}
	if inner, ok := strings.CutPrefix(u, "DECIMAL("); ok && strings.HasSuffix(inner, ")") {
		p, sc, hasScale := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
		precision, err := strconv.ParseInt(p, 10, 32)
		scale := int64(0)
		if err == nil && hasScale {
			scale, err = strconv.ParseInt(sc, 10, 32)
		}
		if err == nil && precision >= 1 && precision <= MaxDecimalPrecision && scale >= 0 && scale <= precision {
			return Type{Kind: Decimal, Precision: int32(precision), Scale: int32(scale)}, nil
		}
	}
	return Type{}, fmt.Errorf("type %q: want BOOLEAN, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p,s) with p ≤ 38, STRING, BINARY, DATE, "+
		"TIMESTAMP, TIMESTAMP_NTZ, VARIANT, ARRAY<…> or MAP<STRING,…>", s)
}
