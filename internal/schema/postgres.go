package schema

// Codec is how a value of a Postgres type arrives in COPY BINARY. Types with CodecText are selected as
// Postgres's own text instead. The snapshot then reads the same text that pgoutput sends.
type Codec uint8

// The codecs. All but CodecText name the binary send format of a type.
const (
	CodecText        Codec = iota // the output function's text
	CodecRawText                  // the binary format is the text itself: text, varchar, bpchar, name, enum, json …
	CodecBool                     // 1 byte
	CodecInt2                     // big-endian
	CodecInt4                     //
	CodecInt8                     //
	CodecOID                      // unsigned 32 bits
	CodecFloat4                   //
	CodecFloat8                   //
	CodecNumeric                  // base 10000
	CodecMoney                    // int64 cents
	CodecJSONB                    // version byte 1, then text
	CodecUUID                     // 16 bytes
	CodecBytea                    // the bytes
	CodecDate                     // days since 2000-01-01
	CodecTimestamp                // microseconds since 2000-01-01
	CodecTimestampTZ              // the same, UTC
)

// PostgresType is a type of the source as its catalog describes it.
type PostgresType struct {
	OID    uint32 `json:"oid"`
	Typmod int32  `json:"typmod"` // -1: none
	// Name is the result of format_type, for people: numeric(10,2), citext, public.mood.
	Name string `json:"name"`
	// Base is the type with all domains removed. BaseTypmod is the modifier from the domain or the
	// column.
	Base       uint32 `json:"base"`
	BaseTypmod int32  `json:"base_typmod"`
	// Class is pg_type.typtype of the base: b base, e enum, c composite, r range, m multirange, p
	// pseudo.
	Class string `json:"class"`
	// Elem is set for true arrays (typcategory A with a subscript handler of arrays).
	Elem *PostgresType `json:"elem,omitempty"`
	// Delim separates elements of an array of this type: ',' for all but box.
	Delim string `json:"delim,omitempty"`
	// Extension is the extension that owns the base. BaseName is the base's name without a schema: the
	// OIDs of such types differ between databases. Both are empty for types of no extension.
	Extension string `json:"extension,omitempty"`
	BaseName  string `json:"base_name,omitempty"`
}

// OIDs of the built-in types in the table below.
const (
	OIDBool        = 16
	OIDBytea       = 17
	OIDChar        = 18
	OIDName        = 19
	OIDInt8        = 20
	OIDInt2        = 21
	OIDInt2Vector  = 22
	OIDInt4        = 23
	OIDText        = 25
	OIDOID         = 26
	OIDXID         = 28
	OIDCID         = 29
	OIDOIDVector   = 30
	OIDJSON        = 114
	OIDXML         = 142
	OIDFloat4      = 700
	OIDFloat8      = 701
	OIDMoney       = 790
	OIDBPChar      = 1042
	OIDVarchar     = 1043
	OIDDate        = 1082
	OIDTime        = 1083
	OIDTimestamp   = 1114
	OIDTimestampTZ = 1184
	OIDInterval    = 1186
	OIDTimeTZ      = 1266
	OIDNumeric     = 1700
	OIDUUID        = 2950
	OIDJSONB       = 3802
)

// rule is one row of the type table.
type rule struct {
	codec  Codec
	target Type
}

