// Package fold writes SQL that computes a table's current state from its change
// log. The state is the set of rows that the source had at a point of the log;
// the log is the bronze table.
//
// The package only generates text. It does not know how a statement is sent,
// who wrote the log, or what the state is used for.
//
// The log is ordered by (_entry, _commit_lsn, _seq). Its rows mean:
//
//   - A truncate clears everything before it.
//   - A snapshot or insert row begins a row of the state. It carries all columns
//     except those in its _unchanged. These come from the row that the delete
//     right before it (_seq − 1) ended: together the two are an update of the key.
//   - An update changes the columns that are not in its _unchanged.
//   - A delete ends the row.
//
// A table without a key is a multiset: the inserts minus the deletes, compared
// by the value of the whole row.
package fold
