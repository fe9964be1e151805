package replicate

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
)

// ViewSuffix ends the name of a table's view of its current state.
const ViewSuffix = "_current"

// View is a statement that makes a view of a table's current state.
type View struct {
	Table     string `json:"table"`
	View      string `json:"view"`
	Statement string `json:"statement"`
}

// Views writes a statement for each table that is loaded, and, unless only
// they are asked for, runs them.
func (p *Pipeline) Views(ctx context.Context, tables []string, printOnly bool) ([]View, error) {
	if err := p.begun(ctx); err != nil {
		return nil, err
	}
	chosen, err := p.chosen(tables)
	if err != nil {
		return nil, err
	}
	views := []View{}
	targets := p.targets()
	for _, t := range chosen {
		if t.Snapshot == nil {
			continue
		}
		target, view := p.Target(t.Table), p.viewOf(t.Table)
		if other, taken := targets.viewTaken(t.Table); taken {
			return nil, failure.New(failure.Usage, "the view of table %s would be named %s, as table %s is", t.Table, view.Display(), other).
				WithHint("give one of them another name (name = \"…\" under [tables.%q] in the configuration), or make views of the other tables: ingest views --tables …", other.String())
		}
		if !databricks.IsName(view.Name) {
			return nil, failure.New(failure.Usage, "the view of table %s would be named %s, which is longer than Unity Catalog takes", t.Table, view.Display()).
				WithHint("shorten load.table_name, or make views of the other tables: ingest views --tables …")
		}
		table := fold.Table{Columns: t.Columns, Key: t.Snapshot.Key()}
		views = append(views, View{Table: t.Table.String(), View: view.Display(), Statement: fold.View(target, view, table, fold.Options{Moves: fold.DefaultMoves})})
	}
	if printOnly {
		return views, nil
	}
	for _, v := range views {
		if err := p.workspace.Warehouse().Exec(ctx, v.Statement); err != nil {
			return views, err
		}
	}
	return views, nil
}
