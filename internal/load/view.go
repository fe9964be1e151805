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

// Properties of a view that say what it was made of, beside PropertyLedger and
// PropertyPipeline.
const (
	PropertyView      = "ingest.view"       // digest of its query
	PropertyViewTypes = "ingest.view_types" // digest of the types that it keeps, or follows
)

// follows is the value of PropertyViewTypes of a view that follows the types of
// its table.
const follows = "follows"

// View is a view as it should be.
type View struct {
	Name  databricks.Table
	Query string
	// Kept says that loads make the view where it is not there. Others are only kept
	// as they should be.
	Kept  bool
	types string // of the table's columns
	// says are the statements that give it comments and tags. It is whole without
	// them.
	says []string
}

// Of says which columns the view's table has.
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

// keptView begins the key of a view that loads make.
const keptView = "kept "

// key tells a view from what it was before.
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

// ViewChange says what a view needs.
type ViewChange string

// The changes.
const (
	ViewCreated   ViewChange = "created"
	ViewAltered   ViewChange = "altered"
	ViewUnchanged ViewChange = "unchanged"
	viewTaken     ViewChange = "taken" // by a table
)

// Views makes views and keeps them as they should be. What was granted on a view
// stays: it is altered, never replaced.
type Views struct {
	Workspace *databricks.Workspace
	Warehouse *databricks.Warehouse
	Ledger    string // its UUID
	Root      string // the pipeline's directory
	Log       *slog.Logger
}

// Needs looks at a view, without the warehouse. ours says that this pipeline
// made the one that is there.
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

// compare says what a name that is there needs to be the view.
func (m *Views) compare(info *databricks.TableInfo, v View) (change ViewChange, ours bool) {
	if info.Kind != "VIEW" {
		return viewTaken, false
	}
	p := info.Properties
	ours = p[PropertyLedger] == m.Ledger
	same := ours && p[PropertyView] == digest(v.Query) && (p[PropertyViewTypes] == follows || p[PropertyViewTypes] == digest(v.types)) &&
		(info.Query == "" || strings.TrimSpace(info.Query) == strings.TrimSpace(v.Query)) // who altered it by hand left the properties
	if same {
		return ViewUnchanged, ours
	}
	return ViewAltered, ours
}

// Make brings a view to what it should be, given what it needs.
func (m *Views) Make(ctx context.Context, v View, change ViewChange) error {
	switch change {
	case ViewUnchanged:
		return nil
	case viewTaken:
		return failure.New(failure.Destination, "make view %s: the name is a table's", v.Name.Display()).
			WithHint("if the table may go: %s; else rename it", DropCommand(v.Name))
	case ViewCreated:
		err := m.create(ctx, v)
		if !databricks.ViewExists(err) { // made by another run, or by this statement, whose answer was lost
			return err
		}
	}
	return m.alter(ctx, v)
}

// statements are those of Make, on a warehouse that knows every clause.
func (m *Views) statements(v View, change ViewChange) []string {
	switch change {
	case ViewCreated:
		return []string{databricks.CreateView(v.Name, v.Query, true, m.properties(v, true))}
	case ViewAltered:
		return []string{databricks.AlterView(v.Name, v.Query), databricks.FollowTypes(v.Name), databricks.SetViewProperties(v.Name, m.properties(v, true))}
	}
	return nil
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
	if databricks.UnknownClause(err) { // older: the view keeps the types, and is made again when a load widens one
		return m.exec(ctx, databricks.CreateView(v.Name, v.Query, false, m.properties(v, false)))
	}
	return err
}

// alter says last what the view is, so that a run that ends before does it again.
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

// CopyViewCommand is the command that makes a table of what a view shows now.
func CopyViewCommand(view, table databricks.Table) string {
	return sqlCommand("CREATE OR REPLACE TABLE " + table.String() + " AS SELECT * FROM " + view.String())
}

// exec runs a statement that can be repeated.
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

// keepViews brings the views of the tables that are loaded now to what they
// should be: those of this pipeline that are there, and only where something of
// the table changed that the view depends on. A table is whole without its view:
// what fails is logged, and tried again with the next load of the table.
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
		if c := w.loaded.of(KeptCurrent); c.View != "" { // it has that view's name
			c.View = ""
			w.loaded.keep(KeptCurrent, c)
		}
	}
	return nil
}

func (l *Loader) keepView(ctx context.Context, w *table, v View) (changed bool, err error) {
	return l.keepViewOf(ctx, w, v, w.viewed)
}

// keepViewOf is keepView, given what the view was.
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

// needs says whether a load makes or alters the view, and whether it gives it its
// comments and tags.
func (v View) needs(change ViewChange, ours bool) (makes, says bool) {
	makes = ours && change == ViewAltered || v.Kept && change != ViewUnchanged
	return makes, len(v.says) > 0 && v.Kept && (makes || ours)
}

// keepViewsBeside makes the views of what is kept beside the logs.
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
			if k.Kind == KeptCurrent { // the view that folds the log has this one's name
				k.w.loaded.View = ""
			}
		}
		k.w.loaded.keep(k.Kind, kept)
	}
	return nil
}

// view is the view that people read.
func (k *kept) view() View {
	return View{Name: k.View, Query: k.query(), Kept: true, types: k.types.text(), says: k.w.saysOf(k.View)}
}

// query is that of the view that people read.
func (k *kept) query() string {
	if k.Kind == KeptHistory {
		return k.shown().HistoryView()
	}
	return k.shown().CurrentView(k.ShowGone)
}

func (l *Loader) views(ledger string) *Views {
	return &Views{Workspace: l.Workspace, Warehouse: l.Warehouse, Ledger: ledger, Root: l.Files.Root(), Log: l.Log}
}
