package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// KeptKind is what a table beside a log holds.
type KeptKind string

// The kinds.
const (
	KeptCurrent KeptKind = "current"
	KeptHistory KeptKind = "history"
)

// Keeping is a table that loads maintain beside a log.
type Keeping struct {
	Kind       KeptKind
	Data, View databricks.Table // the table, and its user-facing view
	Key        []string         // columns, by their names in the source
	Except     []string         // columns that begin no period
	ShowGone   bool             // the view shows rows that the source deleted
	Feed       bool             // the table has a change data feed
}

// Properties of a table that is kept beside a log. It also has PropertyLedger
// and PropertyPipeline.
const (
	PropertyKept = "ingest.kept" // what it holds
	PropertyLog  = "ingest.log"  // of which table of the source
)

// propertyFeed is Delta's property that gives a table a change data feed.
// propertyOurFeed says that the configuration switched it on.
const (
	propertyFeed    = "delta.enableChangeDataFeed"
	propertyOurFeed = "ingest.change_data_feed"
)

// LoadedKept is the cache's record of a table beside a log.
type LoadedKept struct {
	Snapshot string `json:"snapshot"` // directory of the snapshot that its log begins with
	Entry    int64  `json:"entry"`    // newest entry of the log that is in it
	View     string `json:"view,omitempty"`
	// Rebuild says that the table must be rebuilt from the log.
	Rebuild bool `json:"rebuild,omitempty"`
	// Quarantine says why the table is no longer kept. The log continues.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
}

// KeptResult is the result for a table beside a log.
type KeptResult struct {
	Kind       KeptKind
	Data, View databricks.Table
	Replaced   bool // it was created or rebuilt
	Fresh      bool // a history that was to be rebuilt and had no periods to keep
	Merges     int
	Err        error // why it is quarantined
}

// kept is a table beside the log of one table of a load run.
type kept struct {
	Keeping
	w          *table
	cached     LoadedKept
	exists     bool
	columns    []databricks.Column
	types      columnTypes
	properties map[string]string // as Unity Catalog shows them; nil if they no longer matter
	at         fold.Position
	known      bool // at is the position that the table shows
	rebuild    bool
	reborn     []string // columns that this run has filled with the values of their former selves
	moves      int      // consecutive key changes that statements follow
	err        error
	tries      int
	dry        func(sql string) // receives the statements of a plan, which sends none; else nil
	stays      bool             // of a plan: the last statement did not move the position

	result KeptResult
}

// keepings lists the tables to keep beside the log. A log that lacks the key gets
// none if it waits for a full load, or if its relation is loaded under another
// name: a full load replaces it. Any other log without the key is refused.
func (w *table) keepings() []Keeping {
	if w.loader.Keep == nil || w.state.Snapshot == nil {
		return nil
	}
	return slices.DeleteFunc(w.loader.Keep(w.state), func(k Keeping) bool {
		return !w.keyed(k.Key) && (w.state.Reload != nil || w.whole.ByOIDs()[w.state.OID] != w.state)
	})
}

// keyed reports whether the log has the key.
func (w *table) keyed(key []string) bool {
	return len(key) > 0 && !slices.ContainsFunc(key, func(name string) bool {
		return !slices.ContainsFunc(w.state.Columns, func(c schema.Column) bool { return c.Name == name })
	})
}

// of is the cache's record of a kind.
func (t *Loaded) of(kind KeptKind) LoadedKept {
	if k := *t.at(kind); k != nil {
		return *k
	}
	return LoadedKept{}
}

func (t *Loaded) at(kind KeptKind) **LoadedKept {
	if kind == KeptHistory {
		return &t.History
	}
	return &t.Current
}

// keep updates the cache's record of a kind.
func (t *Loaded) keep(kind KeptKind, k LoadedKept) {
	if at := t.at(kind); *at == nil || **at != k {
		*at = &k
	}
}

