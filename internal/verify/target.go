package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// cellsSQL is the query for the target's rows. It selects the value and the
// rescued text of every column.
func (c *comparison) cellsSQL() string {
	var fields []string
	for i, col := range c.table.Columns {
		fields = append(fields, cellExpr(fmt.Sprintf("c%d", i), col.Type)+fmt.Sprintf(" AS v%d", i), fmt.Sprintf("r%d", i))
	}
	if len(fields) == 0 {
		fields = []string{"nothing"}
	}
	return "SELECT\n  " + strings.Join(fields, ",\n  ") + "\nFROM (\n" + c.foldSQL(c.options) + "\n) state"
}

// cellExpr is the expression that fetches a value. It is exact, and clients
// cannot alter it as they alter dates.
func cellExpr(x string, t schema.Type) string {
	switch t.Kind {
	case schema.Decimal:
		return "CAST(" + x + " AS STRING)"
	case schema.Date:
		return "unix_date(" + x + ")"
	case schema.Timestamp, schema.TimestampUTC:
		return "unix_micros(CAST(" + x + " AS TIMESTAMP))"
	case schema.List, schema.StringMap:
		return elementExpr(x, t)
	case schema.Variant:
		return "to_json(" + x + ")"
	default:
		return x
	}
}

// elementExpr is a value's text. See appendTargetText.
func elementExpr(x string, t schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "CASE WHEN " + x + " THEN 't' WHEN NOT " + x + " THEN 'f' END"
	case schema.String:
		return x
	case schema.Binary:
		return "lower(hex(" + x + "))"
	case schema.Date:
		return "CAST(unix_date(" + x + ") AS STRING)"
	case schema.Timestamp, schema.TimestampUTC:
		return "CAST(unix_micros(CAST(" + x + " AS TIMESTAMP)) AS STRING)"
	case schema.List:
		return "to_json(transform(" + x + ", e -> " + elementExpr("e", *t.Elem) + "))"
	case schema.StringMap:
		return "to_json(" + x + ")"
	default:
		return "CAST(" + x + " AS STRING)"
	}
}

// progressRows is the number of rows between two progress reports.
const progressRows = 10_000

// targetRows reads the target's rows and calls row with their cells. The cells
// are valid during the call. If row returns errEnough, the reading ends early
// and without an error.
func (c *comparison) targetRows(ctx context.Context, row func(cells [][]byte) error) error {
	rows, err := c.v.Warehouse.Rows(ctx, c.cellsSQL())
	if err != nil {
		return err
	}
	defer rows.Close()
	codecs, err := c.codecs()
	if err != nil {
		return err
	}
	cells, buffers := make([][]byte, len(codecs)), make([][]byte, len(codecs))
	var n int64
	for rows.Next() {
		values := rows.Values()
		for i, codec := range codecs {
			cell, err := codec.target(buffers[i][:0], values[2*i], values[2*i+1])
			if err != nil {
				return fmt.Errorf("read %s column %q: %w", c.target.Display(), c.table.Columns[i].Name, err)
			}
			if cells[i] = cell; cell != nil {
				buffers[i] = cell
			}
		}
		if err := row(cells); err != nil {
			return ignoreEnough(err)
		}
		if n++; n%progressRows == 0 {
			c.progress(false, progressRows)
		}
	}
	c.progress(false, n%progressRows)
	return rows.Err()
}

func (c *comparison) codecs() ([]*codec, error) {
	codecs := make([]*codec, len(c.table.Columns))
	for i, col := range c.table.Columns {
		from := col.Postgres
		if col.Mask != nil {
			from = schema.PostgresType{OID: schema.OIDText, Base: schema.OIDText}
		}
		codecs[i] = newCodec(col.Type, from)
		var err error
		if codecs[i].mask, err = c.rules.Masker(col); err != nil {
			return nil, err
		}
	}
	return codecs, nil
}

// target appends the canonical form of a value of the target. nil is a NULL
// without a rescued text.
func (c *codec) target(dst []byte, value, rescued any) ([]byte, error) {
	if value == nil {
		text, ok := rescued.(string)
		if !ok {
			return nil, nil
		}
		return c.source(dst, []byte(text)), nil
	}
	dst = append(dst, fits)
	switch v := value.(type) {
	case bool:
		if v {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float32:
		return appendFloat(dst, float64(v)), nil
	case float64:
		return appendFloat(dst, float64(v)), nil
	case []byte:
		return append(dst, v...), nil
	case string:
		return c.appendTargetText(dst, v)
	}
	return nil, fmt.Errorf("a value of type %T", value)
}
