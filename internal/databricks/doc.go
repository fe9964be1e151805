// Package databricks is the only way from this program to a Databricks
// workspace: sign-in, the files of a Unity Catalog Volume, statements on a SQL
// warehouse with the text of every statement that the program needs, and the
// classification of what can go wrong.
//
// It knows nothing of PostgreSQL, of ledger entries or of the order in which
// things are loaded: it carries out one request at a time and says exactly
// what became of it. What may be repeated is decided by the caller, by
// [Retryable] and [OutcomeUnknown].
//
// All exported methods may be called from several goroutines. Errors have the
// kind failure.Destination (failure.Usage where the configuration is at fault)
// and, where something can be done, a hint; passwords and tokens are taken out
// of their texts.
package databricks
