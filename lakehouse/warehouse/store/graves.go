//go:build cgo

package store

import (
	"context"
	"fmt"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Graves. To delete a row from a table of DuckDB and to copy it to the dead rows means to read the whole table, with all columns. So a
// dead row first stays where it is, as in a Delta table with deletion vectors: the generation's graves have its row id, and the
// version that ended it. Once there are many, one statement moves all of them to the dead rows and writes the table again.
//
// DuckDB gives rows other row ids only after some were deleted, and at the end of the transaction that wrote them. No row is ever
// deleted from a table with graves. Tables of older workspaces and of other programs are written again with their first grave.
const (
	minGraves = 10_000    // these are allowed to a table of any size
	maxGraves = 1_000_000 // a read of an old version keeps their row ids in memory
	maxRows   = 1 << 30   // a bigger table has no graves: the numbers of bits are of 31 bits
)

// GravesName is the hidden table of the graves of a generation.
func GravesName(g int64) string { return fmt.Sprintf("x%d", g) }

// Graves is the table of a table's graves. It has the columns translate.RowID and DiedColumn.
func (c *Catalog) Graves(t *Table) string { return c.Hidden(GravesName(t.Generation)) }

// unburied are the rows that a table has, with all columns of DuckDB's table.
func (c *Catalog) unburied(ctx context.Context, on execer, t *Table) (string, error) {
	rows, err := c.Stored(ctx, on, t)
	from := rows.From
	if t.Graves > 0 {
		from += " ANTI JOIN " + c.Graves(t) + " AS g ON g." + translate.RowID + " = " + rows.ID
	}
	return "SELECT " + rows.All + " FROM " + from, err
}

// Living are the stored rows that a table has, and the condition that selects them, until the transaction ends. A variable of the
// connection has a bit for each row. DuckDB thus filters rows while it reads them. With a join, it would take the table for one of a
// fifth of its size, and would build the hash table of the next join of it.
func (t *Txn) Living(c *Catalog, m *Table) (Rows, error) {
	rows, err := c.Stored(t.Ctx, t.Conn, m)
	if rows.From += " WHERE "; m.Graves <= 0 || err != nil {
		rows.From += "true"
		return rows, err
	}
	n, err := t.Number("SELECT 1 + max(" + translate.RowID + ") FROM " + c.Graves(m))
	if err != nil {
		return Rows{}, err
	}
	name := fmt.Sprintf("graves %s %d", c.Name, m.Generation)
	t.variables = append(t.variables, name)
	if err := t.Exec(fmt.Sprintf("SET VARIABLE %s = (SELECT bitstring_agg(%s, 0, %d) FROM %s)", sparksql.QuoteDuckDB(name), translate.RowID,
		n-1, c.Graves(m))); err != nil {
		return Rows{}, err
	}
	rows.From += fmt.Sprintf("CASE WHEN %s < %d THEN get_bit(getvariable(%s), CAST(%[1]s AS INTEGER)) = 0 ELSE true END", rows.ID, n,
		sparksql.QuoteText(name))
	return rows, nil
}

// Buried are the dead rows among the stored ones, as l and g.
func (c *Catalog) Buried(ctx context.Context, on execer, t *Table) (Rows, error) {
	rows, err := c.Stored(ctx, on, t)
	rows.From += " JOIN (FROM " + c.Graves(t) + ") AS g ON g." + translate.RowID + " = " + rows.ID
	return rows, err
}

// Bury adds graves: a query's row ids and the stamps of their deaths.
func (c *Catalog) Bury(ctx context.Context, on execer, t *Table, rows string) error {
	graves := c.Graves(t)
	if _, err := on.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+graves+" ("+translate.RowID+" BIGINT, "+DiedColumn+" BIGINT)"); err != nil {
		return err
	}
	done, err := on.ExecContext(ctx, "INSERT INTO "+graves+" "+rows)
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	if t.Graves < 0 {
		t.Graves, t.unsettled = 0, true
	}
	t.Graves += n
	return nil
}

// exhume moves the dead rows among the stored ones to the dead rows of the generation.
func (c *Catalog) exhume(ctx context.Context, on execer, t *Table) error {
	if err := c.NeedDead(ctx, on, t); err != nil {
		return err
	}
	buried, err := c.Buried(ctx, on, t)
	if err != nil {
		return err
	}
	_, err = on.ExecContext(ctx, "INSERT INTO "+c.Hidden(DeadName(t.Generation))+" BY NAME SELECT "+buried.All+", g."+DiedColumn+
		" FROM "+buried.From)
	return err
}

// Settle writes a table again without its dead rows.
func (c *Catalog) Settle(ctx context.Context, on execer, t *Table) error {
	if t.Graves <= 0 {
		return nil
	}
	if err := c.exhume(ctx, on, t); err != nil {
		return err
	}
	rows, err := c.unburied(ctx, on, t)
	if err != nil {
		return err
	}
	table := c.Qualified(t.Schema, t.Name)
	statements := []string{"CREATE OR REPLACE TABLE " + table + " AS " + rows, "DROP TABLE IF EXISTS " + c.Graves(t)}
	for _, col := range t.Columns {
		if col.NotNull {
			statements = append(statements, "ALTER TABLE "+table+" ALTER COLUMN "+sparksql.QuoteDuckDB(col.Name)+" SET NOT NULL")
		}
	}
	for _, s := range statements {
		if _, err := on.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	t.Graves, t.unsettled = 0, false
	return c.Save(ctx, on, t)
}

// settleMany settles a table with many graves.
func (c *Catalog) settleMany(ctx context.Context, on execer, t *Table) error {
	if !t.unsettled && t.Rows < maxRows && t.Graves <= min(max(t.Rows/4, minGraves), maxGraves) {
		return nil
	}
	return c.Settle(ctx, on, t)
}
