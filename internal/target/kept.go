package target

import (
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/view"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// unnameable are the names beside a table's log that Unity Catalog does not accept.
func (n Names) unnameable(table schema.TableName) []finding.Finding {
	var out []finding.Finding
	for _, c := range n.keptNames(table) {
		remedy := fmt.Sprintf("give it another name: %s = \"…\" under [tables.%q] in the configuration", c.use.option(), table.String())
		what := fmt.Sprintf("%s would be named %q", c.of(table), c.name)
		switch {
		case schema.HoldsVariable(n.InSchema(c.name).String()):
			out = append(out,
				obstacle(table, what+", and that name holds ${…}", "Databricks may replace it by a variable's value in every statement", remedy))
		case !databricks.IsName(c.name):
			out = append(out, obstacle(table, what+", which is not a name that Unity Catalog accepts", "a name has at most 255 characters", remedy))
		}
	}
	return out
}

// Kept lists the names of what loads keep beside a table's log. It is an error if the configuration
// asks for something that the table in its newest snapshot cannot have. An exception for a missing
// column is no error: the column may have been dropped since, or may come with the next change. A log
// without the key is no error while it waits for a full load: the configuration may be for the table
// that has its name by now.
func (n Names) Kept(t *ledger.TableState) ([]databricks.Table, error) {
	var names []databricks.Table
	for _, c := range n.keptNames(t.Table) {
		names = append(names, n.InSchema(c.name))
	}
	if t.Snapshot == nil {
		return names, nil
	}
	if errs := refusals(t.Table, n.unnameable(t.Table)); len(errs) > 0 {
		return names, failure.All(errs)
	}
	source := config.DerivedSource{Table: t.Table, Columns: t.Snapshot.Columns, Key: t.Snapshot.Key()}
	key := n.Config.Derived(t.Table).KeyOf(source.Key)
	keyIsThere := !slices.ContainsFunc(key, func(column string) bool {
		return !slices.ContainsFunc(source.Columns, func(c schema.Column) bool { return c.Name == column })
	})
	if t.Reload != nil && (len(key) == 0 || !keyIsThere) {
		return names, nil
	}
	problems := n.Config.CheckDerived(source)
	if len(names) > 0 { // also columns that came since the snapshot
		problems = append(problems, n.Config.Shape.Of(t.Table).CheckBeside(t.Columns)...)
	}
	problems = slices.DeleteFunc(problems, func(p shape.Problem) bool { return isMistake(p) && keyIsThere })
	return names, failure.All(refusals(t.Table, obstacles(t.Table, problems)))
}

// refusals are the errors of a load for what a table cannot have.
func refusals(table schema.TableName, found []finding.Finding) (errs []error) {
	for _, f := range found {
		errs = append(errs, failure.New(failure.Tables, "table %s: %s", table, f.What).WithHint("%s", f.Remedy))
	}
	return errs
}

// CurrentView is the view of a table's current state, over the columns of the target. It returns false
// if the target lacks a key column, if the view can have no name, or if the view is over a table.
func (n Names) CurrentView(t *ledger.TableState, has func(column string) bool) (view.View, bool) {
	name := n.View(t.Table)
	if n.Config.Derived(t.Table).Current == config.CurrentTable {
		return view.View{}, false
	}
	table := fold.Table{Key: t.Key(), Births: fold.BirthsOf(t, t.Newest(), has)}
	for _, c := range t.Newest() {
		switch {
		case has(c.Target()) || fold.Born(table.Births, c.Target()):
			table.Columns = append(table.Columns, c)
		case slices.Contains(table.Key, c.Name):
			return view.View{}, false
		}
	}
	return view.View{
		Name: name, Query: fold.Select(n.Table(t.Table), table, fold.Options{Moves: fold.DefaultMoves}),
		Kept: n.Config.Derived(t.Table).Current == config.CurrentView,
	}, databricks.IsName(name.Name)
}

// Keep lists the tables that are kept beside a table's log.
func (n Names) Keep(t *ledger.TableState) []kept.Definition {
	d := n.Config.Derived(t.Table)
	one := func(kind kept.Kind, name string) kept.Definition {
		return kept.Definition{
			Kind: kind, Data: n.InSchema(config.DataName(name)), View: n.InSchema(name),
			Key: d.KeyOf(ledger.SameNumbers(t.Snapshot.Key(), t.Snapshot.Columns, t.Columns)), Except: d.HistoryExcept,
			ShowGone: d.Deletes == config.DeletesSoft, Feed: d.ChangeDataFeed,
		}
	}
	var out []kept.Definition
	if d.Current == config.CurrentTable {
		out = append(out, one(kept.Current, d.CurrentName))
	}
	if d.History {
		out = append(out, one(kept.History, d.HistoryName))
	}
	return out
}
