package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/failure"
)

// Properties of a view that record its definition. It also has PropertyLedger
// and PropertyPipeline.
const (
	PropertyView      = "ingest.view"       // digest of its query
	PropertyViewTypes = "ingest.view_types" // digest of the types that it keeps, or follows
)

// follows is the value of PropertyViewTypes if the view follows the types of
// its table.
const follows = "follows"

// View is the definition that a view should have.
type View struct {
	Name  databricks.Table
	Query string
	// Kept says that loads create the view if it is missing. They only update
	// other views.
	Kept  bool
	types string // of the table's columns
	// says are the statements that set its comments and tags. The view is
	// complete without them.
	says []string
}

// Of adds the columns of the view's table.
func (v View) Of(columns []databricks.Column) View {
	v.types = targetTypes(columns).text()
	return v
}

// text lists the columns with their types.
func (c columnTypes) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s %s\n", name, c[name])
	}
	return b.String()
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// keptView is the prefix of the key of a view that loads create.
const keptView = "kept "

// key identifies the view's definition. It changes when the definition does.
func (v View) key() string {
	is := v.Query + "\n" + v.types
	if !v.Kept {
		return digest(is)
	}
	if len(v.says) > 0 {
		is += "\n" + strings.Join(v.says, "\n")
	}
	return keptView + digest(is)
}

// ViewChange is the change that a view needs.
type ViewChange string

// The changes.
const (
	ViewCreated   ViewChange = "created"
	ViewAltered   ViewChange = "altered"
	ViewUnchanged ViewChange = "unchanged"
	viewTaken     ViewChange = "taken" // the name belongs to a table
)

// Views creates views and keeps them up to date. It alters a view and never
// replaces it, so grants on the view stay.
type Views struct {
	Workspace *databricks.Workspace
	Warehouse *databricks.Warehouse
	Ledger    string // its UUID
	Root      string // the pipeline's directory
	Log       *slog.Logger
}

// Needs compares an existing view with v, without the warehouse. ours reports
// whether this pipeline created the existing view.
func (m *Views) Needs(ctx context.Context, v View) (change ViewChange, ours bool, err error) {
	info, err := m.Workspace.TableInfo(ctx, v.Name)
	switch {
	case databricks.NotFound(err):
		return ViewCreated, false, nil
	case err != nil:
		return "", false, err
	}
	change, ours = m.compare(info, v)
	return change, ours, nil
}

// compare finds the change that makes an existing object the view.
func (m *Views) compare(info *databricks.TableInfo, v View) (change ViewChange, ours bool) {
	if info.Kind != "VIEW" {
		return viewTaken, false
	}
	p := info.Properties
	ours = p[PropertyLedger] == m.Ledger
	same := ours && p[PropertyView] == digest(v.Query) && (p[PropertyViewTypes] == follows || p[PropertyViewTypes] == digest(v.types)) &&
		(info.Query == "" || strings.TrimSpace(info.Query) == strings.TrimSpace(v.Query)) // a manual change keeps the properties
	if same {
		return ViewUnchanged, ours
	}
	return ViewAltered, ours
}

// Make applies a change to a view.
func (m *Views) Make(ctx context.Context, v View, change ViewChange) error {
	switch change {
	case ViewUnchanged:
		return nil
	case viewTaken:
		return failure.New(failure.Destination, "make view %s: the name is a table's", v.Name.Display()).
			WithHint("if the table may go: %s; else rename it", DropCommand(v.Name))
	case ViewCreated:
		err := m.create(ctx, v)
		if !databricks.ViewExists(err) { // another run created it, or this statement did and its answer was lost
			return err
		}
		return m.alter(ctx, v)
	default:
		return m.alter(ctx, v)
	}
}

// statements lists the statements of Make, for a warehouse that knows every
// clause.
func (m *Views) statements(v View, change ViewChange) []string {
	switch change {
	case ViewCreated:
		return []string{databricks.CreateView(v.Name, v.Query, true, m.properties(v, true))}
	case ViewAltered:
		return []string{databricks.AlterView(v.Name, v.Query), databricks.FollowTypes(v.Name), databricks.SetViewProperties(v.Name, m.properties(v, true))}
	default:
		return nil
	}
}

// Statement is the statement that gives the view its query.
func (v View) Statement(change ViewChange) string {
	if change == ViewAltered {
		return databricks.AlterView(v.Name, v.Query)
	}
	return databricks.CreateView(v.Name, v.Query, true, nil)
}

func (m *Views) create(ctx context.Context, v View) error {
	err := m.exec(ctx, databricks.CreateView(v.Name, v.Query, true, m.properties(v, true)))
	if databricks.UnknownClause(err) { // an older warehouse: the view keeps the types, and is recreated when a load widens one
		return m.exec(ctx, databricks.CreateView(v.Name, v.Query, false, m.properties(v, false)))
	}
	return err
}

