// Package prune removes files from the volume that are older than the retention and that no load and
// no repair of an unloaded table will need. It decides what may go and why, lists the files and
// removes them. It must not know how a pipeline is opened. It writes neither the ledger nor a table.
package prune

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/wait"
)

// Why a file goes, or stays.
const (
	Orphan     = "orphan"     // no entry names it, and its run has ended
	Superseded = "superseded" // of an older snapshot than the newest, or in it
	Loaded     = "loaded"     // its table proves that it contains it
	Cache      = "cache"      // an old file of loads/
	Young      = "young"      // younger than the retention
	Needed     = "needed"     // not loaded yet, as far as its table shows
	Running    = "running"    // no entry names it yet: its run is not over
	Unknown    = "unknown"    // not the name of a segment
)

// Report is what a prune removed.
type Report struct {
	Run         string     `json:"run"`
	DryRun      bool       `json:"dry_run"`
	Retention   string     `json:"retention"`
	Before      *time.Time `json:"before,omitempty"` // files modified at or after it stay; the workspace's clock
	Removed     []Files    `json:"removed"`          // by reason; in a dry run, what would be removed
	Kept        []Files    `json:"kept"`             // by reason
	Tables      []*Table   `json:"tables"`
	Directories int        `json:"directories"` // removed because they were empty
	Statements  int        `json:"statements"`  // sent to the SQL warehouse
	Seconds     float64    `json:"seconds"`
	Error       string     `json:"error,omitempty"`
	Hint        string     `json:"hint,omitempty"`
}

// Files counts files of one reason.
type Files struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// Table counts the named segments of a table that are past the retention.
type Table struct {
	Table        string `json:"table"`
	RemovedFiles int    `json:"removed_files"`
	RemovedBytes int64  `json:"removed_bytes"`
	KeptFiles    int    `json:"kept_files"`
	KeptBytes    int64  `json:"kept_bytes"`
	Why          string `json:"why,omitempty"` // why the others are kept
}

// Options are what a prune needs of an open pipeline.
type Options struct {
	Run       string
	DryRun    bool          // nothing is removed
	Retention time.Duration // files that are younger stay
	Workspace *databricks.Workspace
	Source    *postgres.Source
	Ledger    *ledger.Ledger
	Slot      string // names the lock
	// Looker makes a loader without a lock; it may read, but not write. Loader waits for the load lock
	// and makes a loader under it. The caller closes the lock.
	Looker func() *load.Loader
	Loader func(context.Context) (*load.Loader, *postgres.Lock, error)
	Log    *slog.Logger
	Now    func() time.Time // the clock
}

// Pruning is a prune in progress.
type Pruning struct {
	o      Options
	s      *Report
	lock   *postgres.Lock
	began  time.Time
	before int // statements sent before

	live  map[string]bool // runs that are live
	dirs  []databricks.FileInfo
	left  map[string]databricks.FileInfo // existing files under segments/, by name
	doubt map[string]*oldFile            // the files in left that may go, by name
	cache []*oldFile

	removed, kept map[string]*Files
	tables        map[schema.TableName]*Table
	proofs        map[schema.TableName]load.Proof
}

// Nothing is the report of a prune that did nothing.
func Nothing(run string, dryRun bool, retention time.Duration) *Report {
	return &Report{Run: run, DryRun: dryRun, Retention: retention.String(), Removed: []Files{}, Kept: []Files{}, Tables: []*Table{}}
}

// New begins a prune. Run does the work, and End returns the report.
func New(o Options) *Pruning {
	return &Pruning{
		o: o, s: Nothing(o.Run, o.DryRun, o.Retention), began: o.Now(), before: o.Workspace.Warehouse().Statements(),
		kept: map[string]*Files{}, removed: map[string]*Files{}, tables: map[schema.TableName]*Table{},
	}
}

