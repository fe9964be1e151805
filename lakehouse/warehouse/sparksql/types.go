package sparksql

import (
	"fmt"
	"strings"
)

// TypeKind is a family of Databricks' types.
type TypeKind uint8

// The families, numeric ones in order of width.
const (
	VoidType TypeKind = iota
	BooleanType
	ByteType
	ShortType
	IntType
	LongType
	DecimalType
	FloatType
	DoubleType
	StringType // also VARCHAR(n) and CHAR(n), with Length
	BinaryType
	DateType
	TimestampType
	TimestampNTZType
	IntervalType
	ArrayType
	MapType
	StructType
	VariantType
)

// Type is a Databricks type. Elem is an array's element or a map's value, Key a
// map's key. Values are not changed after they are made, so they may be shared.
type Type struct {
	Kind             TypeKind
	Precision, Scale int
	Length           int  // of VARCHAR(n) and CHAR(n); 0 is STRING
	Fixed            bool // CHAR
	Key, Elem        *Type
	Fields           []Field
}

// Field is one of a STRUCT's.
type Field struct {
	Name string
	Type Type
}

// Types without parameters.
var (
	Void         = Type{Kind: VoidType}
	Boolean      = Type{Kind: BooleanType}
	Byte         = Type{Kind: ByteType}
	Short        = Type{Kind: ShortType}
	Int          = Type{Kind: IntType}
	Long         = Type{Kind: LongType}
	FloatOf      = Type{Kind: FloatType}
	DoubleOf     = Type{Kind: DoubleType}
	String       = Type{Kind: StringType}
	Binary       = Type{Kind: BinaryType}
	Date         = Type{Kind: DateType}
	Timestamp    = Type{Kind: TimestampType}
	TimestampNTZ = Type{Kind: TimestampNTZType}
	Interval     = Type{Kind: IntervalType}
	Variant      = Type{Kind: VariantType}
)

// DecimalOf is DECIMAL(p,s), brought within 38 digits by giving up fraction
// digits beyond six, as Spark does for the results of arithmetic.
func DecimalOf(p, s int) Type {
	if p > 38 {
		keep := min(s, 6)
		s = max(38-(p-s), keep)
		p = 38
	}
	return Type{Kind: DecimalType, Precision: p, Scale: s}
}

// ArrayOf is ARRAY<e>.
func ArrayOf(e Type) Type { return Type{Kind: ArrayType, Elem: &e} }

// MapOf is MAP<k,v>.
func MapOf(k, v Type) Type { return Type{Kind: MapType, Key: &k, Elem: &v} }

// Integral reports whether t is one of the four integer types.
func (t Type) Integral() bool { return t.Kind >= ByteType && t.Kind <= LongType }

// Numeric reports whether t is a number.
func (t Type) Numeric() bool { return t.Kind >= ByteType && t.Kind <= DoubleType }

// Nested reports whether t has types inside.
func (t Type) Nested() bool { return t.Kind >= ArrayType && t.Kind <= StructType }

var simpleNames = map[TypeKind][2]string{ // Databricks' name, DuckDB's name
	VoidType: {"void", `"NULL"`}, BooleanType: {"boolean", "BOOLEAN"}, ByteType: {"tinyint", "TINYINT"},
	ShortType: {"smallint", "SMALLINT"}, IntType: {"int", "INTEGER"}, LongType: {"bigint", "BIGINT"},
	FloatType: {"float", "FLOAT"}, DoubleType: {"double", "DOUBLE"}, StringType: {"string", "VARCHAR"},
	BinaryType: {"binary", "BLOB"}, DateType: {"date", "DATE"}, TimestampType: {"timestamp", "TIMESTAMPTZ"},
	TimestampNTZType: {"timestamp_ntz", "TIMESTAMP"}, IntervalType: {"interval", "INTERVAL"}, VariantType: {"variant", "VARCHAR"},
}

