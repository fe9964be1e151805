package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ingest/internal/postgres"
	"ingest/internal/postgres/copybinary"
	"ingest/internal/schema"
)

// errEnough ends a reading early.
var errEnough = errors.New("enough")

func ignoreEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// sourceSQL is the COPY of a leaf's rows as the texts of their types' output
// functions.
func (c *comparison) sourceSQL(leaf schema.TableName) string {
	fields := make([]string, len(c.table.Columns))
	for i, col := range c.table.Columns {
		fields[i] = postgres.OutputText(schema.QuotePostgres(col.Name))
	}
	return "COPY (SELECT " + strings.Join(fields, ", ") + c.from(leaf) + ") TO STDOUT (FORMAT binary)"
}

// from names the rows of a leaf that are published.
func (c *comparison) from(leaf schema.TableName) string {
	sql := " FROM ONLY " + leaf.SQL()
	if filter := c.relation.Published.Filter; filter != "" {
		sql += " WHERE (" + filter + ")"
	}
	return sql
}

// sourceRows reads the source's rows in the point's snapshot and calls row with
// their cells, which are valid during the call. It ends early, without an
// error, when row returns errEnough.
func (c *comparison) sourceRows(ctx context.Context, row func(cells [][]byte) error) error {
	codecs, err := c.codecs()
	if err != nil {
		return err
	}
	cells, buffers := make([][]byte, len(codecs)), make([][]byte, len(codecs))
	tuple := func(fields [][]byte) error {
		for i, text := range fields {
			cells[i] = nil
			if text == nil {
				continue
			}
			text = codecs[i].utf8(c.v.Source.Charset(), text)
			var ok bool
			if buffers[i], ok = codecs[i].masking(buffers[i][:0], text); ok {
				cells[i] = buffers[i]
			}
		}
		return row(cells)
	}
	for _, leaf := range c.leaves() {
		if err := c.copyLeaf(ctx, leaf, tuple); err != nil {
			return ignoreEnough(err)
		}
	}
	return nil
}

func (c *comparison) copyLeaf(ctx context.Context, leaf schema.TableName, tuple func([][]byte) error) error {
	conn, err := c.point.snapshot.Join(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	parser := copybinary.NewParser(len(c.table.Columns), tuple)
	if _, err := conn.PgConn().CopyTo(ctx, parser, c.v.Source.RawSQL(c.sourceSQL(leaf))); err != nil {
		if errors.Is(err, errEnough) {
			return err
		}
		return postgres.Error("copy "+leaf.String(), err)
	}
	if err := parser.Close(); err != nil {
		return fmt.Errorf("copy %s: %w", leaf, err)
	}
	return nil
}