// rules is the type table: Postgres base type → codec and target. Map computes numeric from its
// modifier and arrays from their element. Types of extensions are in extensionRules. A type in neither
// table is STRING, in Postgres's own text.
var rules = map[uint32]rule{
	OIDBool:        {CodecBool, Type{Kind: Bool}},
	OIDInt2:        {CodecInt2, Type{Kind: Int16}},
	OIDInt4:        {CodecInt4, Type{Kind: Int32}},
	OIDInt8:        {CodecInt8, Type{Kind: Int64}},
	OIDOID:         {CodecOID, Type{Kind: Int64}},
	OIDXID:         {CodecOID, Type{Kind: Int64}},
	OIDCID:         {CodecOID, Type{Kind: Int64}},
	OIDFloat4:      {CodecFloat4, Type{Kind: Float32}},
	OIDFloat8:      {CodecFloat8, Type{Kind: Float64}},
	OIDMoney:       {CodecMoney, Type{Kind: Decimal, Precision: 19, Scale: 2}},
	OIDText:        {CodecRawText, Type{Kind: String}},
	OIDVarchar:     {CodecRawText, Type{Kind: String}},
	OIDBPChar:      {CodecRawText, Type{Kind: String}},
	OIDName:        {CodecRawText, Type{Kind: String}},
	OIDJSON:        {CodecRawText, Type{Kind: String}},
	OIDJSONB:       {CodecJSONB, Type{Kind: String}},
	OIDUUID:        {CodecUUID, Type{Kind: String}},
	OIDBytea:       {CodecBytea, Type{Kind: Binary}},
	OIDDate:        {CodecDate, Type{Kind: Date}},
	OIDTimestamp:   {CodecTimestamp, Type{Kind: Timestamp}},
	OIDTimestampTZ: {CodecTimestampTZ, Type{Kind: TimestampUTC}},
}

// An extensionType identifies a type by its name in its extension.
type extensionType struct{ extension, name string }

var float32Type = Type{Kind: Float32}

// extensionRules are the rows of the type table for types of extensions. All of them arrive as text.
var extensionRules = map[extensionType]Type{
	{"hstore", "hstore"}:  {Kind: StringMap, Elem: &stringType},
	{"vector", "vector"}:  {Kind: List, Elem: &float32Type},
	{"vector", "halfvec"}: {Kind: List, Elem: &float32Type},
}

// IsHstore reports whether t is hstore's type, or a domain over it.
func (t PostgresType) IsHstore() bool {
	return t.Extension == "hstore" && t.BaseName == "hstore"
}

// IsVector reports whether t is one of pgvector's dense vectors, or a domain over one. Its text is a
// list of numbers in brackets.
func (t PostgresType) IsVector() bool {
	return t.Extension == "vector" && (t.BaseName == "vector" || t.BaseName == "halfvec")
}

// Mapping is the type table's result for one Postgres type.
type Mapping struct {
	Codec Codec // how COPY BINARY delivers it
	Type  Type  // what it becomes
}

// Map looks a Postgres type up in the type table. It accepts every type: an unknown one becomes
// STRING, in Postgres's own text.
func Map(t PostgresType) Mapping {
	// The catalog shows the two vectors as arrays, but their text has no braces.
	if t.Elem != nil && t.Base != OIDInt2Vector && t.Base != OIDOIDVector {
		elem := Map(*t.Elem).Type
		// An array arrives as text on both read paths: one parser, one result.
		return Mapping{Codec: CodecText, Type: Type{Kind: List, Elem: &elem}}
	}
	if t.Class == "e" {
		return Mapping{Codec: CodecRawText, Type: Type{Kind: String}}
	}
	if t.Base == OIDNumeric {
		return Mapping{Codec: CodecNumeric, Type: numericTarget(t.BaseTypmod)}
	}
	if r, ok := rules[t.Base]; ok {
		return Mapping{Codec: r.codec, Type: r.target}
	}
	if target, ok := extensionRules[extensionType{t.Extension, t.BaseName}]; ok {
		return Mapping{Codec: CodecText, Type: target}
	}
	return Mapping{Codec: CodecText, Type: Type{Kind: String}}
}

// numericTarget reads numeric's modifier. The upper 16 bits are the precision. The lower bits hold the
// scale as an 11-bit signed number (negative since PostgreSQL 15).
func numericTarget(typmod int32) Type {
	if typmod < 4 {
		return Type{Kind: String}
	}
	precision := ((typmod - 4) >> 16) & 0xffff
	scale := numericScale(typmod)
	switch {
	case scale < 0:
		precision, scale = precision-scale, 0
	case scale > precision:
		precision = scale
	}
	if precision > MaxDecimalPrecision {
		return Type{Kind: String}
	}
	return Type{Kind: Decimal, Precision: precision, Scale: scale}
}