// alter sets the properties that record the definition last. If a run ends
// before that, the next one repeats the change.
func (m *Views) alter(ctx context.Context, v View) error {
	if err := m.exec(ctx, databricks.AlterView(v.Name, v.Query)); err != nil {
		return err
	}
	err := m.exec(ctx, databricks.FollowTypes(v.Name))
	if err != nil && !databricks.UnknownClause(err) {
		return err
	}
	return m.exec(ctx, databricks.SetViewProperties(v.Name, m.properties(v, err == nil)))
}

// CopyViewCommand is the command that creates a table from the view's present
// rows.
func CopyViewCommand(view, table databricks.Table) string {
	return sqlCommand("CREATE OR REPLACE TABLE " + table.String() + " AS SELECT * FROM " + view.String())
}

// exec runs a repeatable statement.
func (m *Views) exec(ctx context.Context, sql string) error {
	return retry(ctx, m.Log, func() error { return m.Warehouse.Exec(ctx, sql) })
}

func (m *Views) properties(v View, followed bool) map[string]string {
	p := map[string]string{PropertyLedger: m.Ledger, PropertyPipeline: m.Root, PropertyView: digest(v.Query), PropertyViewTypes: follows}
	if !followed {
		p[PropertyViewTypes] = digest(v.types)
	}
	return p
}

// keepViews updates the views of the tables that are loaded now. It only
// touches existing views of this pipeline whose table changed in a way that
// affects them. A table is complete without its view: a failure is logged, and
// the next load of the table retries.
func (l *Loader) keepViews(ctx context.Context, todo []*table) error {
	if err := l.keepViewsBeside(ctx, todo); err != nil || l.View == nil {
		return err
	}
	for _, w := range todo {
		if w.result.Err != nil {
			w.loaded.View = w.viewed
			continue
		}
		v, ok := l.View(w.state, w.columns.has)
		if !ok {
			continue
		}
		v.types, v.says = w.columns.text(), w.saysOf(v.Name)
		changed, err := l.keepView(ctx, w, v)
		switch {
		case ctx.Err() != nil, isOf(failure.Conflict, err):
			return err
		case err != nil:
			w.loaded.View = w.viewed
			l.Log.Warn("a view is not what it should be", "view", v.Name.Display(), "error", err, "hint", "ingest views --tables "+w.state.Table.Argument())
			continue
		case changed:
			l.Log.Info("a view was made again", "view", v.Name.Display())
		}
		w.loaded.View = v.key()
		if c := w.loaded.of(KeptCurrent); c.View != "" { // that table has this view's name
			c.View = ""
			w.loaded.keep(KeptCurrent, c)
		}
	}
	return nil
}

func (l *Loader) keepView(ctx context.Context, w *table, v View) (changed bool, err error) {
	return l.keepViewOf(ctx, w, v, w.viewed)
}

// keepViewOf is keepView with the view's previous key.
func (l *Loader) keepViewOf(ctx context.Context, w *table, v View, was string) (changed bool, err error) {
	if was == v.key() {
		return false, nil
	}
	views := l.views(w.whole.Ledger)
	change, ours, err := views.Needs(ctx, v)
	if err != nil {
		return false, err
	}
	makes, says := v.needs(change, ours)
	if !makes && !says {
		return false, nil
	}
	if err := l.Lock.Prove(ctx); err != nil {
		return false, err
	}
	if makes {
		if err := views.Make(ctx, v, change); err != nil {
			return true, err
		}
	}
	if says {
		views.describe(ctx, v)
	}
	return makes, nil
}

// needs reports whether a load creates or alters the view, and whether it sets
// the comments and tags.
func (v View) needs(change ViewChange, ours bool) (makes, says bool) {
	makes = ours && change == ViewAltered || v.Kept && change != ViewUnchanged
	return makes, len(v.says) > 0 && v.Kept && (makes || ours)
}

// keepViewsBeside creates the views of the tables beside the logs.
func (l *Loader) keepViewsBeside(ctx context.Context, todo []*table) error {
	for _, k := range beside(todo) {
		if k.err != nil {
			continue
		}
		v := k.view()
		kept := k.w.loaded.of(k.Kind)
		_, err := l.keepViewOf(ctx, k.w, v, kept.View)
		switch {
		case ctx.Err() != nil, isOf(failure.Conflict, err):
			return err
		case err != nil:
			l.Log.Warn("a view is not what it should be", "view", v.Name.Display(), "error", err, "hint", "ingest load --tables "+k.w.state.Table.Argument())
			kept.View = ""
		default:
			kept.View = v.key()
			if k.Kind == KeptCurrent { // its view has the name of the view that folds the log
				k.w.loaded.View = ""
			}
		}
		k.w.loaded.keep(k.Kind, kept)
	}
	return nil
}

// view is the user-facing view.
func (k *kept) view() View {
	return View{Name: k.View, Query: k.query(), Kept: true, types: k.types.text(), says: k.w.saysOf(k.View)}
}

// query is the query of the user-facing view.
func (k *kept) query() string {
	if k.Kind == KeptHistory {
		return k.shown().HistoryView()
	}
	return k.shown().CurrentView(k.ShowGone)
}

func (l *Loader) views(ledger string) *Views {
	return &Views{Workspace: l.Workspace, Warehouse: l.Warehouse, Ledger: ledger, Root: l.Files.Root(), Log: l.Log}
}
