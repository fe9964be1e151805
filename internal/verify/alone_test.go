package verify

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

// A row counts as unwritten only if its transaction is older than every one that was open at the full load. What cannot be
// known counts as written.
func TestRowsThatWereNotWrittenSince(t *testing.T) {
	loaded := func(xmin uint64) schema.Snapshot { return schema.Snapshot{Xmin: xmin, Xmax: xmin + 5} }
	for _, c := range []struct {
		loaded, now uint64
		want        string
	}{
		{700, 750, "((750 - xmin::text::bigint) & 4294967295) > 50"},
		{1<<32 - 10, 1<<32 + 10, "((4294967306 - xmin::text::bigint) & 4294967295) > 20"},
		{700, 700, "((700 - xmin::text::bigint) & 4294967295) > 0"},
		{700, 699, ""}, // the source was put back
		{700, 700 + maxTransactions - 1, "((2147484347 - xmin::text::bigint) & 4294967295) > 2147483647"},
		{700, 700 + maxTransactions, ""},
	} {
		if got := unwritten(loaded(c.loaded), schema.Snapshot{Xmin: c.now, Xmax: c.now}); got != c.want {
			t.Errorf("loaded at %d, and now %d: %q, want %q", c.loaded, c.now, got, c.want)
		}
	}
	// The condition itself, for rows of transactions on both sides of the load and of 2^32.
	old := func(now, xmin, row uint64) bool { return (now-row&(1<<32-1))&(1<<32-1) > now-xmin }
	for _, c := range []struct {
		now, xmin, row uint64
		want           bool
	}{
		{750, 700, 699, true}, {750, 700, 700, false}, {750, 700, 749, false}, {750, 700, 3, true},
		{1<<32 + 10, 1<<32 - 10, 1<<32 - 11, true}, {1<<32 + 10, 1<<32 - 10, 1<<32 - 10, false}, {1<<32 + 10, 1<<32 - 10, 1<<32 + 3, false},
		{1<<32 + 10, 1<<32 + 5, 1 << 31, true},
	} {
		if got := old(c.now, c.xmin, c.row); got != c.want {
			t.Errorf("row of %d, loaded at %d, and now %d: unwritten %v", c.row, c.xmin, c.now, got)
		}
	}
}
