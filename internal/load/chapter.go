package load

import (
	"context"
	"slices"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
)

// before is the position that the ledger had reached before the table's snapshot
// was done.
func (w *table) before(ctx context.Context) (pglogrepl.LSN, error) {
	if w.reached == nil {
		if err := w.loader.past(ctx, []*table{w}); err != nil {
			return 0, err
		}
	}
	return w.reached.Position, nil
}

// past asks the ledger what it said before the tables' snapshots were done. It
// is replayed once for all of them.
func (l *Loader) past(ctx context.Context, tables []*table) error {
	at := map[int64][]*table{}
	var numbers []int64
	for _, w := range tables {
		n := w.state.DoneNumber - 1
		at[n] = append(at[n], w)
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return l.Ledger.Past(ctx, slices.Compact(numbers), func(s *ledger.State) {
		for _, w := range at[s.Head] {
			w.reached = s.Only(w.state.Table)
		}
	})
}

// finish brings the logs that are about to be replaced by a new snapshot, and
// the histories beside them, to the entry before the snapshot was done: a full
// load corrects a history, and what the old log still says of it must be in
// before. It also lets every statement that another run may have left find
// another position.
func (l *Loader) finish(ctx context.Context, todo []*table, o Options) error {
	var ending []*table
	for _, w := range todo {
		if w.ends() {
			ending = append(ending, w)
		}
	}
	if len(ending) == 0 {
		return nil
	}
	if err := l.past(ctx, ending); err != nil {
		return err
	}
	for _, w := range ending {
		if err := l.finishOne(ctx, w, o); err != nil {
			return err
		}
	}
	return nil
}

// ends says that the table holds an older snapshot's log, and that a history is
// kept beside it.
func (w *table) ends() bool {
	return w.result.Err == nil && !w.finished && w.shows() && w.seen.ledger == w.whole.Ledger && w.seen.snapshot > 0 && w.seen.snapshot < w.state.Snapshot.Begin &&
		slices.ContainsFunc(w.kept, func(k *kept) bool { return k.Kind == KeptHistory && k.exists && k.err == nil })
}

func (l *Loader) finishOne(ctx context.Context, w *table, o Options) error {
	chapters := []*table{}
	for at := w; ; {
		t := at.reached.Tables[w.state.Table]
		if t == nil || t.Snapshot == nil || t.Snapshot.Begin < w.seen.snapshot {
			break
		}
		one := l.newTable(at.reached, t, w.cached)
		chapters = append(chapters, one)
		if t.Snapshot.Begin == w.seen.snapshot {
			break
		}
		if err := l.past(ctx, []*table{one}); err != nil {
			return err
		}
		at = one
	}
	for _, one := range slices.Backward(chapters) {
		// A log of an older full load may have had no key: it says nothing of periods, and the
		// full load after it is compared with those that were there before.
		one.kept = slices.DeleteFunc(one.beside(o), func(k *kept) bool { return k.Kind != KeptHistory || !one.keyed(k.Key) })
		for _, k := range one.kept {
			k.rebuild = false
		}
		one.finished = true
		if err := l.bring(ctx, []*table{one}, o); err != nil {
			return err
		}
		if one.result.Err != nil || slices.ContainsFunc(one.kept, func(k *kept) bool { return k.err != nil }) {
			l.Log.Warn("the history lacks what the old log still had of a table", "table", w.state.Table.String(), "from entry", w.seen.newest, "because", one.result.Err)
			break
		}
		w.cached = one.loaded
	}
	for _, k := range w.kept { // as they are now
		if k.Kind == KeptHistory {
			if err := k.look(ctx); err != nil {
				return err
			}
			k.known = false
		}
	}
	return w.look(ctx)
}