// reach is the newest entry for which the ledger has data for a table of the
// kind.
func (w *table) reach(kind KeptKind) int64 {
	last := w.steps[len(w.steps)-1].entry
	if kind == KeptHistory { // a history begins where the snapshot is done
		return max(last, w.state.DoneNumber)
	}
	return last
}

// stopped reports whether a table beside the log is quarantined.
func (w *table) stopped(k LoadedKept) bool {
	return k.Quarantine != nil && k.Quarantine.Snapshot == w.state.Snapshot.Begin
}

// keptBehind reports whether the cache lacks something of the tables beside the
// log, or of the view that loads create.
func (w *table) keptBehind(o Options) bool {
	if w.loader.View != nil && !strings.HasPrefix(w.cached.View, keptView) {
		if v, ok := w.loader.View(w.state, func(string) bool { return true }); ok && v.Kept {
			return true
		}
	}
	for _, k := range w.keepings() {
		c := w.cached.of(k.Kind)
		switch {
		case slices.Contains(o.Rebuild, k.Kind):
			return true
		case w.stopped(c):
			if o.Tables != nil { // a named table is retried
				return true
			}
		case w.lags(k.Kind, c):
			return true
		}
	}
	return false
}

// lags reports whether a table beside the log is behind the ledger or must be
// rebuilt.
func (w *table) lags(kind KeptKind, k LoadedKept) bool {
	return k.Rebuild || k.Snapshot != w.state.Snapshot.Directory || k.Entry != w.reach(kind)
}

// beside lists the tables beside the log, without the quarantined ones.
func (w *table) beside(o Options) []*kept {
	var out []*kept
	for _, k := range w.keepings() {
		c := w.cached.of(k.Kind)
		again := slices.Contains(o.Rebuild, k.Kind)
		if w.stopped(c) && o.Tables == nil && !again {
			continue
		}
		one := &kept{Keeping: k, w: w, cached: c, rebuild: again || c.Rebuild, moves: fold.DefaultMoves, result: KeptResult{Kind: k.Kind, Data: k.Data, View: k.View}}
		if again {
			one.cached.View = "" // the view may be gone, too
		}
		if c.Snapshot != "" {
			one.at = fold.Position{Snapshot: c.Snapshot, Entry: c.Entry}
		}
		out = append(out, one)
	}
	return out
}

// keptStopped returns the results of the quarantined tables beside the log that
// the load does not retry.
func (w *table) keptStopped(o Options) []KeptResult {
	var out []KeptResult
	for _, k := range w.keepings() {
		c := w.cached.of(k.Kind)
		if !w.stopped(c) || o.Tables != nil || slices.Contains(o.Rebuild, k.Kind) {
			continue
		}
		q := c.Quarantine
		err := failure.New(failure.Tables, "the %s of %s is quarantined since %s: %s", k.Kind, w.state.Table, q.Since.Format(time.RFC3339), q.Reason).WithHint("%s", q.Hint)
		out = append(out, KeptResult{Kind: k.Kind, Data: k.Data, View: k.View, Err: err})
	}
	return out
}

// fail quarantines only this table.
func (k *kept) fail(err error) {
	since := k.w.loader.Now().UTC()
	if q := k.cached.Quarantine; q != nil && k.w.stopped(k.cached) {
		since = q.Since
	}
	k.err, k.result.Err = err, err
	c := k.cached
	c.Quarantine = &Quarantine{Reason: err.Error(), Hint: failure.HintOf(err), Since: since, Snapshot: k.w.state.Snapshot.Begin}
	k.w.loaded.keep(k.Kind, c)
	k.w.loader.Log.Error("a table beside a log is quarantined", "table", k.Data.Display(), "because", err)
}

// failed is like fail and adds the command that rebuilds the table.
func (k *kept) failed(format string, args ...any) {
	k.fail(failure.New(failure.Tables, "table %s "+format, append([]any{k.Data.Display()}, args...)...).
		WithHint("ingest load --rebuild %s --tables %s", k.Kind, k.w.state.Table.Argument()))
}

