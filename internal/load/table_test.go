package load

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

var text, number = schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Int32}

// loadedTable is a table at entry 8, according to the cache and the table. It
// holds the snapshot of entry 5 (10 rows) and entries 7 (2 rows) and 8 (3
// rows). The ledger ends at entry 9.
func loadedTable() *table {
	steps := []step{
		{entry: 5, rows: 10, columns: []schema.Column{{Name: "id", Type: number}}, done: &ledger.Done{Begin: 5}},
		{entry: 7, rows: 2, files: []string{"c/7"}, columns: []schema.Column{{Name: "id", Type: number}, {Name: "v", Type: text}}},
		{entry: 8, rows: 3, files: []string{"c/8"}, columns: []schema.Column{{Name: "id", Type: number}, {Name: "v", Type: text}}},
	}
	state := &ledger.TableState{Table: orders, Snapshot: &ledger.Done{Begin: 5, Directory: "d", Rows: 10}, Columns: steps[1].columns}
	w := &table{
		loader: &Loader{Now: time.Now, Log: slog.New(slog.DiscardHandler)}, steps: steps,
		cached: loads.Table{Snapshot: 5, Directory: "d", Entry: 8, Rows: 15},
		Log: bronze.Log{
			Whole: &ledger.State{Ledger: "uuid", Head: 9}, State: state,
			Target: databricks.Table{Catalog: "c", Schema: "s", Name: "orders"}, Last: 8,
			Exists: true, Columns: bronze.Types{"id": number, "v": text},
		},
	}
	w.loaded = w.cached
	w.seen = evidence{
		owner: owner{ledger: "uuid", snapshot: 5, directory: "d"}, rows: map[int64]int64{5: 10, 7: 2, 8: 3}, total: 15, newest: 8,
	}
	return w
}

// The table's content, compared with what was loaded, decides where a load
// continues or that the table is left alone.
func TestWhereALoadGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*table)
		want     int
		refused  string // part of the error; "" for none
		repaired int    // where a repair continues
	}{
		"all is loaded":             {func(*table) {}, 3, "", 3},
		"the last entry is missing": {func(w *table) { w.cached.Entry = 7; delete(w.seen.rows, 8); w.seen.total = 12 }, 2, "", 2},
		"more than the cache knows": {func(w *table) { w.cached.Entry = 5 }, 3, "", 3},
		"the cache knows nothing":   {func(w *table) { w.cached = loads.Table{} }, 3, "", 3},
		"the cache knows, the rows lack": {func(w *table) { delete(w.seen.rows, 8); w.seen.total = 12 }, 0,
			"does not hold what was loaded: of entry 8 it has 0 rows, and 3 were loaded", 0},
		"of an older snapshot, which is as far as it was": {func(w *table) {
			w.cached = loads.Table{Snapshot: 2, Entry: 8}
			delete(w.seen.rows, 8)
			w.seen.total = 12
		}, 2, "", 2},
		"rows are missing": {func(w *table) { w.seen.rows[7], w.seen.total = 1, 14 }, 0, "of entry 7 it has 1 rows, and 2 were loaded", 0},
		"rows of no entry": {func(w *table) { w.seen.rows[6], w.seen.total = 1, 16 }, 0, "of entry 6 it has 1 rows, and 0 were loaded", 0},
		"no row of the snapshot": {func(w *table) { w.cached = loads.Table{}; w.seen.rows, w.seen.total = map[int64]int64{}, 0 }, 0,
			"does not hold what was loaded", 0},
		"it is not there":         {func(w *table) { w.Exists = false }, 0, "was dropped or moved after it was loaded", 0},
		"it was not there before": {func(w *table) { w.Exists, w.cached = false, loads.Table{} }, 0, "", 0},
		"it cannot show anything": {func(w *table) { w.strange = true }, 0, "", 0},
		"ahead of the ledger":     {func(w *table) { w.seen.newest = 10 }, 0, "holds rows of entry 10, but the ledger's newest entry is 9", 0},
		"at the ledger's head":    {func(w *table) { w.seen.newest = 9 }, 3, "", 3},
		"ahead, and replaced by this very run": {func(w *table) {
			w.seen.newest, w.ownSnapshots, w.seen.snapshot, w.cached = 10, true, 2, loads.Table{}
		}, 0, "", 0},
		"ahead, and of an older snapshot": {func(w *table) { w.seen.newest, w.seen.snapshot, w.cached = 10, 2, loads.Table{} }, 0,
			"holds rows of entry 10", 0},
		"ahead, though this run replaced it": {func(w *table) { w.seen.newest, w.ownSnapshots = 10, true }, 0, "holds rows of entry 10", 0},
		"restored to an older snapshot": {func(w *table) { w.seen.snapshot = 2 }, 0,
			"holds the snapshot of entry 2, but entry 5 was loaded", 0},
		"a newer snapshot is to be loaded": {func(w *table) { w.seen.snapshot, w.cached = 2, loads.Table{Snapshot: 2} }, 0, "", 0},
	} {
		w := loadedTable()
		c.change(w)
		n, err := w.position(t.Context())
		if n != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: step %d, %v; want %d, %q", name, n, err, c.want, c.refused)
		}
		if err != nil && (failure.KindOf(err) != failure.Tables || !strings.Contains(failure.HintOf(err), "--repair --tables public.orders")) {
			t.Errorf("%s: %v, hint %q", name, err, failure.HintOf(err))
		}
		w = loadedTable()
		c.change(w)
		if w.repair = true; c.refused != "" && name != "it is not there" {
			w.result.Replaced = -1
		}
		if n, err := w.position(t.Context()); n != c.repaired || err != nil || w.result.Replaced == -1 {
			t.Errorf("%s, to be repaired: step %d, %v, replacing %d rows", name, n, err, w.result.Replaced)
		}
	}
}

