package translate

import (
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// hash64 is xxhash64: Spark's HashExpression, whose value depends on the types
// of the arguments. Each argument comes to DuckDB as the number or the bytes that
// Spark hashes; the function itself chains them.
func hash64(in *invocation) (value, error) {
	parts := make([]string, len(in.args))
	for i, a := range in.args {
		sql, err := in.t.hashable(a.sql, a.typ)
		if err != nil {
			return value{}, err
		}
		parts[i] = sql
	}
	return value{sql: Hash64 + "(" + strings.Join(parts, ", ") + ")", typ: sparksql.Long}, nil
}

// hashable is what Spark hashes of a value: an INTEGER, a BIGINT, the bits of a
// floating-point number, a text, bytes, or a list of them.
func (t *Translator) hashable(sql string, typ sparksql.Type) (string, error) {
	switch typ.Kind {
	case sparksql.VoidType:
		return "CAST(NULL AS INTEGER)", nil
	case sparksql.BooleanType, sparksql.ByteType, sparksql.ShortType:
		return "CAST(" + sql + " AS INTEGER)", nil
	case sparksql.IntType, sparksql.LongType, sparksql.FloatType, sparksql.DoubleType, sparksql.StringType, sparksql.BinaryType:
		return sql, nil
	case sparksql.DateType:
		return "CAST(" + sql + " - DATE '1970-01-01' AS INTEGER)", nil
	case sparksql.TimestampType, sparksql.TimestampNTZType:
		return "epoch_us(" + sql + ")", nil
	case sparksql.ArrayType:
		e := t.fresh("e")
		inner, err := t.hashable(e, *typ.Elem)
		if err != nil || inner == e {
			return sql, err
		}
		return "list_transform(" + sql + ", lambda " + e + ": " + inner + ")", nil
	default:
		return "", sparksql.Unsupported("xxhash64 of %s", typ.SQL())
	}
}
