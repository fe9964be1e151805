package shape

import "github.com/ingest-tool/ingest/internal/schema"

// Castable reports whether a column can be stored as another type, for the values that fit: any type
// as STRING, numbers as other numbers, json as VARIANT, and elements of arrays likewise.
func Castable(from schema.PostgresType, to schema.Type) bool {
	native := schema.Map(from).Type
	switch {
	case to.Kind == schema.String, to.Equal(native):
		return true
	case to.Kind == schema.Variant:
		return isJSON(from)
	case from.Base == schema.OIDMoney:
		return to.Kind == schema.Decimal
	case from.Elem != nil && native.Kind == schema.List:
		return to.Kind == schema.List && to.Elem.Kind != schema.Variant && Castable(*from.Elem, *to.Elem)
	case from.Base == schema.OIDNumeric, whole(native.Kind):
		return whole(to.Kind) || to.Kind == schema.Decimal || to.Kind == schema.Float64
	case native.Kind == schema.Float32:
		return to.Kind == schema.Float64
	}
	return false
}

func whole(k schema.Kind) bool {
	return k == schema.Int16 || k == schema.Int32 || k == schema.Int64
}

// targets lists, for people, what a type can become.
func targets(from schema.PostgresType) []string {
	var out []string
	add := func(name string, t schema.Type) {
		if Castable(from, t) {
			out = append(out, name)
		}
	}
	if native := schema.Map(from).Type; native.Kind != schema.String {
		out = append(out, native.String())
	}
	for _, k := range []schema.Kind{schema.Int16, schema.Int32, schema.Int64} {
		if schema.Map(from).Type.Kind != k {
			add(schema.Type{Kind: k}.String(), schema.Type{Kind: k})
		}
	}
	add("any DECIMAL", schema.Type{Kind: schema.Decimal, Precision: 38})
	if schema.Map(from).Type.Kind != schema.Float64 {
		add("DOUBLE", schema.Type{Kind: schema.Float64})
	}
	add("VARIANT", schema.Type{Kind: schema.Variant})
	return append(out, "STRING")
}
