package stage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

var tableT = schema.TableName{Schema: "public", Name: "t"}

// rulesOf returns the rules of a configuration with options for every table.
func rulesOf(o shape.Options) *shape.Shape {
	rules := &shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: o}}}
	return rules.Of(tableT)
}

func fixed(text string) schema.Mask { return schema.Mask{Kind: schema.MaskFixed, Fixed: text} }

// Compares what a run shows of a column with what the newest full load hides.
// Clear text is always refused if the full load masks the column. Any other
// difference is refused if the run began before the full load.
func TestRunAgainstWhatAFullLoadHides(t *testing.T) {
	masked, other := fixed("x"), fixed("y")
	keyed := schema.Mask{Kind: schema.MaskHMAC, KeyID: "k1"}
	for name, c := range map[string]struct {
		snapshot ledger.Done // of entry 5
		options  shape.Options
		began    int64
		want     string
	}{
		"nothing is hidden": {ledger.Done{}, shape.Options{}, 4, ""},
		"both mask alike": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &masked}}},
			shape.Options{Masks: map[string]schema.Mask{"c": masked}}, 4, ""},
		"both leave it out": {ledger.Done{Excluded: []string{"c"}}, shape.Options{Exclude: []string{"c"}}, 4, ""},
		"both leave it out, one with a mask": {ledger.Done{Excluded: []string{"c"}},
			shape.Options{Exclude: []string{"c"}, Masks: map[string]schema.Mask{"c": masked}}, 4, ""},
		"shown, and it was masked": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &masked}}}, shape.Options{}, 6,
			`column "c" is masked (fixed) in the full load of entry 5, and in clear text`},
		"shown, and it was keyed": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &keyed}}}, shape.Options{}, 6,
			`column "c" is masked (hmac-sha256, key k1) in`},
		"shown, and it was left out": {ledger.Done{Excluded: []string{"c"}}, shape.Options{}, 6, `column "c" is left out in`},
		"masked since, by a run of before": {ledger.Done{Columns: []schema.Column{{Name: "c"}}},
			shape.Options{Masks: map[string]schema.Mask{"c": masked}}, 4, `in clear text in the full load of entry 5, and masked (fixed) by`},
		"masked since, by a run of since": {ledger.Done{Columns: []schema.Column{{Name: "c"}}},
			shape.Options{Masks: map[string]schema.Mask{"c": masked}}, 5, ""},
		"another mask, by a run of before": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &masked}}},
			shape.Options{Masks: map[string]schema.Mask{"c": other}}, 4, "column"},
		"another mask, by a run of since": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &masked}}},
			shape.Options{Masks: map[string]schema.Mask{"c": other}}, 6, ""},
		"left out since, by one of before": {ledger.Done{Columns: []schema.Column{{Name: "c"}}},
			shape.Options{Exclude: []string{"c"}}, 4, "and left out by"},
		"left out instead of masked": {ledger.Done{Columns: []schema.Column{{Name: "c", Mask: &masked}}},
			shape.Options{Exclude: []string{"c"}}, 6, ""},
		"a column that the snapshot did not have": {ledger.Done{Columns: []schema.Column{{Name: "d"}}},
			shape.Options{Exclude: []string{"c"}}, 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			state := ledger.NewState()
			c.snapshot.Begin = 5
			state.Tables[tableT] = &ledger.TableState{Table: tableT, Snapshot: &c.snapshot}
			checkError(t, Agrees(state, tableT, rulesOf(c.options), []string{"c"}, c.began), c.want)
			// An older origin's snapshot is ignored.
			state.OriginNumber = 5
			checkError(t, Agrees(state, tableT, rulesOf(c.options), []string{"c"}, c.began), "")
		})
	}
}

// A snapshot that is being read counts like a complete one for the tables that
// it has yet to read.
func TestRunAgainstWhatAnOpenFullLoadHides(t *testing.T) {
	other := schema.TableName{Schema: "public", Name: "u"}
	hides := &ledger.Hidden{Masks: map[string]schema.Mask{"c": fixed("x")}}
	for name, c := range map[string]struct {
		tables  []ledger.BeginTable
		pending schema.TableName
		want    string
	}{
		"it hides": {[]ledger.BeginTable{{Table: other}, {Table: tableT, Hides: hides}}, tableT,
			"in the full load of entry 7"},
		"it is done, or was given up": {[]ledger.BeginTable{{Table: tableT, Hides: hides}}, other, ""},
		"another table of it":         {[]ledger.BeginTable{{Table: other, Hides: hides}, {Table: tableT, Hides: &ledger.Hidden{}}}, tableT, ""},
		"one that does not say":       {[]ledger.BeginTable{{Table: tableT}}, tableT, ""},
	} {
		state := ledger.NewState()
		state.Open[7] = &ledger.OpenBegin{Number: 7, Begin: ledger.Begin{Tables: c.tables}, Pending: map[schema.TableName]bool{c.pending: true}}
		t.Run(name, func(t *testing.T) {
			checkError(t, Agrees(state, tableT, rulesOf(shape.Options{}), []string{"c"}, 9), c.want)
		})
	}
}

