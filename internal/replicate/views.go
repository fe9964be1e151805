package replicate

import (
	"context"
	"slices"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/schema"
)

// ViewKept says that loads keep the view, over a table of the current state.
const ViewKept load.ViewChange = "kept"

// View is the view of a table's current state.
type View struct {
	Table     string          `json:"table"`
	View      string          `json:"view"`
	Change    load.ViewChange `json:"change"`
	Statement string          `json:"statement"` // that gives the view its query; "" if loads keep it
	// Outgrown is the command that makes a table of what the view shows, where the
	// table has too many columns for a view that is read often; else "".
	Outgrown string `json:"outgrown,omitempty"`
}

// wideColumns are more columns than a view of the current state is quick for:
// every query of it plans as many.
const wideColumns = 500

// Views makes the views of the tables that are loaded, where they are not there
// or not what they should be. Where they are only asked for, nothing is changed.
// The view over a table of the current state is left to the loads that keep it.
func (p *Pipeline) Views(ctx context.Context, tables []string, printOnly bool) ([]View, error) {
	if err := p.begun(ctx); err != nil {
		return nil, err
	}
	chosen, err := p.chosen(tables)
	if err != nil {
		return nil, err
	}
	views := []View{}
	for _, t := range chosen {
		if t.Snapshot == nil {
			continue
		}
		if p.config.Derived(t.Table).Current == config.CurrentTable {
			views = append(views, View{Table: t.Table.String(), View: p.viewOf(t.Table).Display(), Change: ViewKept})
			continue
		}
		if err := p.nameOfView(t.Table); err != nil {
			return nil, err
		}
		v, err := p.makeView(ctx, t.Table, printOnly)
		if err != nil {
			return views, err
		}
		views = append(views, v)
	}
	return views, nil
}

// nameOfView is an error if the table's view cannot have its name.
func (p *Pipeline) nameOfView(table schema.TableName) error {
	view := p.viewOf(table)
	if other, taken := p.targets().viewTaken(table); taken {
		return failure.New(failure.Usage, "the view of table %s would be named %s, as %s is", table, view.Display(), other.of(schema.TableName{})).
			WithHint("%s, or make views of the other tables: ingest views --tables …", remedyOfView(table))
	}
	if !databricks.IsName(view.Name) {
		return failure.New(failure.Usage, "the view of table %s would be named %s, which is longer than Unity Catalog takes", table, view.Display()).
			WithHint("%s, or make views of the other tables: ingest views --tables …", remedyOfView(table))
	}
	return nil
}

// makeView makes one view. A load that goes on meanwhile may change what the view
// should be, and looks at the view before it is there: so the ledger and the
// table are looked at again afterwards.
func (p *Pipeline) makeView(ctx context.Context, table schema.TableName, printOnly bool) (View, error) {
	out := View{Table: table.String(), View: p.viewOf(table).Display()}
	maker := &load.Views{Workspace: p.workspace, Warehouse: p.workspace.Warehouse(), Ledger: p.ledger.State().Ledger, Root: p.workspace.Files().Root(), Log: p.log}
	for {
		info, err := p.workspace.TableInfo(ctx, p.Target(table))
		if databricks.NotFound(err) {
			return out, failure.New(failure.Tables, "make view %s: table %s is not loaded yet", out.View, p.Target(table).Display()).
				WithHint("ingest load --tables %s && ingest views --tables %[1]s", table.Argument())
		}
		if err != nil {
			return out, err
		}
		has := map[string]bool{}
		for _, c := range info.Columns {
			has[schema.FoldCase(c.Name)] = true
		}
		v, ok := p.view(p.ledger.State().Tables[table], func(column string) bool { return has[schema.FoldCase(column)] })
		if !ok {
			return out, failure.New(failure.Tables, "make view %s: table %s lacks a column of its key", out.View, p.Target(table).Display()).
				WithHint("ingest load --repair --tables %s", table.Argument())
		}
		v = v.Of(info.Columns)
		if len(info.Columns) > wideColumns {
			state := p.Target(table)
			state.Name += "_state"
			out.Outgrown = load.CopyViewCommand(v.Name, state)
		}
		change, _, err := maker.Needs(ctx, v)
		if err != nil {
			return out, err
		}
		if out.Change == "" || change != load.ViewUnchanged {
			out.Change, out.Statement = change, v.Statement(change)
		}
		if printOnly || change == load.ViewUnchanged {
			return out, nil
		}
		if err := maker.Make(ctx, v, change); err != nil {
			return out, err
		}
		if _, err := p.ledger.Refresh(ctx); err != nil {
			return out, err
		}
	}
}

// view is the view of a table's current state, of the columns that the target
// has; false if it lacks one of the key, if the view can have no name, or if it is
// over a table.
func (p *Pipeline) view(t *ledger.TableState, has func(column string) bool) (load.View, bool) {
	name := p.viewOf(t.Table)
	if p.config.Derived(t.Table).Current == config.CurrentTable {
		return load.View{}, false
	}
	table := fold.Table{Key: t.Key(), Births: fold.BirthsOf(t, t.Newest(), has)}
	for _, c := range t.Newest() {
		switch {
		case has(c.Target()) || fold.Born(table.Births, c.Target()):
			table.Columns = append(table.Columns, c)
		case slices.Contains(table.Key, c.Name):
			return load.View{}, false
		}
	}
	return load.View{
		Name: name, Query: fold.Select(p.Target(t.Table), table, fold.Options{Moves: fold.DefaultMoves}),
		Kept: p.config.Derived(t.Table).Current == config.CurrentView,
	}, databricks.IsName(name.Name)
}

// keep lists the tables that are kept beside a table's log.
func (p *Pipeline) keep(t *ledger.TableState) []load.Keeping {
	d := p.config.Derived(t.Table)
	one := func(kind load.KeptKind, name string) load.Keeping {
		return load.Keeping{
			Kind: kind, Data: p.inSchema(config.DataName(name)), View: p.inSchema(name), Key: d.KeyOf(ledger.SameNumbers(t.Snapshot.Key(), t.Snapshot.Columns, t.Columns)), Except: d.HistoryExcept,
			ShowGone: d.Deletes == config.DeletesSoft, Feed: d.ChangeDataFeed,
		}
	}
	var out []load.Keeping
	if d.Current == config.CurrentTable {
		out = append(out, one(load.KeptCurrent, d.CurrentName))
	}
	if d.History {
		out = append(out, one(load.KeptHistory, d.HistoryName))
	}
	return out
}
