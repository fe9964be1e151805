package bronze

import (
	"context"
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
)

// Properties that say what a bronze table holds.
const (
	PropertyLedger    = "ingest.ledger"         // UUID of the ledger
	PropertySnapshot  = "ingest.snapshot_entry" // number of the snapshot's begin entry
	PropertyDirectory = "ingest.snapshot"       // directory of its segments; no other attempt has it
	PropertyPipeline  = "ingest.pipeline"       // the pipeline's directory in the Volume
)

// Whose describes the ledger that owns a table, by the table's properties. The
// text is for people.
func Whose(properties map[string]string) string {
	whose := "it has no property " + PropertyLedger
	if ledger := properties[PropertyLedger]; ledger != "" {
		whose = "it belongs to ledger " + ledger
	}
	if pipeline := properties[PropertyPipeline]; pipeline != "" {
		whose += " in " + pipeline
	}
	return whose
}

// ShownProperties reads the properties from the table itself, because Unity
// Catalog may show them late.
func ShownProperties(ctx context.Context, warehouse *databricks.Warehouse, target databricks.Table) (map[string]string, error) {
	shown, err := warehouse.Query(ctx, databricks.ShowProperties(target))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", target.Display(), err)
	}
	values := map[string]string{}
	for i := range shown.Rows {
		key, _, err := shown.Text(i, "key")
		if err != nil {
			return nil, err
		}
		if values[key], _, err = shown.Text(i, "value"); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// OrphanOf is the error for a table that was loaded from a ledger that this
// pipeline lost.
func OrphanOf(target databricks.Table, properties map[string]string) error {
	return failure.New(failure.Conflict, "table %s belongs to ledger %s, which was in %s and is not any more",
		target.Display(), properties[PropertyLedger], properties[PropertyPipeline]).
		WithHint("nothing was changed. Put the ledger back from a backup of the Volume; if it is lost, " +
			"`ingest full-load --repair` loads all tables from the source again")
}

// SQLCommand is the shell command that runs a statement. In a shell, backticks
// within double quotes are commands of their own.
func SQLCommand(statement string) string {
	return "ingest sql '" + strings.ReplaceAll(statement, "'", `'\''`) + "'"
}

// DropCommand is the command that drops a table.
func DropCommand(target databricks.Table) string { return SQLCommand("DROP TABLE " + target.String()) }

// DropViewCommand is the command that drops a view.
func DropViewCommand(target databricks.Table) string {
	return SQLCommand("DROP VIEW " + target.String())
}
