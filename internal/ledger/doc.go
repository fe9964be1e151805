// Package ledger is the ordered record of what is real: numbered, immutable
// JSON entries in the Volume, each with its predecessor's checksum, appended
// with create-if-absent. It reads them, validates the chain, folds them into a
// State and appends. It compacts them into packs and checkpoints, so that many
// entries open as quickly as few.
//
// It knows neither Postgres nor Databricks nor what a segment holds: it sees
// files through Store. docs/ledger.md describes the format.
package ledger
