//go:build cgo

package warehouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNegativeZero: -0 is not 0. It survives a checkpoint among zeros, of which
// DuckDB may store one for all.
func TestNegativeZero(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	var rows []string
	for i := range 60 {
		v := "0"
		if i >= 45 {
			v = "1.5"
		} else if i%20 == 7 {
			v = "-0"
		}
		rows = append(rows, fmt.Sprintf("(%d, '%s')", i, v))
	}
	b.rows("CREATE TABLE z AS SELECT i, CAST(v AS DOUBLE) AS d, CAST(v AS FLOAT) AS f, array(CAST(v AS DOUBLE)) AS a FROM VALUES " +
		strings.Join(rows, ", ") + " AS v(i, v)")
	const counts = "SELECT count_if(CAST(d AS STRING) = '-0.0'), count_if(CAST(f AS STRING) = '-0.0'), count_if(CAST(a[0] AS STRING) = '-0.0'), " +
		"count_if(CAST(d AS STRING) = '0.0') FROM z"
	before := b.rows(counts)
	if len(before) != 1 || strings.HasPrefix(before[0], "0") {
		t.Fatalf("no -0 is there: %v", before)
	}
	if got := b.reopen().rows(counts); !cmp.Equal(before, got) {
		t.Errorf("-0 of each type, and 0: %v, before the checkpoint %v", got, before)
	}
}