// refused quarantines the table because the warehouse refused a statement.
func (k *kept) refused(err error) {
	hint := "ingest load --tables " + k.w.state.Table.Argument()
	if named := failure.HintOf(err); named != "" {
		hint = named + "; then " + hint
	}
	k.fail((&failure.Error{Kind: failure.Tables, Err: err}).WithHint("%s", hint))
}

// fold describes the table to the statements that maintain it.
func (k *kept) fold() *fold.Kept {
	d := k.w.state.Snapshot
	f := &fold.Kept{
		Log: k.w.target, Data: k.Data, Table: fold.Table{Key: k.Key}, Except: k.Except,
		Snapshot: fold.Snapshot{Directory: d.Directory, Begin: d.Begin, Rows: d.Rows},
	}
	now := map[string]bool{}
	for _, c := range k.w.state.Columns {
		if k.w.columns.has(c.Target()) {
			f.Table.Columns = append(f.Table.Columns, c)
			now[schema.FoldCase(c.Target())] = true
		}
	}
	f.Table.Births = fold.BirthsOf(k.w.state, f.Table.Columns, k.w.columns.has)
	for _, c := range k.columns {
		name := schema.FoldCase(c.Name)
		if now[name] || schema.IsMeta(c.Name) || fold.IsColumn(c.Name) {
			continue
		}
		former := fold.Former{Column: schema.Column{Name: c.Name, Type: k.types[name]}, InLog: k.w.columns.has(c.Name)}
		if was, ok := k.w.state.Former(c.Name); ok && former.InLog {
			former.Name, former.Renamed, former.Number = was.Name, was.Renamed, was.Number
			f.Table.Births = append(f.Table.Births, k.birthsOf(former.Column)...)
		}
		if gone, ok := k.w.state.GoneSince(c.Name); ok {
			former.Entry, former.LSN = gone.Entry, int64(gone.LSN)
		}
		if former.Type.Kind != schema.Invalid { // else the column belongs to somebody else
			f.Former = append(f.Former, former)
		}
	}
	return f
}

// birthsOf lists the births of a column that the source no longer has under its
// name, up to the birth of that name.
func (k *kept) birthsOf(c schema.Column) []fold.Birth {
	births := fold.BirthsOf(k.w.state, []schema.Column{c}, k.w.columns.has)
	n := 0
	for i, b := range k.w.state.Births(c.Number) {
		if b.Birth.Column == c.Name {
			n = i + 1
		}
	}
	return births[:min(n, len(births))]
}

// shown describes the table to its view. The view has the columns of a view of
// the log, including those that no log row has yet. It reads these as rows from
// before their birth.
func (k *kept) shown() *fold.Kept {
	f := &fold.Kept{Data: k.Data, Table: fold.Table{Key: k.Key}}
	now := map[string]bool{}
	for _, c := range k.w.state.Newest() {
		births := slices.DeleteFunc(fold.BirthsOf(k.w.state, []schema.Column{c}, k.types.has), func(b fold.Birth) bool {
			return !b.Open || b.From != "" && !k.types.has(b.From)
		})
		if len(births) == 0 && !k.types.has(c.Target()) {
			continue
		}
		f.Table.Births = append(f.Table.Births, births...)
		f.Table.Columns = append(f.Table.Columns, c)
		now[schema.FoldCase(c.Target())] = true
	}
	for _, c := range k.columns {
		if name := schema.FoldCase(c.Name); !now[name] && !schema.IsMeta(c.Name) && !fold.IsColumn(c.Name) && k.types[name].Kind != schema.Invalid {
			f.Former = append(f.Former, fold.Former{Column: schema.Column{Name: c.Name, Type: k.types[name]}})
		}
	}
	return f
}

