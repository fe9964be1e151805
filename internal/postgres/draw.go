package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// DrawSQL is the statement that reads columns of one row from each given block of a leaf, among the
// rows for which all conditions hold. Its parameters are the blocks, and a number that selects a row
// of a block. A block without such a row returns none.
func DrawSQL(columns []schema.Column, leaf schema.TableName, conditions ...string) string {
	var exprs []string
	for _, c := range columns {
		exprs = append(exprs, OutputText(schema.QuotePostgres(c.Name)))
	}
	where := []string{"ctid >= pg_catalog.format('(%s,0)', drawn_.block_)::tid", "ctid < pg_catalog.format('(%s,0)', drawn_.block_ + 1)::tid"}
	for _, c := range conditions {
		if c != "" {
			where = append(where, "("+c+")")
		}
	}
	return "SELECT row_.* FROM pg_catalog.unnest($1::bigint[]) AS drawn_(block_), LATERAL (SELECT " + strings.Join(exprs, ", ") +
		" FROM ONLY " + leaf.SQL() + " AS leaf_ WHERE " + strings.Join(where, " AND ") +
		" ORDER BY pg_catalog.hashtextextended(leaf_.ctid::text, $2::bigint) LIMIT 1) AS row_"
}

// Draw reads the rows of DrawSQL as Postgres's text, in a session that joined the snapshot.
func (p *Snapshot) Draw(
	ctx context.Context, conn *pgx.Conn, columns []schema.Column, leaf schema.TableName, blocks []int64, seed int64, conditions ...string,
) (rows [][]string, err error) {
	err = p.read(ctx, conn, leaf, func(conn *pgx.Conn) error {
		found, err := conn.Query(ctx, DrawSQL(columns, leaf, conditions...), blocks, seed)
		if err != nil {
			return Error("draw rows of "+leaf.String(), err)
		}
		rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) ([]string, error) {
			texts := make([]string, len(columns))
			pointers := make([]any, len(columns))
			for i := range texts {
				pointers[i] = &texts[i]
			}
			return texts, row.Scan(pointers...)
		})
		return Error("draw rows of "+leaf.String(), err)
	})
	return rows, err
}
