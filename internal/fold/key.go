package fold

import "ingest/internal/ledger"

// Key lists the columns that the log of a table is folded by, which are those
// of the newest snapshot's key; none for a multiset.
func Key(done *ledger.Done) []string { return done.Key() }