// options are the clauses of the statement that creates the table.
func (k *kept) options(f *fold.Kept) databricks.TableOptions {
	o := databricks.TableOptions{Comment: k.w.state.Snapshot.Comment, ClusterBy: clusterColumns(f.Table), Properties: map[string]string{
		PropertyLedger: k.w.whole.Ledger, PropertyPipeline: k.w.loader.Files.Root(), PropertyKept: string(k.Kind), PropertyLog: k.w.state.Table.String(),
		"delta.enableDeletionVectors":    "true",
		"delta.dataSkippingStatsColumns": skippingColumns(f.Table.Columns, f.Table.Key, schema.MetaOp, schema.MetaEntry, fold.PositionSnapshot),
	}}
	if k.Feed {
		o.Properties[propertyFeed], o.Properties[propertyOurFeed] = "true", "true"
	}
	return o
}

// feed switches the change data feed of an existing table on or off if the
// option changed. It leaves a feed alone that somebody else switched on.
func (k *kept) feed(do func(operation) error) error {
	on, ours := strings.EqualFold(k.properties[propertyFeed], "true"), k.properties[propertyOurFeed] == "true"
	if !k.exists || k.properties == nil || k.Feed && on || !k.Feed && !(on && ours) {
		return nil
	}
	to := map[string]string{propertyFeed: strconv.FormatBool(k.Feed), propertyOurFeed: strconv.FormatBool(k.Feed)}
	return do(operation{sql: databricks.SetProperties(k.Data, to), done: func() { k.properties = nil }, fail: func(err error) error {
		if databricks.Refused(err) {
			k.refused(fmt.Errorf("alter %s: %w", k.Data.Display(), err))
			return nil
		}
		return err
	}})
}

// clusterColumns lists the key columns that a table can be clustered by.
func clusterColumns(t fold.Table) []string {
	var names []string
	for _, c := range t.Columns {
		if slices.Contains(t.Key, c.Name) && hasStats(c) && len(names) < databricks.MaxClusterColumns {
			names = append(names, c.Target())
		}
	}
	return names
}

// truncates reports whether entries after from may hold a truncate of the
// table.
func (w *table) truncates(from int64) bool {
	const op = schema.OpTruncate
	return slices.ContainsFunc(w.state.Changes, func(c ledger.StagedChanges) bool { return c.Entry > from && c.Rows[op] > 0 }) ||
		slices.ContainsFunc(w.state.Folded, func(f ledger.FoldedChanges) bool { return f.Last > from && f.Ops[op] > 0 })
}

func (k *kept) batch(from fold.Position, to int64) fold.Batch {
	return fold.Batch{From: from, To: to, Truncates: k.w.truncates(from.Entry), Moves: k.moves, Loaded: k.w.loader.Now()}
}

func (k *kept) entries(from, to int64) string {
	return strconv.FormatInt(from+1, 10) + "-" + strconv.FormatInt(to, 10)
}

// pause is the delay before the table's next retry.
func (k *kept) pause() time.Duration { return time.Duration(k.tries) * 300 * time.Millisecond }

// KeptState is the cache's record of a table beside a log.
type KeptState struct {
	Keeping
	Snapshot   string // directory of the snapshot that its log begins with; "" if it was not created yet
	Entry      int64  // newest entry of the log that is in it
	Reach      int64  // newest entry for which the ledger has data for it
	Behind     bool
	Quarantine *Quarantine // nil if it is kept
}

// KeptStates lists the tables beside a log as the cache knows them.
func (l *Loader) KeptStates(state *ledger.State, t *ledger.TableState, cached Loaded) []KeptState {
	w := l.newTable(state, t, cached)
	var out []KeptState
	for _, k := range w.keepings() {
		c := cached.of(k.Kind)
		s := KeptState{Keeping: k, Snapshot: c.Snapshot, Entry: c.Entry, Reach: w.reach(k.Kind), Behind: w.lags(k.Kind, c)}
		if w.stopped(c) {
			s.Quarantine = c.Quarantine
		}
		out = append(out, s)
	}
	return out
}
