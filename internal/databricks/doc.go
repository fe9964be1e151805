// Package databricks is this program's only access to a Databricks workspace.
// It signs in, handles the files of a Unity Catalog Volume, writes the text of
// every statement and runs statements on a SQL warehouse. It also classifies
// errors.
//
// A [Workspace] is signed in. It has a type for each kind of request: [Place] for
// the pipeline's schema and volume and the privileges on them, [Files] for the
// directory in the volume, [Warehouse] for statements, [Tables] for Unity
// Catalog's descriptions of tables, and [Schemas] for the schemas of the catalog.
//
// The package knows nothing of PostgreSQL, of ledger entries or of the order in
// which things are loaded. It carries out one request at a time and reports
// exactly what happened. The caller decides what to retry, by [Retryable] and
// [OutcomeUnknown].
//
// Several goroutines may call all exported methods. Errors have the kind
// failure.Destination (failure.Usage if the configuration is wrong). They have
// a hint if the user can do something. Their texts contain no passwords or
// tokens.
package databricks
