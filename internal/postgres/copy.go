package postgres

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Range is a part of a leaf's heap: blocks From (included) to To (excluded). To 0 means open-ended.
// Number orders the ranges of a table.
type Range struct {
	Leaf     schema.TableName
	From, To int64
	Number   int
}

// Ranges cuts the leaves into ranges of about bytes each. The last range of a leaf is open-ended,
// whatever was measured. Ranges have equal numbers of blocks, but their size counts TOAST too.
func Ranges(leaves []Leaf, bytes int64) []Range {
	var out []Range
	for _, l := range leaves {
		n := max(1, min(l.Bytes/bytes, l.Blocks))
		for i := range n {
			r := Range{Leaf: l.Name, From: l.Blocks * i / n, To: l.Blocks * (i + 1) / n, Number: len(out)}
			if i == n-1 {
				r.To = 0
			}
			out = append(out, r)
		}
	}
	return out
}

// CopySQL is the statement that reads columns of a range, for the rows that pass a publication's
// filter. An empty filter means none.
func CopySQL(columns []schema.Column, filter string, r Range) string {
	exprs := make([]string, len(columns))
	for i, c := range columns {
		exprs[i] = SelectExpr(c)
	}
	return "COPY (SELECT " + strings.Join(exprs, ", ") + r.from(filter) + ") TO STDOUT (FORMAT binary)"
}

// from names the rows of a range for which all conditions hold. An empty condition means none.
func (r Range) from(conditions ...string) string {
	var where []string
	for _, c := range conditions {
		if c != "" {
			where = append(where, "("+c+")")
		}
	}
	if r.From > 0 {
		where = append(where, fmt.Sprintf("ctid >= '(%d,0)'", r.From))
	}
	if r.To > 0 {
		where = append(where, fmt.Sprintf("ctid < '(%d,0)'", r.To))
	}
	sql := " FROM ONLY " + r.Leaf.SQL()
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql
}

// SelectExpr is the expression with which COPY BINARY reads a column: the column itself if its binary
// format is decoded, else the text of its output function. A cast to text is not enough: for char(n),
// inet or boolean it differs from the output function, which pgoutput uses.
func SelectExpr(c schema.Column) string {
	if asText(c) {
		return OutputText(schema.QuotePostgres(c.Name))
	}
	return schema.QuotePostgres(c.Name)
}

// asText reports whether COPY reads a column as the text of its output function. It does if no decoder
// exists from its binary format to the target, or if a mask needs the text.
func asText(c schema.Column) bool {
	codec := schema.Map(c.Postgres).Codec
	return c.Mask != nil || codec == schema.CodecText || !value.DecodesBinary(codec, c.Type)
}

// OutputText wraps an expression to return the text of its type's output function, and NULL for NULL
// (a row of NULLs is not NULL).
func OutputText(expr string) string {
	return "CASE WHEN pg_catalog.num_nulls(" + expr + ") = 0 THEN pg_catalog.format('%s', " + expr + ") END"
}

// Decoders compiles decoders for the columns that SelectExpr reads.
func (t Text) Decoders(columns []schema.Column) ([]*value.Decoder, error) {
	out := make([]*value.Decoder, len(columns))
	for i, c := range columns {
		var err error
		if asText(c) {
			out[i], err = value.NewText(textOf(c), c.Type, t.textOptions(c))
		} else {
			out[i], err = value.NewBinary(schema.Map(c.Postgres).Codec, c.Postgres, c.Type, t.valueOptions(c))
		}
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	return out, nil
}

// TextDecoders compiles decoders for pgoutput's text format.
func (t Text) TextDecoders(columns []schema.Column) ([]*value.Decoder, error) {
	out := make([]*value.Decoder, len(columns))
	for i, c := range columns {
		var err error
		if out[i], err = value.NewText(textOf(c), c.Type, t.textOptions(c)); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	return out, nil
}

// textOf is the type of the text that a column's decoder receives: a mask returns text.
func textOf(c schema.Column) schema.PostgresType {
	if c.Mask != nil {
		return schema.PostgresType{OID: schema.OIDText, Base: schema.OIDText, Typmod: -1, BaseTypmod: -1, Class: "b", Name: "text"}
	}
	return c.Postgres
}

// textOptions are the options of a column that arrives as text. A column with a configured type keeps
// that type.
func (t Text) textOptions(c schema.Column) value.Options {
	o := t.valueOptions(c)
	o.KeepText = !c.Cast && c.Mask == nil
	return o
}

func (t Text) valueOptions(c schema.Column) value.Options {
	o := value.Options{CheckUTF8: value.Unconverted(t.encoding)}
	if c.Mask == nil { // a mask receives UTF-8, and returns it
		o.Charset = t.Charset
	}
	return o
}
