//go:build unix

package replicate

import (
	"strings"
	"testing"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/schema"
)

// What has the name of a table's target: a full load replaces what this pipeline made, by its
// properties or by loads/, and nothing else.
func TestWhatHasTheNameOfATarget(t *testing.T) {
	b := newBed(t)
	p := b.open(nil)
	p.ledger = ledgerOf(t, &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, false)
	mine, root := p.ledger.State().Ledger, p.workspace.Files().Root()
	properties := func(list ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(list); i += 2 {
			out[list[i]] = list[i+1]
		}
		return out
	}
	for what, c := range map[string]struct {
		info   *databricks.TableInfo
		cached bool // loads/ knows the table
		kind   failure.Kind
		want   string
		remedy string
	}{
		"nothing":                          {nil, false, 0, "", ""},
		"its own":                          {&databricks.TableInfo{Kind: "MANAGED", Properties: properties(load.PropertyLedger, mine)}, false, 0, "", ""},
		"its own, in a place of another's": {&databricks.TableInfo{Kind: "EXTERNAL", Properties: properties(load.PropertyLedger, mine)}, false, 0, "", ""},
		"of the ledger that was in its place": {&databricks.TableInfo{Properties: properties(load.PropertyLedger, "x", load.PropertyPipeline, root)},
			false, 0, "", ""},
		"of another ledger": {&databricks.TableInfo{Kind: "MANAGED", Properties: properties(load.PropertyLedger, "x")},
			true, failure.Conflict, "is not this pipeline's: it belongs to ledger x", "DROP TABLE"},
		"without an owner":             {&databricks.TableInfo{Kind: "MANAGED"}, false, failure.Conflict, "it has no property", "DROP TABLE"},
		"without an owner, and loaded": {&databricks.TableInfo{Kind: "MANAGED"}, true, 0, "", ""},
		"a view":                       {&databricks.TableInfo{Kind: "VIEW"}, true, failure.Destination, "is a view", "DROP VIEW"},
		"a materialized view":          {&databricks.TableInfo{Kind: "MATERIALIZED_VIEW"}, true, failure.Destination, "is a materialized view", "name ="},
		"a streaming table of its own": {&databricks.TableInfo{Kind: "STREAMING_TABLE", Properties: properties(load.PropertyLedger, mine)}, true, failure.Destination, "is a streaming table", "name ="},
	} {
		o := &occupations{p: p, tables: map[string]*databricks.TableInfo{}}
		if c.info != nil {
			o.tables["t"] = c.info
		}
		if c.cached {
			o.cache = &load.Cache{Tables: map[schema.TableName]load.Loaded{public("t"): {Snapshot: 3}}}
		}
		found, err := o.of(t.Context(), public("t"), "then this")
		if err != nil {
			t.Fatal(err)
		}
		if found == nil {
			found = &occupation{}
		}
		check(t, what, found.what, c.want)
		if found.kind != c.kind || !strings.Contains(found.remedy, c.remedy) || strings.HasPrefix(c.remedy, "name") && strings.Contains(found.remedy, "DROP") {
			t.Errorf("%s: kind %v, remedy %q", what, found.kind, found.remedy)
		}
	}
}