// End completes the report of a prune that ended with err or without an error.
func (r *Pruning) End(err error) *Report {
	r.report()
	r.s.Statements = r.o.Workspace.Warehouse().Statements() - r.before
	r.s.Seconds = r.o.Now().Sub(r.began).Seconds()
	if err != nil {
		r.s.Error, r.s.Hint = err.Error(), failure.HintOf(err)
	}
	return r.s
}

// oldFile is a file that is older than the retention.
type oldFile struct {
	databricks.FileInfo
	reason string        // if it goes
	named  *ledger.Named // nil if no entry names it
}

// Run removes what may go. It can be ended at any moment. Other runs can run at the same time.
func (r *Pruning) Run(ctx context.Context) error {
	lock, err := r.o.Source.TakeLock(ctx, "pruning", postgres.LockKey("prune", r.o.Slot))
	if err != nil {
		return err
	}
	defer lock.Close()
	r.lock = lock
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.o.DryRun {
		doomed, err := r.doomed(ctx, r.o.Looker())
		for _, f := range doomed {
			r.count(f)
		}
		return err
	}
	for {
		again, err := r.round(ctx)
		if err != nil {
			return err
		}
		if !again {
			return r.removeDirectories(ctx)
		}
		if err := wait.For(ctx, pruneGap); err != nil {
			return err
		}
	}
}