// The text of a difference if the rows of old entries are counted together.
func TestDifferenceOfATable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*table)
		want   string
	}{
		"older rows are missing": {func(w *table) { w.seen.floor, w.seen.rows, w.seen.total = 8, map[int64]int64{8: 3}, 14 },
			"of the entries before 8 it has -1 rows more"},
		"newer rows are missing": {func(w *table) { w.seen.floor, w.seen.rows, w.seen.total = 8, map[int64]int64{8: 1}, 13 },
			"of entry 8 it has 1 rows, and 3 were loaded"},
		"the first that differs": {func(w *table) { w.seen.rows, w.seen.total = map[int64]int64{5: 10, 7: 1, 8: 1}, 12 },
			"of entry 7 it has 1 rows, and 2 were loaded"},
		"only of the snapshot": {func(w *table) { w.cached.Entry, w.seen.rows, w.seen.total = 0, map[int64]int64{5: 9}, 9 },
			"of entry 5 it has 9 rows, and 10 were loaded"},
		"of a folded step": {func(w *table) {
			w.steps[1].folded, w.steps[1].first = true, 6
			w.seen.rows, w.seen.total = map[int64]int64{5: 10, 8: 3}, 13
		}, "it has 13 rows"},
	} {
		w := loadedTable()
		if c.change(w); !strings.HasPrefix(w.seen.difference(w.steps[:max(1, w.known())]), c.want) {
			t.Errorf("%s: %s, want %s", name, w.seen.difference(w.steps[:max(1, w.known())]), c.want)
		}
	}
}

// The entry from which on rows are counted by entry: how far the cache is
// trusted.
func TestFloorOfCounting(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*table)
		want   int64
	}{
		"believed":             {func(*table) {}, 8},
		"to be proved":         {func(w *table) { w.prove = true }, 0},
		"to be repaired":       {func(w *table) { w.repair = true }, 0},
		"quarantined":          {func(w *table) { w.cached.Quarantine = &loads.Quarantine{Snapshot: 5} }, 0},
		"quarantined before":   {func(w *table) { w.cached.Quarantine = &loads.Quarantine{Snapshot: 2} }, 8},
		"of another snapshot":  {func(w *table) { w.cached.Snapshot = 2 }, 0},
		"shows another one":    {func(w *table) { w.seen.snapshot = 2 }, 0},
		"both of an older one": {func(w *table) { w.cached.Snapshot, w.seen.snapshot = 2, 2 }, 0},
	} {
		w := loadedTable()
		if c.change(w); w.floor() != c.want {
			t.Errorf("%s: %d, want %d", name, w.floor(), c.want)
		}
	}
	w := loadedTable()
	w.cached.Quarantine, w.State.Snapshot = &loads.Quarantine{}, nil
	if w.quarantined() {
		t.Error("a table without a snapshot is quarantined")
	}
}

