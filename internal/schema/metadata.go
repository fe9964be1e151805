package schema

import "strings"

// Op is the value of the _op column.
type Op string

// The operations of the log.
const (
	OpSnapshot Op = "snapshot"
	OpInsert   Op = "insert"
	OpUpdate   Op = "update"
	OpDelete   Op = "delete"
	OpTruncate Op = "truncate"
)

// MetaColumn is a metadata column of every bronze table.
type MetaColumn struct {
	Name string
	Type Type
	// InChanges and InSnapshot report whether segments of that kind contain the column. The other
	// metadata columns are constants or derived, and the load adds them.
	InChanges, InSnapshot bool
	Comment               string
}

// Names of the metadata columns.
const (
	MetaOp        = "_op"
	MetaCommitLSN = "_commit_lsn"
	MetaSeq       = "_seq"
	MetaLSN       = "_lsn"
	MetaCommitTS  = "_commit_ts"
	MetaXID       = "_xid"
	MetaDeletedTS = "_deleted_ts"
	MetaUnchanged = "_unchanged"
	MetaRescued   = "_rescued"
	MetaEntry     = "_entry"
	MetaLoadedTS  = "_loaded_ts"
)

var stringType = Type{Kind: String}

// MetaColumns are the metadata columns in the order of segments and tables. They come after the
// source's own columns.
var MetaColumns = []MetaColumn{
	{MetaOp, Type{Kind: String}, true, false, "snapshot, insert, update, delete or truncate"},
	{MetaCommitLSN, Type{Kind: Int64}, true, false,
		"LSN of the transaction's commit; of a snapshot row, an LSN before every change that the row does not hold"},
	{MetaSeq, Type{Kind: Int64}, true, true, "position of the row in its transaction or snapshot"},
	{MetaLSN, Type{Kind: Int64}, true, false, "LSN of the change"},
	{MetaCommitTS, Type{Kind: TimestampUTC}, true, false, "commit time; of a snapshot row, when the snapshot was taken"},
	{MetaXID, Type{Kind: Int64}, true, false, "64-bit transaction id; NULL in snapshot rows"},
	{MetaDeletedTS, Type{Kind: TimestampUTC}, false, false, "commit time of a delete; else NULL"},
	{MetaUnchanged, Type{Kind: List, Elem: &stringType}, true, false, "columns whose value this change did not carry (unchanged TOAST)"},
	{MetaRescued, Type{Kind: String}, true, true, "JSON object: column → Postgres text of a value that the column's type cannot hold"},
	{MetaEntry, Type{Kind: Int64}, false, false, "ledger entry that staged the row"},
	{MetaLoadedTS, Type{Kind: TimestampUTC}, false, false, "when the load ran"},
}

// IsMeta reports whether name is the name of a metadata column. It ignores case, as Delta does.
func IsMeta(name string) bool {
	for _, m := range MetaColumns {
		if strings.EqualFold(m.Name, name) {
			return true
		}
	}
	return false
}

// Names of the metadata columns that only the tables beside a log have: those of the current state and
// of the history.
const (
	KeptSnapshot = "_snapshot"
	KeptStart    = "__START_AT"
	KeptEnd      = "__END_AT"
	KeptEndEntry = "_end_entry"
	KeptEndLSN   = "_end_lsn"
)

// IsKept reports whether name is the name of a column that only the tables beside a log have. It
// ignores case.
func IsKept(name string) bool {
	for _, own := range []string{KeptSnapshot, KeptStart, KeptEnd, KeptEndEntry, KeptEndLSN} {
		if strings.EqualFold(own, name) {
			return true
		}
	}
	return false
}
