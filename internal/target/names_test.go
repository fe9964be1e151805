package target

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// namesOf are the names of a configuration without options and an empty ledger.
func namesOf(t *testing.T) (Names, *ledger.State) {
	t.Helper()
	c := config.Default()
	c.Source.Schemas, c.Destination.Catalog, c.Destination.Schema = []string{"public"}, "dev", "bronze"
	return Names{c}, ledger.NewState()
}

// check compares a reason with what it must contain; an empty want means no reason.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// How two tables get their own targets: a pattern that distinguishes them, unless one is loaded
// already, because its name would change.
func TestRemediesForTargets(t *testing.T) {
	sales, other := schema.TableName{Schema: "sales", Name: "t"}, public("t")
	upper := public("T")
	tg := &Claims{staged: map[schema.TableName]bool{}}
	check(t, "of two schemas", tg.remedyOfLogs(other, sales),
		`set load.table_name = "{schema}_{table}", or name = "…" under [tables."sales.t"]`)
	check(t, "of letters alone", tg.remedyOfLogs(other, upper), `give one of them another name (name = "…" under [tables."public.T"]`)
	tg.staged[other] = true
	check(t, "of one that is loaded", tg.remedyOfLogs(other, sales), "public.t was loaded before: give the other another name")
	names, state := namesOf(t)
	both := names.Claims(state)
	both.Take(public("t_current"))
	if taken, ok := both.viewTaken(public("t")); !ok || taken.table != public("t_current") {
		t.Errorf("the name of the view of t is that of %+v: %v", taken, ok)
	}
	if _, ok := both.viewTaken(public("u")); ok {
		t.Error("the name of the view of u is taken")
	}
}

// What keeps a table from the target, each case by itself.
func TestObstaclesOfTargets(t *testing.T) {
	for what, c := range map[string]struct {
		change func(Names, *postgres.Relation)
		want   string
	}{
		"none": {func(Names, *postgres.Relation) {}, ""},
		"a name that is too long": {func(_ Names, r *postgres.Relation) { r.Name.Name = strings.Repeat("x", 256) },
			"is not a name that Unity Catalog accepts"},
		"a name that holds a variable": {func(n Names, _ *postgres.Relation) { n.Config.Destination.Schema = "${x}" }, "holds ${…}"},
		"a column of a metadata column's name": {func(_ Names, r *postgres.Relation) {
			r.Columns = append(r.Columns, schema.Column{Name: "_op", Number: 2, Type: schema.Type{Kind: schema.String}})
		}, `column "_op" has the name of a metadata column`},
		"the control table's name": {func(_ Names, r *postgres.Relation) { r.Name.Name = "_INGEST_loads" },
			"its log would be named dev.bronze._ingest_loads, which is the control table"},
		"the control table's name, without a control table": {func(n Names, r *postgres.Relation) {
			r.Name.Name, n.Config.Load.ControlTable = "_ingest_loads", false
		}, ""},
		"a mistake, which is the whole run's": {func(n Names, _ *postgres.Relation) {
			n.Config.Shape = shape.Rules{Sections: []shape.Section{
				{Label: "s", Exact: true, Matches: func(schema.TableName) bool { return true }, Options: shape.Options{Exclude: []string{"gone"}}},
			}}
		}, ""},
	} {
		names, _ := namesOf(t)
		r := postgres.Relation{Table: schema.Table{Name: public("t"), OID: 7, PrimaryKey: []string{"id"}}, Kind: "r", Persistence: "p"}
		r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		r.Columns = []schema.Column{{Name: "id", Number: 1, Key: true, Type: schema.Type{Kind: schema.Int32}}}
		c.change(names, &r)
		var said []string
		for _, o := range names.Obstacles(&r) {
			said = append(said, o.What)
			if o.Level != finding.Problem || o.Kind != failure.Source || o.Subject != r.Name.String() {
				t.Errorf("%s: %+v", what, o)
			}
		}
		if check(t, what, strings.Join(said, "; "), c.want); len(said) > 1 {
			t.Errorf("%s: %v", what, said)
		}
		dropped := names.ForDropped(&r, nil)
		if (len(dropped) == 1) != strings.HasPrefix(what, "a mistake") {
			t.Errorf("%s: options for dropped columns: %+v", what, dropped)
		}
	}
}

// An option for a column that was renamed after the table was loaded: the remedy names the column's new name.
func TestOptionsForColumnsThatWereRenamed(t *testing.T) {
	names := configured(t, "[tables.t]\nexclude_columns = [\"old\"]\n")
	r := &postgres.Relation{}
	r.Name, r.PrimaryKey, r.Columns = public("t"), []string{"id"}, []schema.Column{column("id", 1), column("new", 2)}
	for what, c := range map[string]struct {
		table *ledger.TableState
		want  string
	}{
		"loaded as another name": {snapshotOf("t", []string{"id"}, column("id", 1), column("old", 2)),
			`column "old" is called "new" now: give the option to that, or remove the option`},
		"never loaded": {&ledger.TableState{Table: public("t")}, "remove the option"},
		"not known":    {nil, "remove the option"},
	} {
		dropped := names.ForDropped(r, c.table)
		if len(dropped) != 1 || !strings.HasPrefix(dropped[0].Remedy, c.want) {
			t.Errorf("%s: %+v", what, dropped)
		}
	}
}