// A quarantine keeps its start time and the work that was not done.
func TestQuarantineOfATable(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, c := range map[string]struct {
		before *loads.Quarantine
		since  time.Time
	}{
		"new": {nil, now}, "again": {&loads.Quarantine{Snapshot: 5, Since: now.Add(-time.Hour)}, now.Add(-time.Hour)},
		"of an older snapshot": {&loads.Quarantine{Snapshot: 2, Since: now.Add(-time.Hour)}, now},
	} {
		for _, replaced := range []bool{false, true} {
			w := loadedTable()
			w.loader.Now = func() time.Time { return now }
			w.cached.Quarantine, w.result.Replaced, w.result.Snapshot = c.before, 15, replaced
			_ = w.fail(failure.New(failure.Tables, "odd").WithHint("do this"))
			if q := w.loaded.Quarantine; q == nil || !q.Since.Equal(c.since) || q.Reason != "odd" || q.Hint != "do this" || q.Snapshot != 5 ||
				!w.result.Quarantined || (w.result.Replaced == 15) != replaced {
				t.Errorf("%s: %+v, %+v", name, q, w.result)
			}
		}
	}
	for hint, want := range map[string]string{
		"":         "fix what the message names; then `ingest load --tables public.orders` continues",
		"grant it": "grant it; then `ingest load --tables public.orders` continues",
	} {
		w := loadedTable()
		if w.refused((&failure.Error{Kind: failure.Destination, Err: errors.New("no")}).
			WithHint("%s", hint)); !strings.HasPrefix(w.loaded.Quarantine.Hint, want) {
			t.Errorf("the hint is %q", w.loaded.Quarantine.Hint)
		}
	}
}

// After everything is loaded the table must show all of it.
func TestConclusionOfALoad(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*table)
		whole  bool
	}{
		"all":               {func(*table) {}, true},
		"one entry too few": {func(w *table) { delete(w.seen.rows, 8); w.seen.total = 12 }, false},
		"one row too many":  {func(w *table) { w.seen.rows[8], w.seen.total = 4, 16 }, false},
	} {
		w := loadedTable()
		w.loaded = loads.Table{}
		c.change(w)
		if w.conclude(); (w.result.Err == nil) != c.whole ||
			c.whole && (w.loaded != (loads.Table{Snapshot: 5, Directory: "d", Entry: 8, Rows: 15}) || w.result.Total != 15) {
			t.Errorf("%s: %+v, %v", name, w.loaded, w.result.Err)
		}
	}
	w := loadedTable()
	w.result.Err, w.loaded = errors.New("before"), loads.Table{}
	if w.conclude(); w.result.Total != 0 {
		t.Error("a table that failed before is concluded")
	}
}

// Columns that the table has lost. Added again, they would be empty.
func TestColumnsThatATableLost(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*table)
		n      int
		want   string
	}{
		"none":                        {func(*table) {}, 3, ""},
		"one that was loaded":         {func(w *table) { delete(w.Columns, "v") }, 3, "v"},
		"one that is still to come":   {func(w *table) { delete(w.Columns, "v") }, 1, ""},
		"one that the source dropped": {func(w *table) { delete(w.Columns, "v"); w.State.Columns = w.steps[0].columns }, 3, ""},
		"dropped, and it comes again": {func(w *table) { delete(w.Columns, "v"); w.State.Columns = w.steps[0].columns }, 2, "v"},
		"one of what is folded": {func(w *table) {
			w.State.Folded = folded(7)
			delete(w.Columns, "w")
			w.State.Columns = folded(7)[0].Columns
		}, 3, "w"},
		"one of what is folded last": {func(w *table) {
			w.State.Folded = append([]ledger.FoldedChanges{{First: 6, Last: 6}}, folded(8)...)
			delete(w.Columns, "w")
			w.State.Columns = folded(7)[0].Columns
		}, 3, "w"},
		"of what is folded, and later": {func(w *table) {
			w.State.Folded = folded(9)
			delete(w.Columns, "w")
			w.State.Columns = folded(7)[0].Columns
		}, 3, ""},
	} {
		w := loadedTable()
		if c.change(w); absent(&w.Log, w.steps, c.n) != c.want {
			t.Errorf("%s: %q, want %q", name, absent(&w.Log, w.steps, c.n), c.want)
		}
	}
}

