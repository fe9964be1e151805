package stage

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

// The segments of a table are in a directory of its own. Its name is safe in a
// path, in SQL and in a URL, and file systems accept its length.
func TestDirectoriesOfTables(t *testing.T) {
	long := func(end string) schema.TableName {
		return schema.TableName{Schema: "public", Name: strings.Repeat("x", maxDirectoryBytes-len("public.")) + end}
	}
	for _, c := range []struct {
		table schema.TableName
		want  string
	}{
		{schema.TableName{Schema: "public", Name: "az_AZ-09"}, "public.az_AZ-09"},
		{schema.TableName{Schema: "Sales <&>", Name: `odd"name`}, "Sales~20~3c~26~3e.odd~22name"},
		{schema.TableName{Schema: "a.b", Name: "c"}, "a~2eb.c"},
		{schema.TableName{Schema: "a", Name: "b.c"}, "a.b~2ec"},
		{schema.TableName{Schema: "s", Name: "`{@[/:~%;'é"}, "s.~60~7b~40~5b~2f~3a~7e~25~3b~27~c3~a9"},
		{long(""), "public." + strings.Repeat("x", maxDirectoryBytes-len("public."))},
	} {
		if got := tableDirectory(c.table); got != c.want {
			t.Errorf("%s: %s, want %s", c.table, got, c.want)
		}
	}
	one, other := tableDirectory(long("1")), tableDirectory(long("2"))
	if one == other || len(one) != maxDirectoryBytes || len(other) != maxDirectoryBytes {
		t.Errorf("two long names have the directories %s and %s", one, other)
	}
}

// A peak is the highest amount so far.
func TestPeaks(t *testing.T) {
	var peak atomic.Int64
	for _, c := range []struct{ amount, want int64 }{{5, 5}, {3, 5}, {7, 7}, {7, 7}, {0, 7}} {
		if raise(&peak, c.amount); peak.Load() != c.want {
			t.Errorf("after %d: %d, want %d", c.amount, peak.Load(), c.want)
		}
	}
}
