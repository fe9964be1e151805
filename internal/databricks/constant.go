package databricks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Constant is the expression of a constant of type t. value has the form of
// vector.Column.AppendJSON. The expression means the same in a session of any
// time zone.
func Constant(t schema.Type, value json.RawMessage) (string, error) {
	if string(value) == "null" {
		return Null(t), nil
	}
	switch t.Kind {
	case schema.Bool:
		return strings.ToUpper(string(value)), nil
	case schema.List, schema.StringMap:
		return nestedConstant(t, value)
	case schema.Date:
		var days int64
		err := json.Unmarshal(value, &days)
		return cast(time.Unix(days*86400, 0).UTC().Format("2006-01-02"), t), err
	case schema.Int16, schema.Int32:
		return cast(string(value), t), nil
	default:
		return textConstant(t, value)
	}
}

// textConstant is constant for the types whose values are texts in JSON.
func textConstant(t schema.Type, value json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("constant of %s: %w", t, err)
	}
	switch t.Kind {
	case schema.String:
		return Literal(text), nil
	case schema.Binary:
		return "unhex(" + Literal(text) + ")", nil
	case schema.Variant:
		return "parse_json(" + Literal(text) + ")", nil
	case schema.TimestampUTC:
		return "timestamp_micros(CAST(" + Literal(text) + " AS BIGINT))", nil
	case schema.Timestamp:
		var micros int64
		if _, err := fmt.Sscan(text, &micros); err != nil {
			return "", fmt.Errorf("constant of %s: %w", t, err)
		}
		return cast(time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.000000"), t), nil
	default:
		return cast(text, t), nil
	}
}

// Null is the expression of a NULL of type t.
func Null(t schema.Type) string { return "CAST(NULL AS " + t.String() + ")" }

// Bigint is the expression of a BIGINT.
func Bigint[T ~int64 | ~uint64](n T) string {
	return "CAST(" + strconv.FormatInt(int64(n), 10) + " AS BIGINT)"
}

// Timestamp is the expression of a TIMESTAMP, to the microsecond.
func Timestamp(t time.Time) string {
	return "timestamp_micros(" + strconv.FormatInt(t.UnixMicro(), 10) + ")"
}

func cast(text string, t schema.Type) string {
	return "CAST(" + Literal(text) + " AS " + t.String() + ")"
}

func nestedConstant(t schema.Type, value json.RawMessage) (string, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(value, &elements); err != nil {
		return "", fmt.Errorf("constant of %s: %w", t, err)
	}
	call := "array"
	var args []string
	for _, e := range elements {
		if t.Kind == schema.StringMap {
			var pair [2]json.RawMessage
			if err := json.Unmarshal(e, &pair); err != nil {
				return "", fmt.Errorf("constant of %s: %w", t, err)
			}
			key, err := Constant(schema.Type{Kind: schema.String}, pair[0])
			if err != nil {
				return "", err
			}
			args, e = append(args, key), pair[1]
		}
		arg, err := Constant(*t.Elem, e)
		if err != nil {
			return "", err
		}
		args = append(args, arg)
	}
	if t.Kind == schema.StringMap {
		call = "map"
	}
	return "CAST(" + call + "(" + strings.Join(args, ", ") + ") AS " + t.String() + ")", nil
}
