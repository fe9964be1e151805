package selection

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Names of tables of the ledger: a missing one is an error with the nearest name. No names are all of
// the tables.
func TestTablesOfTheLedgerThatAreNamed(t *testing.T) {
	state := loaded(relation("t", 7), relation("orders", 5))
	for what, c := range map[string]struct{ names, want, said, hint string }{
		"none":                         {"", "public.orders public.t", "", ""},
		"one":                          {"t", "public.t", "", ""},
		"two, as they are named":       {"t public.orders", "public.t public.orders", "", ""},
		"one that is not there":        {"t order", "", `table "order" is not in the ledger`, `did you mean "orders"? ` + "`ingest status`"},
		"one that is nothing like any": {"xyzzy", "", `table "xyzzy" is not in the ledger`, "`ingest status` lists the tables"},
		"not a name":                   {"a.b.c.d", "", "a.b.c.d", ""},
	} {
		tables, err := Chosen(state, strings.Fields(c.names), "public")
		var got []string
		for _, table := range tables {
			got = append(got, table.Table.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v", what, got)
		}
		if (err != nil) != (c.said != "") {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil &&
			(!strings.Contains(err.Error(), c.said) || !strings.HasPrefix(failure.HintOf(err), c.hint) || failure.KindOf(err) != failure.Usage) {
			t.Errorf("%s: %v (kind %d, hint %q)", what, err, failure.KindOf(err), failure.HintOf(err))
		}
	}
}