// String is the type as DESCRIBE shows it: lower case, no blanks.
func (t Type) String() string {
	switch t.Kind {
	case DecimalType:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case StringType:
		if t.Length > 0 && t.Fixed {
			return fmt.Sprintf("char(%d)", t.Length)
		} else if t.Length > 0 {
			return fmt.Sprintf("varchar(%d)", t.Length)
		}
		return simpleNames[t.Kind][0]
	case ArrayType:
		return "array<" + t.Elem.String() + ">"
	case MapType:
		return "map<" + t.Key.String() + "," + t.Elem.String() + ">"
	case StructType:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = quoteIfNeeded(f.Name) + ":" + f.Type.String()
		}
		return "struct<" + strings.Join(parts, ",") + ">"
	default:
		return simpleNames[t.Kind][0]
	}
}

// SQL is the type in upper case, as Databricks' messages and CAST columns show it.
func (t Type) SQL() string {
	switch t.Kind {
	case ArrayType:
		return "ARRAY<" + t.Elem.SQL() + ">"
	case MapType:
		return "MAP<" + t.Key.SQL() + ", " + t.Elem.SQL() + ">"
	case StructType:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = quoteIfNeeded(f.Name) + ": " + f.Type.SQL()
		}
		return "STRUCT<" + strings.Join(parts, ", ") + ">"
	default:
		return strings.ToUpper(t.String())
	}
}

// DuckDB is the type that DuckDB stores t as.
func (t Type) DuckDB() string {
	switch t.Kind {
	case DecimalType:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case ArrayType:
		return t.Elem.DuckDB() + "[]"
	case MapType:
		return "MAP(" + t.Key.DuckDB() + ", " + t.Elem.DuckDB() + ")"
	case StructType:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = QuoteDuckDB(f.Name) + " " + f.Type.DuckDB()
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	default:
		return simpleNames[t.Kind][1]
	}
}

// Equal compares by structure; field names without regard to case.
func (t Type) Equal(o Type) bool {
	if t.Kind != o.Kind || t.Precision != o.Precision || t.Scale != o.Scale || t.Length != o.Length || t.Fixed != o.Fixed ||
		len(t.Fields) != len(o.Fields) {
		return false
	}
	for i := range t.Fields {
		if !strings.EqualFold(t.Fields[i].Name, o.Fields[i].Name) || !t.Fields[i].Type.Equal(o.Fields[i].Type) {
			return false
		}
	}
	return equalRef(t.Key, o.Key) && equalRef(t.Elem, o.Elem)
}

func equalRef(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// QuoteDuckDB quotes an identifier for DuckDB.
func QuoteDuckDB(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// QuoteText quotes a string literal for DuckDB, which knows no escapes in it.
func QuoteText(s string) string {
	s = strings.ReplaceAll(s, `'`, `''`)
	if strings.IndexByte(s, 0) < 0 {
		return "'" + s + "'"
	}
	return "('" + strings.ReplaceAll(s, "\x00", "' || chr(0) || '") + "')"
}

// QuoteSpark quotes an identifier with backticks.
func QuoteSpark(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func quoteIfNeeded(name string) string {
	for i, r := range name {
		if !isWordStart(r) && (i == 0 || r < '0' || r > '9') {
			return QuoteSpark(name)
		}
	}
	return name
}

// ParseType reads one type, for instance decimal(10,2) or array<struct<a:int>>.
func ParseType(text string) (Type, error) {
	p, err := newParser(text)
	if err != nil {
		return Type{}, err
	}
	t, err := p.dataType()
	if err != nil {
		return Type{}, err
	}
	return t, p.end()
}

// ParseColumns reads a list of columns as read_files takes it: `a` INT, b STRING.
func ParseColumns(text string) ([]ColumnDef, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	cols, err := p.columnDefs()
	if err != nil {
		return nil, err
	}
	return cols, p.end()
}