func folded(last int64) []ledger.FoldedChanges {
	return []ledger.FoldedChanges{{First: 6, Last: last, Columns: []schema.Column{{Name: "w", Type: text}}}}
}

// A table that cannot show what it holds is left alone, unless it is replaced.
func TestTablesThatCannotShowWhatTheyHold(t *testing.T) {
	for name, c := range map[string]struct {
		repair, ownSnapshots, failed bool
	}{"left alone": {false, false, true}, "repaired": {true, false, false}, "replaced": {false, true, false}} {
		w := loadedTable()
		w.repair, w.ownSnapshots = c.repair, c.ownSnapshots
		if err := w.stranger("is odd"); err != nil || !w.strange || (w.result.Err != nil) != c.failed {
			t.Errorf("%s: %v, %v", name, err, w.result.Err)
		}
	}
	w := loadedTable() // its columns lack those that say what it holds
	if _ = w.lacking(); !w.strange || w.result.Err == nil {
		t.Error("a table without its columns of metadata shows what it holds")
	}
	w = loadedTable()
	if w.seen.snapshot = 2; w.lacking() != nil || w.strange {
		t.Error("a table of an older snapshot, which is replaced, lacks something")
	}
	w = loadedTable()
	for _, m := range schema.MetaColumns {
		w.Columns[schema.FoldCase(m.Name)] = m.Type
	}
	if w.lacking() != nil || w.strange {
		t.Error("a table with all columns of metadata is strange")
	}
}

// How much of the staged data a table shows.
func TestProofOfATable(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*table)
		through int64
		why     string
	}{
		"all": {func(*table) {}, 8, ""},
		"not the last": {func(w *table) { w.cached.Entry = 7; delete(w.seen.rows, 8); w.seen.total = 12 }, 7,
			"not all of its staged rows are loaded"},
		"less than was loaded": {func(w *table) { delete(w.seen.rows, 8); w.seen.total = 12 }, 0, "it does not hold what was loaded"},
		"other rows":           {func(w *table) { w.seen.rows[8]++; w.seen.total++ }, 0, "it does not hold what was loaded"},
		"nothing": {func(w *table) { w.cached, w.seen.rows, w.seen.total = loads.Table{}, nil, 0 }, 0,
			"none of its staged rows are loaded"},
		"half of an entry": {func(w *table) {
			w.cached.Entry = 5
			w.steps[2].entry = 7
			w.seen.rows, w.seen.total = map[int64]int64{5: 10, 7: 2}, 12
		}, 6, "not all"},
		"dropped":              {func(w *table) { w.Exists = false }, 0, "it was dropped or moved"},
		"of an older snapshot": {func(w *table) { w.seen.snapshot = 2 }, 0, "it holds another snapshot"},
		"what failed says it":  {func(w *table) { w.result.Err = errors.New("no") }, 0, "no"},
	} {
		w := loadedTable()
		c.change(w)
		p, err := w.proof(t.Context())
		if err != nil || p.Through != c.through || !strings.Contains(p.Why, c.why) || (p.Why == "") != (c.why == "") {
			t.Errorf("%s: %+v, %v; want %d, %q", name, p, err, c.through, c.why)
		}
	}
}