// look lists the files first, and then finds out which of them the entries name. So a file that a run
// uploads or names in the meantime is not among those that may go.
func (r *Pruning) look(ctx context.Context) error {
	files, dirs, err := r.o.Workspace.Files().Tree(ctx, "segments")
	if err != nil {
		return err
	}
	caches, err := r.o.Workspace.Files().List(ctx, loads.Directory)
	if err != nil {
		return err
	}
	before := clock(r.o.Now(), r.o.Workspace.Time()).Add(-r.o.Retention)
	r.s.Before, r.dirs = &before, dirs
	r.left, r.doubt = make(map[string]databricks.FileInfo, len(files)), map[string]*oldFile{}
	for _, f := range files {
		r.left[f.Name] = f
		if older(f, before) {
			r.doubt[f.Name] = &oldFile{FileInfo: f}
		} else {
			r.keep(Young, f)
		}
	}
	r.findLeftovers(caches)
	conn, err := r.o.Source.Connect(ctx)
	if err != nil {
		return err
	}
	r.live, err = r.o.Source.Sessions(conn).LiveRuns(ctx)
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	// Do this last: an entry of a run that was not seen live is there by now.
	state, err := r.o.Ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	err = r.o.Ledger.Walk(ctx, state, func(n ledger.Named) error {
		if f := r.doubt[n.Path]; f != nil {
			f.named = &n
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.sortOrphans()
	return nil
}

// clock is the time that the age of files is measured against. It is the workspace's time, which also
// dates the files, or this machine's time if that is earlier. Even if both are wrong in the same way,
// files must be a retention older than they are.
func clock(here, workspace time.Time) time.Time {
	now := here.UTC()
	if !workspace.IsZero() && workspace.Before(now) {
		now = workspace
	}
	return now.Truncate(time.Second)
}

// older reports whether a file is old enough to go. A file without a date is not.
func older(f databricks.FileInfo, before time.Time) bool {
	return f.Modified.Unix() > 0 && f.Modified.Before(before)
}

// findLeftovers finds the files of the load cache that a killed run left. They are caches: their age
// does not matter.
func (r *Pruning) findLeftovers(caches []databricks.FileInfo) {
	names := make([]string, len(caches))
	for i, f := range caches {
		names[i] = f.Name
	}
	old := loads.Leftovers(names)
	for _, f := range caches {
		if !f.Dir && slices.Contains(old, f.Name) {
			r.cache = append(r.cache, &oldFile{FileInfo: f, reason: Cache})
		}
	}
}

// sortOrphans decides for each file that no entry names whether it goes.
func (r *Pruning) sortOrphans() {
	for name, f := range r.doubt {
		if f.named != nil {
			continue
		}
		run, ok := stage.RunOf(name)
		switch {
		case !ok:
			r.keep(Unknown, f.FileInfo)
			delete(r.doubt, name)
		case r.live[run]:
			r.keep(Running, f.FileInfo)
			delete(r.doubt, name)
		default:
			f.reason = Orphan
		}
	}
}

// doomed lists what goes, as far as it is known now. It counts nothing.
func (r *Pruning) doomed(ctx context.Context, loader *load.Loader) ([]*oldFile, error) {
	state, err := r.o.Ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	behind, err := loader.HistoriesBehind(ctx, state)
	if err != nil {
		return nil, err
	}
	if r.proofs, err = loader.Proofs(ctx, state, r.sortNamed(state, behind)); err != nil {
		return nil, err
	}
	return r.going(state, behind), nil
}

// sortNamed decides for each named file whether it goes because a newer snapshot superseded it. It
// returns the tables that must prove that they contain their other files. behind are the tables whose
// histories need what was superseded.
func (r *Pruning) sortNamed(state *ledger.State, behind map[schema.TableName]bool) (ask map[schema.TableName]bool) {
	ask = map[schema.TableName]bool{}
	for _, f := range r.doubt {
		if f.named == nil {
			continue
		}
		switch f.reason = ""; {
		case superseded(state.Tables[f.named.Table], f.named):
			if !behind[f.named.Table] {
				f.reason = Superseded
			}
		default:
			ask[f.named.Table] = true
		}
	}
	return ask
}

// going lists what goes, by the tables' proofs.
func (r *Pruning) going(state *ledger.State, behind map[schema.TableName]bool) []*oldFile {
	out := slices.Clone(r.cache)
	for _, f := range r.doubt {
		waits := f.named != nil && behind[f.named.Table] && superseded(state.Tables[f.named.Table], f.named)
		if waits {
			r.proofs[f.named.Table] = load.Proof{Through: r.proofs[f.named.Table].Through, Why: historyBehind}
		}
		if f.reason == "" && !waits && step(f.named) <= r.proofs[f.named.Table].Through {
			f.reason = Loaded
		}
		if f.reason != "" {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *oldFile) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// historyBehind is the reason to keep a table's older log: a history is completed before a newer
// snapshot replaces it.
const historyBehind = "its history does not have its newest snapshot yet, and needs what came before"

// superseded reports that a table no longer uses a segment, and never will. A snapshot that counts
// later begins later than the newest, and shows all rows that the newest shows.
func superseded(t *ledger.TableState, n *ledger.Named) bool {
	return t != nil && t.Snapshot != nil && (step(n) < t.Snapshot.Begin || slices.Contains(n.VisibleIn, t.Snapshot.Begin))
}

// step is the entry that a segment's rows have in the table.
func step(n *ledger.Named) int64 {
	if n.Begin > 0 {
		return n.Begin
	}
	return n.Entry
}

const (
	// pruneHold is the maximum time that a prune delays loads; they wait longer than that. pruneGap
	// lets a waiting load begin.
	pruneHold = time.Minute
	pruneGap  = time.Second
	// pruneBatch is the number of files between two checks of the locks.
	pruneBatch = 200
	pruners    = 16
)

// round removes files for as long as it may delay loads, and reports whether there are more. No load
// and no repair runs in the meantime.
func (r *Pruning) round(ctx context.Context) (again bool, err error) {
	loader, lock, err := r.o.Loader(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	doomed, err := r.doomed(ctx, loader)
	if err != nil {
		return false, err
	}
	until := time.Now().Add(pruneHold)
	for batch := range slices.Chunk(doomed, pruneBatch) {
		if time.Now().After(until) {
			return true, nil
		}
		if err := r.remove(ctx, batch, lock); err != nil {
			return false, err
		}
	}
	return false, nil
}
