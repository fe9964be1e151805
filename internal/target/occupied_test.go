package target

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A full load replaces what has a target's name only if this pipeline made it, by its properties or by
// loads/.
func TestWhatHasTheNameOfATarget(t *testing.T) {
	names, state := namesOf(t)
	const mine, root = "0e4b8a5c-mine", "/Volumes/dev/bronze/ingest/default"
	state.Ledger = mine
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
		"nothing": {nil, false, 0, "", ""},
		"its own": {&databricks.TableInfo{Kind: "MANAGED", Properties: properties(bronze.PropertyLedger, mine)},
			false, 0, "", ""},
		"its own, in a place of another's": {&databricks.TableInfo{Kind: "EXTERNAL", Properties: properties(bronze.PropertyLedger, mine)},
			false, 0, "", ""},
		"of the ledger that was in its place": {
			&databricks.TableInfo{Properties: properties(bronze.PropertyLedger, "x", bronze.PropertyPipeline, root)},
			false, 0, "", ""},
		"of another ledger": {&databricks.TableInfo{Kind: "MANAGED", Properties: properties(bronze.PropertyLedger, "x")},
			true, failure.Conflict, "is not this pipeline's: it belongs to ledger x", "DROP TABLE"},
		"without an owner":             {&databricks.TableInfo{Kind: "MANAGED"}, false, failure.Conflict, "it has no property", "DROP TABLE"},
		"without an owner, and loaded": {&databricks.TableInfo{Kind: "MANAGED"}, true, 0, "", ""},
		"a view":                       {&databricks.TableInfo{Kind: "VIEW"}, true, failure.Destination, "is a view", "DROP VIEW"},
		"a materialized view": {&databricks.TableInfo{Kind: "MATERIALIZED_VIEW"}, true, failure.Destination,
			"is a materialized view", "name ="},
		"a streaming table of its own": {&databricks.TableInfo{Kind: "STREAMING_TABLE", Properties: properties(bronze.PropertyLedger, mine)},
			true, failure.Destination, "is a streaming table", "name ="},
	} {
		o := &Occupied{names: names, root: root, state: state, tables: map[string]*databricks.TableInfo{}, cache: &loads.Cache{}}
		if c.info != nil {
			o.tables["t"] = c.info
		}
		if c.cached {
			o.cache = &loads.Cache{Tables: map[schema.TableName]loads.Table{public("t"): {Snapshot: 3}}}
		}
		all, err := o.By(t.Context(), public("t"), "then this")
		if err != nil {
			t.Fatal(err)
		}
		found := Occupation{}
		if len(all) > 0 {
			found = all[0]
		}
		check(t, what, found.What, c.want)
		if found.Kind != c.kind || !strings.Contains(found.Remedy, c.remedy) ||
			strings.HasPrefix(c.remedy, "name") && strings.Contains(found.Remedy, "DROP") {
			t.Errorf("%s: kind %v, remedy %q", what, found.Kind, found.Remedy)
		}
	}
}