// What a plan assumes about a table that it cannot ask.
func TestWhatAPlanExpects(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*table)
		want   int
		unsure string
	}{
		"as the cache says":        {func(w *table) { w.cached.Entry = 7 }, 2, ""},
		"the snapshot is to come":  {func(w *table) { w.seen.snapshot, w.cached = 2, loads.Table{Snapshot: 2} }, 0, ""},
		"it is not there":          {func(w *table) { w.Exists, w.cached, w.seen.owner = false, loads.Table{}, owner{} }, 0, ""},
		"folded, and loaded":       {func(w *table) { w.steps[1].folded, w.steps[1].first, w.State.Folded = true, 6, folded(7) }, 3, ""},
		"the cache is lost":        {func(w *table) { w.cached = loads.Table{} }, 1, "the table may hold some of this"},
		"to be repaired":           {func(w *table) { w.repair = true }, 0, "it is not rebuilt"},
		"whose it is is not known": {func(w *table) { w.seen.ledger = "" }, 3, "do not say that it is this pipeline's"},
	} {
		w := loadedTable()
		c.change(w)
		n, err := (planner{table: w}).nextByCache(t.Context())
		if got := (planner{table: w}).assumes(); n != c.want || err != nil || !strings.Contains(got, c.unsure) ||
			(got == "") != (c.unsure == "") {
			t.Errorf("%s: step %d, %v, %q; want %d, %q", name, n, err, got, c.want, c.unsure)
		}
	}
	w := loadedTable()
	if w.Exists, w.seen.owner = false, (owner{}); !w.Exists {
		if _, err := (planner{table: w}).nextByCache(t.Context()); err == nil {
			t.Error("a table that was dropped after it was loaded is expected to be loaded")
		}
	}
}

