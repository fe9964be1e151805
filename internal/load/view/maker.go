package view

import (
	"context"
	"log/slog"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// Maker creates views and keeps them up to date. It alters a view and never
// replaces it, so grants on the view stay.
type Maker struct {
	Workspace *databricks.Workspace
	Warehouse *databricks.Warehouse
	Ledger    string       // its UUID
	Root      string       // the pipeline's directory
	Lock      ledger.Guard // proved before Keep changes a view
	Log       *slog.Logger
}

// Needs compares an existing view with v, without the warehouse. ours reports
// whether this pipeline created the existing view.
func (m *Maker) Needs(ctx context.Context, v View) (change Change, ours bool, err error) {
	info, err := m.Workspace.Tables().Info(ctx, v.Name)
	switch {
	case databricks.NotFound(err):
		return Created, false, nil
	case err != nil:
		return "", false, err
	}
	change, ours = m.compare(info, v)
	return change, ours, nil
}

// compare finds the change that makes an existing object the view.
func (m *Maker) compare(info *databricks.TableInfo, v View) (change Change, ours bool) {
	if info.Kind != "VIEW" {
		return taken, false
	}
	p := info.Properties
	ours = p[bronze.PropertyLedger] == m.Ledger
	same := ours && p[PropertyQuery] == digest(v.Query) && (p[PropertyTypes] == follows || p[PropertyTypes] == digest(v.types)) &&
		(info.Query == "" || strings.TrimSpace(info.Query) == strings.TrimSpace(v.Query)) // a manual change keeps the properties
	if same {
		return Unchanged, ours
	}
	return Altered, ours
}

// Make applies a change to a view.
func (m *Maker) Make(ctx context.Context, v View, change Change) error {
	switch change {
	case Unchanged:
		return nil
	case taken:
		return failure.New(failure.Destination, "make view %s: the name belongs to a table", v.Name.Display()).
			WithHint("if the table can be dropped: %s; else rename it", bronze.DropCommand(v.Name))
	case Created:
		err := m.create(ctx, v)
		if !databricks.ViewExists(err) { // another run created it, or this statement did and its answer was lost
			return err
		}
	case Altered:
	}
	return m.alter(ctx, v)
}

// statements lists the statements of Make, for a warehouse that knows every
// clause.
func (m *Maker) statements(v View, change Change) []string {
	switch change {
	case Created:
		return []string{databricks.CreateView(v.Name, v.Query, true, m.properties(v, true))}
	case Altered:
		return []string{databricks.AlterView(v.Name, v.Query), databricks.FollowTypes(v.Name),
			databricks.SetViewProperties(v.Name, m.properties(v, true))}
	default:
		return nil
	}
}

func (m *Maker) create(ctx context.Context, v View) error {
	err := m.exec(ctx, databricks.CreateView(v.Name, v.Query, true, m.properties(v, true)))
	if databricks.UnknownClause(err) { // an older warehouse: the view keeps the types, and is recreated when a load widens one
		return m.exec(ctx, databricks.CreateView(v.Name, v.Query, false, m.properties(v, false)))
	}
	return err
}

// alter sets the properties that record the definition last. If a run ends
// before that, the next one repeats the change.
func (m *Maker) alter(ctx context.Context, v View) error {
	if err := m.exec(ctx, databricks.AlterView(v.Name, v.Query)); err != nil {
		return err
	}
	err := m.exec(ctx, databricks.FollowTypes(v.Name))
	if err != nil && !databricks.UnknownClause(err) {
		return err
	}
	return m.exec(ctx, databricks.SetViewProperties(v.Name, m.properties(v, err == nil)))
}

// exec runs a repeatable statement.
func (m *Maker) exec(ctx context.Context, sql string) error {
	return bronze.Retry(ctx, m.Log, func() error { return m.Warehouse.Exec(ctx, sql) })
}

func (m *Maker) properties(v View, followed bool) map[string]string {
	p := map[string]string{
		bronze.PropertyLedger: m.Ledger, bronze.PropertyPipeline: m.Root, PropertyQuery: digest(v.Query), PropertyTypes: follows,
	}
	if !followed {
		p[PropertyTypes] = digest(v.types)
	}
	return p
}

// Keep makes the change that a load makes to a view. was is the view's previous
// key. Only an existing view of this pipeline is altered, and only a view that
// loads create is created. changed reports whether the query was set.
func (m *Maker) Keep(ctx context.Context, v View, was string) (changed bool, err error) {
	if was == v.Key() {
		return false, nil
	}
	change, ours, err := m.Needs(ctx, v)
	if err != nil {
		return false, err
	}
	makes, says := v.needs(change, ours)
	if !makes && !says {
		return false, nil
	}
	if err := m.Lock.Prove(ctx); err != nil {
		return false, err
	}
	if makes {
		if err := m.Make(ctx, v, change); err != nil {
			return true, err
		}
	}
	if says {
		m.describe(ctx, v)
	}
	return makes, nil
}

// Plan lists the statements that Keep would send.
func (m *Maker) Plan(ctx context.Context, v View, was string) (statements []string, err error) {
	if was == v.Key() {
		return nil, nil
	}
	change, ours, err := m.Needs(ctx, v)
	if err != nil {
		return nil, err
	}
	makes, says := v.needs(change, ours)
	if makes {
		statements = m.statements(v, change)
	}
	if says {
		statements = append(statements, v.says...)
	}
	return statements, nil
}

// describe sets a view's comments and tags. A failure is left to the view's
// next change.
func (m *Maker) describe(ctx context.Context, v View) {
	for _, sql := range v.says {
		if err := m.exec(ctx, sql); err != nil {
			m.Log.Warn("cannot set a comment or the tags of a view", "view", v.Name.Display(), "statement", sql, "error", err)
		}
	}
}
