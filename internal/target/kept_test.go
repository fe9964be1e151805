package target

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

func column(name string, number int16) schema.Column {
	return schema.Column{Name: name, Number: number, Type: schema.Type{Kind: schema.Int32}}
}

// snapshotOf is a loaded table with these columns and this key.
func snapshotOf(name string, key []string, columns ...schema.Column) *ledger.TableState {
	return &ledger.TableState{Table: public(name), Columns: columns, Snapshot: &ledger.Done{
		Begin: 6, Directory: "segments/run/public.t", Columns: columns, PrimaryKey: key,
		Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: key},
	}}
}

// waiting marks a table for a full load.
func waiting(t *ledger.TableState) *ledger.TableState {
	t.Reload = &ledger.ReloadMark{}
	return t
}

// What the configuration asks for beside a table's log, and the table cannot have, is an error before
// the load. An option for a column that is not there is none: the column may come with the next change.
func TestWhatATableCannotKeep(t *testing.T) {
	id, note := column("id", 1), column("note", 2)
	for what, c := range map[string]struct {
		options string
		table   *ledger.TableState
		names   string
		want    string
	}{
		"nothing": {"", snapshotOf("t", []string{"id"}, id), "", ""},
		"a view":  {"current = \"view\"\n", snapshotOf("t", []string{"id"}, id), "t_current", ""},
		"both": {"current = \"table\"\nhistory = true\n", snapshotOf("t", []string{"id"}, id),
			"t_current t_current_data t_history t_history_data", ""},
		"no key":          {"history = true\n", snapshotOf("t", nil, id), "t_history t_history_data", "it has no key"},
		"no snapshot yet": {"history = true\n", &ledger.TableState{Table: public("t")}, "t_history t_history_data", ""},
		"a name with a variable": {"current = \"table\"\n", snapshotOf("${x}", []string{"id"}, id), "${x}_current ${x}_current_data",
			"table public.${x}: its current state would be named \"${x}_current\", and that name holds ${…}"},
		"a name that is too long": {"current = \"table\"\n", snapshotOf(strings.Repeat("x", 250), []string{"id"}, id), "",
			"which is not a name that Unity Catalog accepts"},
		"an exception of a column that is not there": {"history = true\n[tables.t]\nhistory_except = [\"gone\"]\n",
			snapshotOf("t", []string{"id"}, id, note),
			"t_history t_history_data", ""},
		"an exception of the key": {"history = true\n[tables.t]\nhistory_except = [\"id\"]\n", snapshotOf("t", []string{"id"}, id, note),
			"t_history t_history_data", "history_except"},
		"no key, and it waits for a full load": {"history = true\n", waiting(snapshotOf("t", nil, id)), "t_history t_history_data", ""},
		"a key, and it waits for a full load": {"history = true\n[tables.t]\nhistory_except = [\"id\"]\n",
			waiting(snapshotOf("t", []string{"id"}, id, note)),
			"t_history t_history_data", "history_except"},
		"a key of a column that is not there, and it waits": {"history = true\n[tables.t]\nkey = [\"gone\"]\n", waiting(snapshotOf("t", nil, id)),
			"t_history t_history_data", ""},
		"a key of a column that is not there": {"history = true\n[tables.t]\nkey = [\"gone\"]\n", snapshotOf("t", nil, id),
			"t_history t_history_data", "key names column \"gone\", which it does not have"},
	} {
		t.Run(what, func(t *testing.T) {
			names := configured(t, "[load]\n"+c.options)
			kept, err := names.Kept(c.table)
			var got []string
			for _, k := range kept {
				got = append(got, k.Name)
			}
			if list := strings.Join(got, " "); c.names != "" && list != c.names || c.names == "" && c.want == "" && list != "" {
				t.Errorf("kept are %s", list)
			}
			said := ""
			if err != nil {
				said = err.Error()
				if failure.KindOf(err) != failure.Tables || failure.HintOf(err) == "" {
					t.Errorf("kind %d, hint %q", failure.KindOf(err), failure.HintOf(err))
				}
			}
			check(t, what, said, c.want)
		})
	}
}

