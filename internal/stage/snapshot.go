package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/wait"
)

// A group of tables shares one snapshot. These are the maximum number of tables
// and their approximate total size. A snapshot holds back vacuum, so a load of
// many tables does not hold one snapshot throughout.
const (
	groupTables = 200
	groupBytes  = 4 << 30
)

// TableResult is the result of one table's snapshot.
type TableResult struct {
	Table   schema.TableName
	Done    *ledger.Done // nil if it failed
	Err     error
	Took    time.Duration
	Entry   int64
	Ranges  int
	started time.Time
}

// SnapshotTables takes snapshots of the relations and stages them. A table that
// fails is abandoned and the others continue. The error is for failures that
// stop all of them.
func (s *Stager) SnapshotTables(ctx context.Context, relations []postgres.Relation) ([]TableResult, error) {
	var results []TableResult
	for len(relations) > 0 {
		n, size := 0, int64(0)
		for n < len(relations) && n < groupTables && (n == 0 || size+relations[n].Bytes <= groupBytes) {
			size += relations[n].Bytes
			n++
		}
		group, err := s.snapshotGroup(ctx, relations[:n])
		results = append(results, group...)
		if locked, ok := errors.AsType[*postgres.LockError](err); ok { // that table is skipped, and the others start again
			results = append(results, TableResult{Table: locked.Table, Err: fmt.Errorf("snapshot of %s: %w", locked.Table, err)})
			relations = slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool { return r.Name == locked.Table })
			continue
		}
		if err != nil {
			return results, err
		}
		relations = relations[n:]
	}
	return results, nil
}

func (s *Stager) snapshotGroup(ctx context.Context, relations []postgres.Relation) ([]TableResult, error) {
	lock, err := s.lockTables(ctx, relations)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := s.abandonStale(ctx, relations, lock); err != nil {
		return nil, err
	}
	snap, begin, err := s.begin(ctx, relations, lock)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	var results []TableResult
	err = watched(ctx, lock, 0, func(ctx context.Context) (err error) {
		results, err = s.copyTables(ctx, snap, begin, relations, lock)
		return err
	})
	return results, err
}

func (s *Stager) lockTables(ctx context.Context, relations []postgres.Relation) (*postgres.Lock, error) {
	names, keys := make([]string, len(relations)), make([]int32, len(relations))
	for i, r := range relations {
		names[i], keys[i] = "the snapshot of "+r.Name.String(), postgres.LockKey("snapshot", s.Slot, r.Name.String())
	}
	return s.Source.TakeLocks(ctx, names, keys)
}

// abandonStale abandons snapshots of these tables that an earlier run began and
// did not finish. This run holds their locks, so the earlier run is gone.
func (s *Stager) abandonStale(ctx context.Context, relations []postgres.Relation, guard ledger.Guard) error {
	for {
		state, err := s.Ledger.Refresh(ctx)
		if err != nil {
			return err
		}
		stale := staleSnapshot(state, relations)
		if stale == nil {
			return nil
		}
		_, err = s.Ledger.Append(ctx, state.Head, stale, guard)
		if err != nil && !errors.Is(err, ledger.ErrLost) {
			return err
		}
	}
}

func staleSnapshot(state *ledger.State, relations []postgres.Relation) *ledger.Abandoned {
	for _, o := range state.Open {
		var tables []schema.TableName
		for _, r := range relations {
			if o.Pending[r.Name] {
				tables = append(tables, r.Name)
			}
		}
		if len(tables) > 0 {
			return &ledger.Abandoned{Begin: o.Number, Tables: tables, Reason: "run " + o.Run + " did not finish it"}
		}
	}
	return nil
}

