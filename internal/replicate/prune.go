package replicate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
	"ingest/internal/wait"
)

// Why a file goes, or stays.
const (
	PrunedOrphan     = "orphan"     // no entry names it, and its run has ended
	PrunedSuperseded = "superseded" // of an older snapshot than the newest, or in it
	PrunedLoaded     = "loaded"     // its table shows that it holds it
	PrunedCache      = "cache"      // an old file of loads/
	KeptYoung        = "young"      // younger than the retention
	KeptNeeded       = "needed"     // not loaded yet, as far as its table shows
	KeptRunning      = "running"    // no entry names it yet: its run goes on
	KeptUnknown      = "unknown"    // not the name of a segment
)

// Pruned says what a prune removed.
type Pruned struct {
	Run         string         `json:"run"`
	DryRun      bool           `json:"dry_run"`
	Retention   string         `json:"retention"`
	Before      *time.Time     `json:"before,omitempty"` // what was modified then or later stays; the workspace's clock
	Removed     []PrunedFiles  `json:"removed"`          // by reason; in a dry run, what would be
	Kept        []PrunedFiles  `json:"kept"`             // by reason
	Tables      []*PrunedTable `json:"tables"`
	Directories int            `json:"directories"` // that were removed, being empty
	Statements  int            `json:"statements"`  // sent to the SQL warehouse
	Seconds     float64        `json:"seconds"`
	Error       string         `json:"error,omitempty"`
	Hint        string         `json:"hint,omitempty"`
}

// PrunedFiles counts files of one reason.
type PrunedFiles struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// PrunedTable counts the named segments of a table that are past the retention.
type PrunedTable struct {
	Table        string `json:"table"`
	RemovedFiles int    `json:"removed_files"`
	RemovedBytes int64  `json:"removed_bytes"`
	KeptFiles    int    `json:"kept_files"`
	KeptBytes    int64  `json:"kept_bytes"`
	Why          string `json:"why,omitempty"` // the others are kept
}

// Prune removes from the volume what no load and no repair of a table that is
// not loaded will ever need, once it is older than the retention. With dry it
// removes nothing. It may be ended at any moment, and other runs may go on
// beside it.
func (p *Pipeline) Prune(ctx context.Context, dry bool) (*Pruned, error) {
	retention := p.config.Prune.Retention
	s := &Pruned{Run: p.opt.Run, DryRun: dry, Retention: retention.String(), Removed: []PrunedFiles{}, Kept: []PrunedFiles{}, Tables: []*PrunedTable{}}
	started, before := p.opt.Now(), p.workspace.Warehouse().Statements()
	r := &pruning{p: p, s: s, dry: dry, kept: map[string]*PrunedFiles{}, removed: map[string]*PrunedFiles{}, tables: map[schema.TableName]*PrunedTable{}}
	err := p.explain(ctx, r.run(ctx))
	r.report()
	s.Statements = p.workspace.Warehouse().Statements() - before
	s.Seconds = p.opt.Now().Sub(started).Seconds()
	if err != nil {
		s.Error, s.Hint = err.Error(), failure.HintOf(err)
	}
	return s, err
}

// pruning is a prune that goes on.
type pruning struct {
	p    *Pipeline
	s    *Pruned
	dry  bool
	lock *postgres.Lock

	live  map[string]bool // runs
	dirs  []databricks.FileInfo
	left  map[string]databricks.FileInfo // files under segments/ that are there, by name
	doubt map[string]*oldFile            // those of them that may go, by name
	cache []*oldFile

	removed, kept map[string]*PrunedFiles
	tables        map[schema.TableName]*PrunedTable
	proofs        map[schema.TableName]load.Proof
}

// oldFile is a file that is older than the retention.
type oldFile struct {
	databricks.FileInfo
	reason string        // if it goes
	named  *ledger.Named // nil if no entry names it
}

