package fold_test

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Select computes the current state of a table from its log.
func ExampleSelect() {
	integer := schema.Type{Kind: schema.Int32}
	sql := fold.Select(databricks.Table{Catalog: "dev", Schema: "bronze", Name: "artist"}, fold.Table{
		Columns: []schema.Column{{Name: "artist_id", Type: integer}, {Name: "name", Type: schema.Type{Kind: schema.String}}},
		Key:     []string{"artist_id"},
	}, fold.Options{Whole: true})
	fmt.Println(strings.Contains(sql, "`dev`.`bronze`.`artist`"), strings.Contains(sql, "PARTITION BY"))
	// Output: true true
}