// begin takes a snapshot in which every staged transaction is visible, and
// appends its begin entry directly after the head up to which this was proved.
func (s *Stager) begin(ctx context.Context, relations []postgres.Relation, guard ledger.Guard) (*postgres.Snapshot, *ledger.Entry, error) {
	conn, err := s.Source.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pointers := make([]*postgres.Relation, len(relations))
	for i := range relations {
		pointers[i] = &relations[i]
	}
	var late error
	for {
		if err := s.published(ctx, conn, relations); err != nil {
			return nil, nil, err
		}
		sort, err := s.settle(ctx, conn)
		if err != nil {
			return nil, nil, err
		}
		release := func() error { return nil }
		if errors.Is(late, errStaged) {
			if release, err = postgres.Claim(ctx, conn, s.turn()); err != nil {
				return nil, nil, err
			}
		}
		snap, entry, err := s.beginAfter(ctx, conn, relations, pointers, sort, guard)
		if err == nil { // the end of conn releases the claim
			return snap, entry, nil
		}
		late = err
		if err := release(); err != nil {
			return nil, nil, err
		}
		if errors.Is(late, postgres.ErrCatalogMoved) {
			if relations, err = s.reread(ctx, relations, pointers); err != nil {
				return nil, nil, err
			}
			continue
		}
		if !errors.Is(late, errStaged) && !errors.Is(late, errUnsettled) && !errors.Is(late, errRepublished) {
			return nil, nil, late
		}
		s.Log.Debug("taking the snapshot again", "because", late)
		if err := wait.For(ctx, 20*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
}

// settle waits until every later snapshot shows what transactions may have changed unseen, before the
// tables were published. Nothing is published for snapshots alone.
func (s *Stager) settle(ctx context.Context, conn *pgx.Conn) (sort pglogrepl.LSN, err error) {
	if s.alone() {
		sort, _, err = s.Source.WAL(conn).Positions(ctx)
		return sort, err
	}
	// Sort must be read before the wait: see postgres-rules.
	return s.Source.Transactions(conn).Settle(ctx, func(who string) {
		s.Log.Warn("waiting for transactions that may have changed the tables unseen", "open", who)
	})
}

// turn is the lock that a snapshot claims after it lost its place in the ledger
// to staged transactions. Runs that append changes yield to it. A run that
// appends more often than a snapshot can be taken would otherwise always be
// first.
func (s *Stager) turn() int32 { return postgres.LockKey("begin", s.Slot) }

// beginAfter takes a snapshot after everything that is staged, and appends its
// begin entry.
func (s *Stager) beginAfter(ctx context.Context, conn *pgx.Conn, relations []postgres.Relation, pointers []*postgres.Relation,
	sort pglogrepl.LSN, guard ledger.Guard) (*postgres.Snapshot, *ledger.Entry, error) {
	state, err := s.Ledger.Refresh(ctx)
	if err == nil {
		err = s.suits(state)
	}
	if err != nil {
		return nil, nil, err
	}
	snap, err := s.Source.OpenSnapshot(ctx, pointers)
	if err != nil {
		return nil, nil, err
	}
	var entry *ledger.Entry
	if err = s.fits(ctx, conn, snap, relations); err == nil {
		entry, err = s.appendBegin(ctx, snap, state, relations, sort, guard)
	}
	if err != nil {
		_ = snap.Close()
		return nil, nil, err
	}
	return snap, entry, nil
}

// suits refuses an origin that another run has appended since this run looked. Changes would follow a
// snapshot whose table may not be published, or a snapshot would count as one that changes follow.
func (s *Stager) suits(state *ledger.State) error {
	if state.Origin == nil || state.Origin.Replicates() != s.alone() {
		return nil
	}
	return failure.New(failure.Conflict, "another run began the ledger again meanwhile, with another source.changes").
		WithHint("run the command again, with the configuration of that run")
}

// published reads how the publications contain the relations.
func (s *Stager) published(ctx context.Context, conn *pgx.Conn, relations []postgres.Relation) error {
	pubs, err := s.Source.Catalog(conn).Publications(ctx, s.Publications.Names())
	if err != nil {
		return err
	}
	for i := range relations {
		relations[i].Published = postgres.PublishedBy(s.Publications, pubs, relations[i].OID)
	}
	return nil
}

// fits proves that nothing changed between the wait and the snapshot, and that
// the snapshot is durable.
func (s *Stager) fits(ctx context.Context, conn *pgx.Conn, snap *postgres.Snapshot, relations []postgres.Relation) error {
	now := slices.Clone(relations)
	if err := s.published(ctx, conn, now); err != nil {
		return err
	}
	for i := range relations {
		// A transaction that began after the wait may have written unseen.
		if !now[i].Published.Equal(relations[i].Published) {
			return fmt.Errorf("%w: %s", errRepublished, relations[i].Name)
		}
	}
	// An asynchronous commit is visible before it is on disk. A server that
	// crashes loses it and gives its id and LSN to another transaction.
	return s.Source.WAL(conn).WaitFlushed(ctx, snap.Fence)
}

// reread refreshes relations in place after they were altered. It returns a
// postgres.LockError if one can no longer be loaded, or not with this
// configuration.
func (s *Stager) reread(ctx context.Context, relations []postgres.Relation, pointers []*postgres.Relation) ([]postgres.Relation, error) {
	conn, err := s.Source.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	oids := make([]uint32, len(relations))
	for i, r := range relations {
		oids[i] = r.OID
	}
	fresh, err := s.Source.Catalog(conn).Relations(ctx, nil, oids)
	if err != nil {
		return nil, err
	}
	for i, r := range relations {
		j := slices.IndexFunc(fresh, func(now postgres.Relation) bool { return now.OID == r.OID })
		var now *postgres.Relation
		if j >= 0 {
			now = &fresh[j]
		}
		if became := s.became(&r, now); became != "" {
			return nil, &postgres.LockError{
				Table: r.Name, Err: failure.New(failure.Source, "%s %s meanwhile", r.Name, became).WithHint("run the command again"),
			}
		}
		*pointers[i] = *now
	}
	return relations, nil
}

// became returns why a relation can no longer be loaded as planned, or "" if it
// can. The locks and the target use the name.
func (s *Stager) became(r, now *postgres.Relation) string {
	switch {
	case now == nil:
		return "was dropped"
	case now.Name != r.Name:
		return "was renamed to " + now.Name.String()
	case now.Kind != r.Kind || now.Persistence != r.Persistence || len(now.Illegible) > 0:
		return "was changed so that it cannot be loaded"
	}
	as := *now
	as.Published = r.Published
	done := ledger.Done{Columns: as.PublishedColumns(), PrimaryKey: now.PrimaryKey, Identity: now.Identity}
	if problems := s.Shape.Of(r.Name).Check(done.Columns, done.Key()); len(problems) > 0 {
		return "was altered so that the configuration does not fit (" + shape.What(problems) + ")"
	}
	return ""
}

// Reasons to take another snapshot.
var (
	errStaged      = errors.New("transactions were staged after it was taken")
	errUnsettled   = errors.New("a staged transaction is not visible yet")
	errRepublished = errors.New("the publication of a table was changed")
)

func (s *Stager) appendBegin(ctx context.Context, snap *postgres.Snapshot, state *ledger.State, relations []postgres.Relation,
	sort pglogrepl.LSN, guard ledger.Guard) (*ledger.Entry, error) {
	body := &ledger.Begin{Snapshot: snap.Visible, Fence: snap.Fence, Sort: sort, Taken: snap.Taken.UTC()}
	for _, r := range relations {
		body.Tables = append(body.Tables, ledger.BeginTable{Table: r.Name, OID: r.OID, Hides: HiddenBy(Describe(s.Shape, &r))})
	}
	for {
		for _, id := range state.Unsettled {
			if !snap.Visible.Visible(id) {
				return nil, fmt.Errorf("%w: %d", errUnsettled, id)
			}
		}
		entry, err := s.Ledger.Append(ctx, state.Head, body, guard)
		if !errors.Is(err, ledger.ErrLost) {
			return entry, err
		}
		// Entries without transactions do not matter to the snapshot.
		before := state.Head
		if state, err = s.Ledger.Refresh(ctx); err != nil {
			return nil, err
		}
		if err := s.nothingStaged(ctx, state, before); err != nil {
			return nil, err
		}
	}
}

// nothingStaged returns errStaged if an entry after the given one has
// transactions or another position in the WAL, which this run's snapshot may
// not show. Unsettled does not list those that were visible when they were
// staged.
func (s *Stager) nothingStaged(ctx context.Context, state *ledger.State, after int64) error {
	var staged error
	err := s.Ledger.Back(ctx, state, func(e *ledger.Entry) (bool, error) {
		if e.Number <= after {
			return false, nil
		}
		if e.Origin != nil || e.End != nil || e.Changes != nil && e.Changes.Transactions > 0 {
			staged = fmt.Errorf("%w: entry %d", errStaged, e.Number)
		}
		return staged == nil, nil
	})
	return cmp.Or(err, staged)
}

// appendDecided appends a body that stays valid whatever is appended before it.
// Its place in the ledger does not matter.
func (s *Stager) appendDecided(ctx context.Context, body any, guard ledger.Guard) (*ledger.Entry, error) {
	for {
		entry, err := s.Ledger.Append(ctx, s.Ledger.Head(), body, guard)
		if !errors.Is(err, ledger.ErrLost) {
			return entry, err
		}
		if _, err := s.Ledger.Refresh(ctx); err != nil {
			return nil, err
		}
	}
}