// A load names everything that a table cannot have beside its log, also because of a column that came since the snapshot.
func TestAllThatATableCannotHaveBesideItsLog(t *testing.T) {
	id, note := column("id", 1), column("note", 2)
	table := snapshotOf("t", []string{"id"}, id, note)
	table.Columns = append(slices.Clone(table.Columns), column("_snapshot", 3), column("__END_AT", 4))
	names := configured(t, "[load]\nhistory = true\n[tables.t]\nhistory_except = [\"id\"]\n")
	_, err := names.Kept(table)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	for _, want := range []string{`history_except names column "id"`, `column "_snapshot" has the name of a metadata column`,
		`column "__END_AT" has the name of a metadata column`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
	if hint := failure.HintOf(err); !strings.Contains(hint, `rename."_snapshot" = "snapshot"`) ||
		!strings.Contains(hint, `rename."__END_AT" = "END_AT"`) {
		t.Errorf("hint %q", hint)
	}
	if _, err := configured(t, "").Kept(table); err != nil {
		t.Errorf("without a table beside the log: %v", err)
	}
}

// A name beside a log that Unity Catalog does not take keeps a table from the target, whether or not
// the log's own name is one that it takes.
func TestNamesBesideALogThatCannotBe(t *testing.T) {
	names := configured(t, "[load]\ncurrent = \"table\"\n[tables.t]\nname = \"t\"\ncurrent_name = \"{log}\"\n")
	r := &postgres.Relation{}
	r.Name, r.PrimaryKey, r.Columns = public("x${y}"), []string{"id"}, []schema.Column{column("id", 1)}
	r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	var said []string
	for _, o := range names.Obstacles(r) {
		said = append(said, o.What)
	}
	for _, want := range []string{"it would become", `its current state would be named "x${y}_current", and that name holds`,
		`the data of its current state would be named "x${y}_current_data"`} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no %q in %q", want, said)
		}
	}
	if len(said) != 3 {
		t.Errorf("%d obstacles: %q", len(said), said)
	}
}

// The view of a current state is over the columns that the target has, and those that the log gets by a
// birth. Without a key column there is none.
func TestViewsOfACurrentState(t *testing.T) {
	id, note, added := column("id", 1), column("note", 2), column("added", 3)
	table := snapshotOf("t", []string{"id"}, id, note)
	ahead := snapshotOf("t", []string{"id"}, id, note)
	ahead.Ahead = &ledger.TableAhead{Table: public("t"), Begin: 6, Columns: []schema.Column{id, note, added},
		Births: []ledger.Birth{{Number: 3, Column: "added", Type: added.Type, Value: []byte("7")}}}
	for what, c := range map[string]struct {
		options string
		table   *ledger.TableState
		target  []string
		ok      bool
		columns []string // that the view's query names, or not
		without []string
		kept    bool
	}{
		"all columns":              {"", table, []string{"id", "note"}, true, []string{"id", "note"}, nil, false},
		"one that loads make":      {"current = \"view\"\n", table, []string{"id", "note"}, true, []string{"id", "note"}, nil, true},
		"a column that is not yet": {"", table, []string{"id"}, true, []string{"id"}, []string{"note"}, false},
		"a birth that is to come":  {"", ahead, []string{"id", "note"}, true, []string{"id", "note", "added"}, nil, false},
		"without the key":          {"", table, []string{"note"}, false, nil, nil, false},
		"over a table":             {"current = \"table\"\n", table, []string{"id", "note"}, false, nil, nil, false},
		"a name that is too long":  {"", snapshotOf(strings.Repeat("x", 250), []string{"id"}, id), []string{"id"}, false, nil, nil, false},
	} {
		t.Run(what, func(t *testing.T) {
			view, ok := configured(t, "[load]\n"+c.options).CurrentView(c.table, func(column string) bool {
				return slices.Contains(c.target, column)
			})
			if ok != c.ok || ok && view.Kept != c.kept {
				t.Fatalf("%v, kept %v: %+v", ok, view.Kept, view)
			}
			for _, name := range c.columns {
				if !strings.Contains(view.Query, "`"+name+"`") {
					t.Errorf("no %s in %s", name, view.Query)
				}
			}
			for _, name := range c.without {
				if strings.Contains(view.Query, "`"+name+"`") {
					t.Errorf("%s is in %s", name, view.Query)
				}
			}
		})
	}
}

