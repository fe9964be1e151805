package control

import (
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Name is the name of the control table in the target's schema.
const Name = "_ingest_loads"

const comment = "One row for each load of each table, written by ingest. " +
	"Pipelines with the same target schema share the table. committed_at shows how fresh a table is."

// Properties of the control table. Two statements that would add the same row
// are not serializable, so one of them fails and is repeated.
const (
	propertyControl   = "ingest.control"
	propertyIsolation = "delta.isolationLevel"
)

func properties() map[string]string {
	return map[string]string{propertyControl: Name, propertyIsolation: "Serializable"}
}

// columns are the columns of the table, in order. A version that needs another
// column appends it here: the next load adds it to the table.
func columns() []databricks.TargetColumn {
	text, count, at := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Int64}, schema.Type{Kind: schema.TimestampUTC}
	return []databricks.TargetColumn{
		{Name: "pipeline", Type: text, Comment: "Name of the pipeline"},
		{Name: "ledger", Type: text, Comment: "UUID of the pipeline's ledger. A pipeline that is dropped and started again has another one"},
		{Name: "source_database", Type: text, Comment: "Database in the source"},
		{Name: "slot", Type: text, Comment: "Replication slot in the source"},
		{Name: "source_table", Type: text, Comment: "Table in the source, as schema.table"},
		{Name: "target_table", Type: text, Comment: "Table that was loaded, as catalog.schema.table"},
		{Name: "kind", Type: text, Comment: "full_load if the load replaced the table by a snapshot, else changes"},
		{Name: "first_entry", Type: count, Comment: "First ledger entry of the load, as in _entry"},
		{Name: "last_entry", Type: count, Comment: "Last ledger entry of the load, as in _entry"},
		{Name: "snapshot", Type: text, Comment: "Snapshot that the table begins with: its directory in the volume"},
		{Name: "rows_loaded", Type: count, Comment: "Rows that the load appended, of a snapshot and of changes"},
		{Name: "rows_snapshot", Type: count, Comment: "Of these, rows of the snapshot"},
		{Name: "rows_inserted", Type: count, Comment: "Of these, inserts. NULL if a snapshot contains some of the staged changes"},
		{Name: "rows_updated", Type: count, Comment: "Of these, updates. NULL as for rows_inserted"},
		{Name: "rows_deleted", Type: count, Comment: "Of these, deletes. NULL as for rows_inserted"},
		{Name: "rows_truncated", Type: count, Comment: "Of these, truncates of the whole table. NULL as for rows_inserted"},
		{Name: "values_rescued", Type: count, Comment: "Values that were staged in _rescued. NULL as for rows_inserted"},
		{Name: "segments", Type: count, Comment: "Parquet files that were loaded. NULL if the ledger has only their sum"},
		{Name: "bytes", Type: count, Comment: "Their size in the volume. NULL if the ledger has only their sum"},
		{Name: "from_lsn", Type: count, Comment: "WAL position from which the load has all commits, as in _commit_lsn. NULL for a full load"},
		{Name: "to_lsn", Type: count, Comment: "WAL position up to which the table has all commits, as in _commit_lsn"},
		{Name: "committed_at", Type: at, Comment: "Commit time, by the source's clock, of the newest transaction of last_entry; " +
			"for a snapshot, when it was taken"},
		{Name: "run_id", Type: text, Comment: "Run that loaded, as in the run's log"},
		{Name: "version", Type: text, Comment: "Version of ingest"},
		{Name: "started_at", Type: at, Comment: "When the load began"},
		{Name: "finished_at", Type: at, Comment: "When the table had these rows"},
	}
}
