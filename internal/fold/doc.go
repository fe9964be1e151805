// Package fold writes the SQL that folds the log of a bronze table into the
// table's current state: the rows that the source had at a point of the log.
//
// It makes text only. It must not know how a statement is sent, how the log
// came about, or what the state is wanted for.
//
// The log is in the order of (_entry, _commit_lsn, _seq). A truncate clears
// everything before it. A snapshot or insert row begins a row of the state with
// all columns but those in its _unchanged, which come from the row that the
// delete right before it (_seq − 1) ended: the two are an update of the key. An
// update changes the columns that are not in its _unchanged. A delete ends the
// row. A table without a key is a multiset: inserts less deletes, by the value
// of the whole row.
package fold