// A load replaces what has a name beside a table's log only if it is a view or table of this pipeline.
func TestWhatHasTheNameOfSomethingKept(t *testing.T) {
	names, state := namesOf(t)
	names.Config.Load.Current, names.Config.Load.History = config.CurrentTable, true
	const mine, root = "0e4b8a5c-mine", "/Volumes/dev/bronze/ingest/default"
	state.Ledger = mine
	d := names.Config.Derived(public("t"))
	ours := map[string]string{bronze.PropertyLedger: mine}
	for what, c := range map[string]struct {
		name   string
		info   databricks.TableInfo
		kind   failure.Kind
		want   string
		remedy string
	}{
		"its own view":  {d.CurrentName, databricks.TableInfo{Kind: "VIEW", Properties: ours}, 0, "", ""},
		"its own table": {config.DataName(d.CurrentName), databricks.TableInfo{Kind: "MANAGED", Properties: ours}, 0, "", ""},
		"of the ledger that was in its place": {config.DataName(d.HistoryName), databricks.TableInfo{Kind: "EXTERNAL",
			Properties: map[string]string{bronze.PropertyLedger: "x", bronze.PropertyPipeline: root}}, 0, "", ""},
		"a table, of a kind that is not said": {config.DataName(d.HistoryName), databricks.TableInfo{Properties: ours}, 0, "", ""},
		"a view of another": {d.HistoryName, databricks.TableInfo{
			Kind: "VIEW", Properties: map[string]string{bronze.PropertyLedger: "x"},
		}, failure.Conflict, "not this pipeline's", "DROP VIEW"},
		"a view of no one": {d.CurrentName, databricks.TableInfo{Kind: "VIEW"}, failure.Conflict,
			"a view of that name is not this pipeline's", "DROP VIEW"},
		"a table of no one": {config.DataName(d.CurrentName), databricks.TableInfo{Kind: "MANAGED"}, failure.Conflict,
			"a table of that name is not this pipeline's", "DROP TABLE"},
		"a table for a view": {d.CurrentName, databricks.TableInfo{Kind: "MANAGED", Properties: ours}, failure.Destination,
			"which is a table", "DROP TABLE"},
		"a view for a table": {config.DataName(d.HistoryName), databricks.TableInfo{Kind: "VIEW", Properties: ours},
			failure.Destination, "which is a view", "DROP VIEW"},
		"a foreign table": {config.DataName(d.HistoryName), databricks.TableInfo{Kind: "FOREIGN", Properties: ours},
			failure.Destination, "which is a foreign table", "else give it another name"},
	} {
		o := &Occupied{names: names, root: root, state: state, tables: map[string]*databricks.TableInfo{schema.FoldCase(c.name): &c.info}}
		all, err := o.By(t.Context(), public("t"), "then this")
		if err != nil {
			t.Fatal(err)
		}
		found := Occupation{}
		if len(all) > 0 {
			found = all[0]
		}
		check(t, what, found.What, c.want)
		if found.Kind != c.kind || !strings.Contains(found.Remedy, c.remedy) ||
			strings.HasPrefix(c.remedy, "else") && strings.Contains(found.Remedy, "DROP") {
			t.Errorf("%s: kind %v, remedy %q", what, found.Kind, found.Remedy)
		}
	}
	// A ledger without a name: a missing property matches it.
	o := &Occupied{names: names, root: root, state: ledger.NewState(), tables: map[string]*databricks.TableInfo{}}
	if o.made(&databricks.TableInfo{Kind: "VIEW"}) {
		t.Error("what says nothing of a ledger is this pipeline's")
	}
	o.root, o.cache, o.tables["t"] = root, &loads.Cache{}, &databricks.TableInfo{Kind: "MANAGED"}
	if found, err := o.By(t.Context(), public("t"), "then this"); len(found) == 0 || err != nil {
		t.Errorf("a table that says nothing of a ledger is this pipeline's: %v", err)
	}
}

// A table is not loaded if one of its names is occupied. All of them are reported.
func TestAllOccupiedNamesOfATable(t *testing.T) {
	names, state := namesOf(t)
	names.Config.Load.Current, names.Config.Load.History = config.CurrentTable, true
	d := names.Config.Derived(public("t"))
	state.Ledger = "mine"
	foreign := map[string]string{bronze.PropertyLedger: "x"}
	o := &Occupied{names: names, root: "/Volumes/mine", state: state, cache: &loads.Cache{}, tables: map[string]*databricks.TableInfo{
		"t":                            {Kind: "MANAGED", Properties: foreign},
		schema.FoldCase(d.CurrentName): {Kind: "VIEW", Properties: foreign},
		config.DataName(d.CurrentName): {Kind: "MANAGED", Properties: map[string]string{bronze.PropertyLedger: "mine"}},
		schema.FoldCase(d.HistoryName): {Kind: "MANAGED", Properties: foreign},
		config.DataName(d.HistoryName): {Kind: "MANAGED", Properties: foreign},
	}}
	found, err := o.By(t.Context(), public("t"), "then this")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Target.Name)
	}
	if want := []string{"t", d.CurrentName, d.HistoryName, config.DataName(d.HistoryName)}; !slices.Equal(got, want) {
		t.Errorf("occupied are %v, want %v", got, want)
	}
}

// TestWhatHasTheNameOfTheControlTable: check warns about what loads would not write to.
func TestWhatHasTheNameOfTheControlTable(t *testing.T) {
	names, state := namesOf(t)
	for what, c := range map[string]struct {
		info *databricks.TableInfo
		want string
	}{
		"nothing":           {nil, ""},
		"the control table": {&databricks.TableInfo{Kind: "MANAGED", Properties: map[string]string{"ingest.control": "_ingest_loads"}}, ""},
		"another table":     {&databricks.TableInfo{Kind: "MANAGED"}, "dev.bronze._ingest_loads is a table that ingest did not make"},
		"a view":            {&databricks.TableInfo{Kind: "VIEW"}, "dev.bronze._ingest_loads is a view that ingest did not make"},
	} {
		o := &Occupied{names: names, state: state, tables: map[string]*databricks.TableInfo{}}
		if c.info != nil {
			o.tables["_ingest_loads"] = c.info
		}
		said := ""
		for _, f := range o.Control() {
			said += f.What
			if f.Level != finding.Warning || !strings.Contains(f.Remedy, "load.control_table = false") {
				t.Errorf("%s: %+v", what, f)
			}
		}
		check(t, what, said, c.want)
		off := *names.Config
		off.Load.ControlTable = false
		if o.names = (Names{&off}); len(o.Control()) > 0 {
			t.Errorf("%s: without a control table there is a warning", what)
		}
	}
}