func (r *pruning) run(ctx context.Context) error {
	if err := r.p.begun(ctx); err != nil {
		return err
	}
	lock, err := r.p.source.TakeLock(ctx, "pruning", postgres.LockKey("prune", r.p.slot))
	if err != nil {
		return err
	}
	defer lock.Close()
	r.lock = lock
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.dry {
		doomed, err := r.doomed(ctx, r.p.newLoader())
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

// look lists the files, and then finds out which of them entries name: what a
// run uploads, or names, meanwhile, is not among those that may go.
func (r *pruning) look(ctx context.Context) error {
	p := r.p
	files, dirs, err := p.workspace.Files().Tree(ctx, "segments")
	if err != nil {
		return err
	}
	caches, err := p.workspace.Files().List(ctx, load.Directory)
	if err != nil {
		return err
	}
	before := p.clock().Add(-p.config.Prune.Retention)
	r.s.Before, r.dirs = &before, dirs
	r.left, r.doubt = make(map[string]databricks.FileInfo, len(files)), map[string]*oldFile{}
	for _, f := range files {
		r.left[f.Name] = f
		if older(f, before) {
			r.doubt[f.Name] = &oldFile{FileInfo: f}
		} else {
			r.keep(KeptYoung, f)
		}
	}
	r.findLeftovers(caches)
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	r.live, err = p.source.LiveRuns(ctx, conn)
	done()
	if err != nil {
		return err
	}
	// Last: an entry of a run that was not seen to live is there by now.
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	err = p.ledger.Walk(ctx, state, func(n ledger.Named) error {
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

// clock is the time by which files are old: the workspace's, which also dates
// them, or this machine's if that is earlier. If both were wrong alike, files
// would have to be a retention older than they are.
func (p *Pipeline) clock() time.Time {
	now := p.opt.Now().UTC()
	if told := p.workspace.Time(); !told.IsZero() && told.Before(now) {
		now = told
	}
	return now.Truncate(time.Second)
}

// older says whether a file is old enough to go; one without a date is not.
func older(f databricks.FileInfo, before time.Time) bool {
	return f.Modified.Unix() > 0 && f.Modified.Before(before)
}

// findLeftovers finds the files of the load cache that a killed run left. They
// are caches: their age does not matter.
func (r *pruning) findLeftovers(caches []databricks.FileInfo) {
	names := make([]string, len(caches))
	for i, f := range caches {
		names[i] = f.Name
	}
	old := load.Leftovers(names)
	for _, f := range caches {
		if !f.Dir && slices.Contains(old, f.Name) {
			r.cache = append(r.cache, &oldFile{FileInfo: f, reason: PrunedCache})
		}
	}
}

// sortOrphans says of each file that no entry names whether it goes.
func (r *pruning) sortOrphans() {
	for name, f := range r.doubt {
		if f.named != nil {
			continue
		}
		run, ok := stage.RunOf(name)
		switch {
		case !ok:
			r.keep(KeptUnknown, f.FileInfo)
			delete(r.doubt, name)
		case r.live[run]:
			r.keep(KeptRunning, f.FileInfo)
			delete(r.doubt, name)
		default:
			f.reason = PrunedOrphan
		}
	}
}

// doomed lists what goes, as far as it is known now, and counts nothing.
func (r *pruning) doomed(ctx context.Context, loader *load.Loader) ([]*oldFile, error) {
	state, err := r.p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	behind, err := loader.HistoriesBehind(ctx, state)
	if err != nil {
		return nil, err
	}
	ask := map[schema.TableName]bool{}
	for _, f := range r.doubt {
		if f.named == nil {
			continue
		}
		switch f.reason = ""; {
		case superseded(state.Tables[f.named.Table], f.named):
			if !behind[f.named.Table] {
				f.reason = PrunedSuperseded
			}
		default:
			ask[f.named.Table] = true
		}
	}
	if r.proofs, err = loader.Proofs(ctx, state, ask); err != nil {
		return nil, err
	}
	out := slices.Clone(r.cache)
	for _, f := range r.doubt {
		waits := f.named != nil && behind[f.named.Table] && superseded(state.Tables[f.named.Table], f.named)
		if waits {
			r.proofs[f.named.Table] = load.Proof{Through: r.proofs[f.named.Table].Through, Why: historyBehind}
		}
		if f.reason == "" && !waits && step(f.named) <= r.proofs[f.named.Table].Through {
			f.reason = PrunedLoaded
		}
		if f.reason != "" {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *oldFile) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// historyBehind is said of a table whose older log is still needed: a history is
// brought to its end before a newer snapshot replaces it.
const historyBehind = "its history does not have its newest snapshot yet, and needs what came before"

// superseded says that a segment is no part of what its table is built of any
// more, and never will be: whatever snapshot counts later has a later begin
// than the newest, and shows all rows that the newest shows.
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
	// pruneHold is how long a prune keeps loads waiting, at most; they wait
	// longer than that. pruneGap lets one begin that waits.
	pruneHold = time.Minute
	pruneGap  = time.Second
	// pruneBatch are the files between two proofs of the locks.
	pruneBatch = 200
	pruners    = 16
)

// round removes what goes for as long as it may keep others from loading, and
// says whether there is more. No load and no repair is under way meanwhile.
func (r *pruning) round(ctx context.Context) (again bool, err error) {
	loader, lock, err := r.p.loader(ctx)
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
