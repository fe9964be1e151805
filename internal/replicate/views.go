package replicate

import (
	"context"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/view"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/selection"
)

// ViewKept means that loads keep the view, over a table of the current state.
const ViewKept view.Change = "kept"

// View is the view of a table's current state.
type View struct {
	Table     string      `json:"table"`
	View      string      `json:"view"`
	Change    view.Change `json:"change"`
	Statement string      `json:"statement"` // that defines the view; "" if loads keep it
	// Outgrown is the command that keeps the current state as a table. It is set if the table has too
	// many columns for a view that is read often; otherwise it is "".
	Outgrown string `json:"outgrown,omitempty"`
}

// wideColumns is the number of columns above which a view of the current state is slow: every query of
// the view plans all of them.
const wideColumns = 500

// Views makes the views of the loaded tables if they are missing or outdated. A call that only asks
// for them changes nothing. The loads keep the view over a table of the current state, so Views leaves
// it alone.
func (p *Pipeline) Views(ctx context.Context, tables []string, printOnly bool) ([]View, error) {
	if err := p.link.Begun(ctx); err != nil {
		return nil, err
	}
	chosen, err := selection.Chosen(p.ledger.State(), tables, p.config.Source.Schemas[0])
	if err != nil {
		return nil, err
	}
	if err := p.checkViews(chosen); err != nil {
		return nil, err
	}
	views := []View{}
	for _, t := range chosen {
		if t.Snapshot == nil {
			continue
		}
		if p.config.Derived(t.Table).Current == config.CurrentTable {
			views = append(views, View{Table: t.Table.String(), View: p.names.View(t.Table).Display(), Change: ViewKept})
			continue
		}
		v, err := p.makeView(ctx, t.Table, printOnly)
		if err != nil {
			return views, err
		}
		views = append(views, v)
	}
	return views, nil
}

// checkViews returns an error that names all views that cannot have their names.
func (p *Pipeline) checkViews(tables []*ledger.TableState) error {
	claims := p.names.Claims(p.ledger.State())
	var errs []error
	for _, t := range tables {
		if t.Snapshot == nil || p.config.Derived(t.Table).Current == config.CurrentTable {
			continue
		}
		if err := claims.CheckView(t.Table); err != nil {
			errs = append(errs, err)
		}
	}
	return failure.All(errs)
}

// makeView makes one view. A concurrent load may change what the view should be, and may check the
// view before it exists. So makeView reads the ledger and the table again afterwards.
func (p *Pipeline) makeView(ctx context.Context, table schema.TableName, printOnly bool) (View, error) {
	out := View{Table: table.String(), View: p.names.View(table).Display()}
	maker := &view.Maker{
		Workspace: p.workspace, Warehouse: p.workspace.Warehouse(), Ledger: p.ledger.State().Ledger, Root: p.workspace.Files().Root(), Log: p.log,
	}
	for {
		info, err := p.workspace.Tables().Info(ctx, p.Target(table))
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
		v, ok := p.names.CurrentView(p.ledger.State().Tables[table], func(column string) bool { return has[schema.FoldCase(column)] })
		if !ok {
			return out, failure.New(failure.Tables, "make view %s: table %s lacks a column of its key", out.View, p.Target(table).Display()).
				WithHint("ingest load --repair --tables %s", table.Argument())
		}
		v = v.Of(bronze.TypesOf(info.Columns))
		if len(info.Columns) > wideColumns {
			state := p.Target(table)
			state.Name += "_state"
			out.Outgrown = view.CopyCommand(v.Name, state)
		}
		change, _, err := maker.Needs(ctx, v)
		if err != nil {
			return out, err
		}
		if out.Change == "" || change != view.Unchanged {
			out.Change, out.Statement = change, v.Statement(change)
		}
		if printOnly || change == view.Unchanged {
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