// Columns are added and widened if the target lacks them. Files that must not
// be loaded stop the load before it writes anything.
func TestStatementsThatATableGets(t *testing.T) {
	all := func(w *table, n int) (sent []string, err error) {
		err = statements{w, func(op bronze.Operation) error {
			sent = append(sent, strings.Fields(op.SQL)[0]+" "+strings.Fields(op.SQL)[1])
			if op.Done != nil {
				op.Done()
			}
			return nil
		}}.from(t.Context(), n)
		return sent, err
	}
	wide := schema.Type{Kind: schema.Int64}
	for name, c := range map[string]struct {
		change func(*table)
		n      int
		want   []string
		err    string
	}{
		"nothing is left":       {func(*table) {}, 3, nil, ""},
		"one column is missing": {func(w *table) { delete(w.Columns, "v") }, 2, []string{"ALTER TABLE", "COPY INTO"}, ""},
		"one is too narrow": {func(w *table) { w.steps[2].columns = []schema.Column{{Name: "id", Type: wide}} }, 2,
			[]string{"ALTER TABLE", "ALTER TABLE", "COPY INTO"}, ""},
		"one is wide already":     {func(w *table) { w.Columns["id"] = wide }, 2, []string{"COPY INTO"}, ""},
		"what must not be loaded": {func(w *table) { w.steps[2].unfit = errors.New("unfit") }, 1, nil, "unfit"},
		"what was loaded anyhow":  {func(w *table) { w.steps[1].unfit = errors.New("unfit") }, 2, []string{"COPY INTO"}, ""},
	} {
		w := loadedTable()
		w.loader.Files = new(databricks.Files)
		c.change(w)
		got, err := all(w, c.n)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.err == "") {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	w := loadedTable()
	if err := (statements{table: w}).notWidened(databricks.TargetColumn{Name: "v"}, context.Canceled); !errors.Is(err, context.Canceled) ||
		failure.KindOf(err) == failure.Tables {
		t.Errorf("an error that says nothing of the table is %v", err)
	}
	none := 0
	count := func(bronze.Operation) error { none++; return nil }
	w.loader.ColumnComments, w.loader.Tags = true, func(schema.TableName) map[string]string { return nil }
	if err := (statements{w, count}).describe(&ledger.Done{Columns: w.State.Columns, Comments: map[string]string{"v": "x"}}); err != nil ||
		none != 1 {
		t.Errorf("%d statements for one comment and no tags, %v", none, err)
	}
}

// A part that was staged against an older snapshot is loaded only if the newest
// snapshot hides and names its columns in the same way.
func TestPartsBesideASnapshot(t *testing.T) {
	mask := schema.Mask{Kind: schema.MaskNull}
	for name, c := range map[string]struct {
		was, now schema.Column
		has      bool // the snapshot has the column
		excluded bool
		fits     bool
	}{
		"alike":                {schema.Column{Name: "v"}, schema.Column{Name: "v"}, true, false, true},
		"masked since":         {schema.Column{Name: "v"}, schema.Column{Name: "v", Mask: &mask}, true, false, false},
		"masked in both":       {schema.Column{Name: "v", Mask: &mask}, schema.Column{Name: "v", Mask: &mask}, true, false, true},
		"named in another way": {schema.Column{Name: "v"}, schema.Column{Name: "v", Renamed: "w"}, true, false, false},
		"left out since":       {schema.Column{Name: "v"}, schema.Column{}, false, true, false},
		"dropped since":        {schema.Column{Name: "v"}, schema.Column{}, false, false, true},
	} {
		d := &ledger.Done{Begin: 5, Columns: []schema.Column{{Name: "id", Type: number}}}
		if c.has {
			c.now.Type = text
			d.Columns = append(d.Columns, c.now)
		}
		if c.excluded {
			d.Excluded = []string{"v"}
		}
		c.was.Type = number
		columns, err := newLayout(d).fit(orders, &ledger.TableChanges{Columns: []schema.Column{{Name: "id", Type: number}, c.was}})
		if (err == nil) != c.fits || err != nil && failure.KindOf(err) != failure.Tables {
			t.Errorf("%s: %v", name, err)
		}
		if want := map[bool]schema.Type{true: text, false: number}[c.has]; err == nil && !columns[1].Type.Equal(want) {
			t.Errorf("%s: as %s, want %s", name, columns[1].Type, want)
		}
	}
}

// Two tables with the same target are both left alone while something is to be
// loaded.
func TestTablesOfOneTargetAreNotLoaded(t *testing.T) {
	state, cache := ledger.NewState(), &loads.Cache{Tables: map[schema.TableName]loads.Table{}}
	for i, name := range []string{"a", "b"} {
		n := schema.TableName{Schema: "public", Name: name}
		state.Tables[n] = &ledger.TableState{Table: n, OID: uint32(7 + i), Snapshot: &ledger.Done{Begin: 5, OID: uint32(7 + i), Directory: "d"}}
	}
	l := &Loader{Target: func(schema.TableName) databricks.Table { return databricks.Table{Name: "same"} }}
	todo, rest := l.choose(state, cache, Options{})
	if len(todo) != 0 || len(rest) != 2 || rest[0].Err == nil || !strings.Contains(rest[0].Err.Error(), "would both become") {
		t.Errorf("%d to do, %+v", len(todo), rest)
	}
	for n := range state.Tables {
		cache.Tables[n] = loads.Table{Snapshot: 5, Directory: "d", Entry: 5}
	}
	if todo, rest := l.choose(state, cache, Options{}); len(todo)+len(rest) != 0 {
		t.Errorf("nothing is to be loaded: %d to do, %+v", len(todo), rest)
	}
	if todo, rest := l.choose(state, cache, Options{Repair: true}); len(todo) != 0 || len(rest) != 2 {
		t.Errorf("a repair: %d to do, %+v", len(todo), rest)
	}
	for _, table := range state.Tables { // one relation that was renamed and loaded again
		table.OID, table.Snapshot.OID = 7, 7
	}
	if todo, _ := l.choose(state, &loads.Cache{Tables: map[schema.TableName]loads.Table{}}, Options{}); len(todo) == 0 {
		t.Error("the successor of a table shares its target with no other table")
	}
	for i, n := range []string{"a", "b"} { // two relations
		table := state.Tables[schema.TableName{Schema: "public", Name: n}]
		table.OID, table.Snapshot.OID = uint32(7+i), uint32(7+i)
	}
	state.OriginNumber = 6
	if todo, _ := l.choose(state, &loads.Cache{Tables: map[schema.TableName]loads.Table{}}, Options{}); len(todo) != 2 {
		t.Error("tables of an older origin share their target with no other table")
	}
}