// A hidden column arrives under another name, as far as the catalog shows.
func TestHiddenColumnUnderAnotherName(t *testing.T) {
	mask := fixed("x")
	d := &ledger.Done{Highest: 5, Excluded: []string{"secret"}, Columns: []schema.Column{{Name: "id", Number: 1},
		{Name: "pin", Number: 2, Mask: &mask}, {Name: "v", Number: 3}, {Name: "unnumbered"}}}
	attribute := func(number int16) postgres.Attributes {
		return postgres.Attributes{Columns: map[string]postgres.Attribute{"new": {Number: number}}}
	}
	for name, c := range map[string]struct {
		attributes postgres.Attributes
		want       string
	}{
		"it was masked":           {attribute(2), `"pin", which is masked,`},
		"it was in clear text":    {attribute(3), ""},
		"it was left out":         {attribute(4), `one of the hidden columns ["secret" "pin"]`},
		"the last that was there": {attribute(5), `one of the hidden columns ["secret" "pin"]`},
		"it is new":               {attribute(6), ""},
		"it is gone":              {postgres.Attributes{}, `one of the hidden columns ["secret" "pin"]`},
	} {
		if got := hiddenUnder(d, "new", c.attributes, []string{"id", "new", "v"}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := hiddenUnder(&ledger.Done{Columns: d.Columns}, "new", postgres.Attributes{},
		[]string{"id", "new"}); got != `one of the hidden columns ["pin"]` {
		t.Errorf("where nothing is left out, and it is gone: %q", got)
	}
	if got := hiddenAndGone(d, []string{"id", "pin", "secret"}); len(got) != 0 {
		t.Errorf("gone: %q", got)
	}
}

func TestColumnThatWasLeftOut(t *testing.T) {
	named := func(names ...string) (list []schema.Column) {
		for _, n := range names {
			list = append(list, schema.Column{Name: n})
		}
		return list
	}
	columns := []schema.Column{{Name: "id", Number: 1}, {Name: "v", Number: 3}}
	d := &ledger.Done{Highest: 5, Excluded: []string{"secret"}, Columns: columns}
	for name, c := range map[string]struct {
		done   *ledger.Done
		column string
		number int16
		here   []schema.Column
		want   bool
	}{
		"one of them is gone":          {d, "new", 2, named("id", "new", "v"), true},
		"they are all there":           {d, "new", 2, named("id", "new", "v", "secret"), false},
		"it is known that one is gone": {d, "new", 2, nil, true},
		"nothing was left out":         {&ledger.Done{Highest: 5, Columns: columns}, "new", 2, nil, false},
		"under its own name":           {d, "secret", 2, nil, false},
		"under the name of another":    {d, "v", 2, nil, false},
		"it came later":                {d, "new", 6, nil, false},
		"it was another's":             {d, "new", 3, nil, false},
	} {
		if got := LeftOut(c.done, c.column, c.number, c.here); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	renamed := RenamedTo(&ledger.Done{
		Columns: []schema.Column{{Name: "a", Number: 1}, {Name: "b", Number: 2}, {Name: "gone", Number: 3}, {Name: "unknown"}},
	},
		[]schema.Column{{Name: "a", Number: 1}, {Name: "c", Number: 2}, {Name: "new", Number: 4}, {Name: "odd"}})
	if diff := cmp.Diff(map[string]string{"b": "c"}, renamed); diff != "" {
		t.Error(diff)
	}
}

// The catalog is not queried if no hidden column is gone or no column is new.
func TestMessageThatCannotUncoverAnything(t *testing.T) {
	mask := fixed("x")
	state := ledger.NewState()
	state.Tables[tableT] = &ledger.TableState{
		Table: tableT, Snapshot: &ledger.Done{Begin: 2, Columns: []schema.Column{{Name: "id"}, {Name: "pin", Mask: &mask}}},
	}
	for name, columns := range map[string][]string{
		"all are there":             {"id", "pin"},
		"one is new":                {"id", "pin", "new"},
		"the hidden one is dropped": {"id"},
		"what is new is hidden":     {"id", "other"},
	} {
		m := &pgoutput.Relation{}
		for _, n := range columns {
			m.Columns = append(m.Columns, pgoutput.RelationColumn{Name: n})
		}
		b := &binding{table: tableT, rules: rulesOf(shape.Options{Exclude: []string{"other"}}), message: m, state: state}
		why, err := b.uncovered(t.Context())
		if why != "" || err != nil {
			t.Errorf("%s: %q, %v", name, why, err)
		}
	}
}

// checkError checks that an error contains the wanted text. "" means no error.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want %q", err, want)
	}
}