// What loads keep is what the configuration asks for, and nothing else.
func TestTablesThatLoadsKeep(t *testing.T) {
	for options, want := range map[string]string{
		"":                                      "",
		"current = \"view\"\n":                  "",
		"current = \"table\"\n":                 "current dev.bronze.t_current",
		"history = true\n":                      "history dev.bronze.t_history",
		"current = \"table\"\nhistory = true\n": "current dev.bronze.t_current, history dev.bronze.t_history",
	} {
		var got []string
		for _, k := range configured(t, "[load]\n"+options).Keep(snapshotOf("t", []string{"id"}, column("id", 1))) {
			got = append(got, string(k.Kind)+" "+k.View.Display())
		}
		if list := strings.Join(got, ", "); list != want {
			t.Errorf("%q: %s, want %s", options, list, want)
		}
	}
}

// A column of a loaded table that its target has lost, or has with another type, is a warning. The
// target must be the one of the newest snapshot, and a column that the source dropped may be gone.
func TestTargetsThatWereChangedByHand(t *testing.T) {
	id, note := column("id", 1), column("note", 2)
	whole := func(columns ...databricks.Column) []databricks.Column {
		for _, m := range schema.MetaColumns {
			columns = append(columns, databricks.Column{Name: m.Name, Type: "STRING"})
		}
		return columns
	}
	now, text := databricks.Column{Name: "id", Type: "INT"}, databricks.Column{Name: "note", Type: "STRING"}
	same := func(*ledger.State, *databricks.TableInfo) {}
	for what, c := range map[string]struct {
		columns []databricks.Column
		change  func(*ledger.State, *databricks.TableInfo)
		want    string
	}{
		"nothing":                     {whole(now, databricks.Column{Name: "note", Type: "INT"}), same, ""},
		"a column is gone":            {whole(now), same, `its target dev.bronze.t has no column "note"`},
		"another type":                {whole(now, text), same, `its target dev.bronze.t has column "note" as STRING`},
		"columns that are not listed": {nil, same, ""},
		"a column that the source dropped, too": {whole(now), func(s *ledger.State, _ *databricks.TableInfo) {
			s.Tables[public("t")].Columns = []schema.Column{id}
		}, ""},
		"a target of another snapshot": {whole(now), func(_ *ledger.State, info *databricks.TableInfo) {
			info.Properties[bronze.PropertyDirectory] = "segments/earlier/public.t"
		}, ""},
		"a table of an older origin": {whole(now), func(s *ledger.State, _ *databricks.TableInfo) { s.OriginNumber = 7 }, ""},
		"a table without a snapshot": {whole(now), func(s *ledger.State, info *databricks.TableInfo) {
			s.Tables[public("t")].Snapshot = nil
		}, ""},
		"a table that the ledger does not know": {whole(now),
			func(s *ledger.State, info *databricks.TableInfo) { delete(s.Tables, public("t")) }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			names, state := namesOf(t)
			table := snapshotOf("t", []string{"id"}, id, note)
			state.Tables[table.Table] = table
			info := &databricks.TableInfo{Columns: c.columns, Properties: map[string]string{bronze.PropertyDirectory: table.Snapshot.Directory}}
			c.change(state, info)
			o := &Occupied{names: names, state: state, tables: map[string]*databricks.TableInfo{"t": info}}
			said := ""
			for _, f := range o.Changed(public("t")) {
				said += f.What
			}
			check(t, what, said, c.want)
			if o.tables = nil; o.Changed(public("t")) != nil {
				t.Error("a target that is not there was changed")
			}
		})
	}
}
