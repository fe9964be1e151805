package control

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
)

// createSQL makes the control table, unless it exists.
func createSQL(table databricks.Table) string {
	return databricks.CreateEmptyTable(table, columns(), databricks.TableOptions{
		Comment: comment, Properties: properties(), IfNotExists: true,
	})
}

// mergeSQL adds rows. A row is not added if the table has a row of the same
// snapshot that reaches its first entry: then another statement was first, or
// this one was executed before. The literal last_entry lets Delta skip the files
// of older loads.
func mergeSQL(table databricks.Table, whole *ledger.State, rows []*row, values func(*row) []string) string {
	var names, inserted []string
	for _, c := range columns() {
		names = append(names, databricks.Quote(c.Name))
		inserted = append(inserted, "s."+databricks.Quote(c.Name))
	}
	least := rows[0].first
	tuples := make([]string, len(rows))
	for i, r := range rows {
		least = min(least, r.first)
		tuples[i] = "(" + strings.Join(values(r), ", ") + ")"
	}
	return fmt.Sprintf("MERGE INTO %s AS t\nUSING (\n  SELECT * FROM VALUES\n  %s\n  AS v(%s)\n) AS s\n"+
		"ON t.ledger = %s AND t.last_entry >= %d AND t.source_table = s.source_table AND t.snapshot = s.snapshot "+
		"AND t.last_entry >= s.first_entry\nWHEN NOT MATCHED THEN INSERT (%s)\nVALUES (%s)",
		table, strings.Join(tuples, ",\n  "), strings.Join(names, ", "), databricks.Literal(whole.Ledger), least,
		strings.Join(names, ", "), strings.Join(inserted, ", "))
}

// recordedSQL reads up to which entry the control table has each table.
func recordedSQL(table databricks.Table, whole *ledger.State) string {
	return fmt.Sprintf("SELECT source_table, snapshot, max(last_entry) AS entry FROM %s WHERE ledger = %s GROUP BY source_table, snapshot",
		table, databricks.Literal(whole.Ledger))
}
