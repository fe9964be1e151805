// Package ledger is the ordered record of what is real. It consists of
// numbered, immutable JSON entries in the Volume. Each entry holds its
// predecessor's checksum and is appended with create-if-absent. The package
// reads entries, validates their chain, folds them into a State and appends new
// ones. It also compacts entries into packs and checkpoints, so that many
// entries open as quickly as few.
//
// The package knows nothing about Postgres, Databricks or the content of
// segments. It accesses files through Store. docs/ledger.md describes the
// format.
package ledger
