package load

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/kept"
)

// ending is a log that a new snapshot is about to replace. It lists what the
// log still lacks from the ledger, newest first.
type ending struct {
	w        *table
	chapters []*table
}

// finish completes the logs that a new snapshot is about to replace, and the
// histories beside them. It loads up to the entry before the snapshot was done.
// A full load corrects a history, so the history must first have everything
// that the old log still adds. finish also moves the positions, so that a
// statement which another run left behind finds another position and changes
// nothing. The tables are processed in parallel, as in any load.
func (l *Loader) finish(ctx context.Context, todo []*table, o Options) error {
	var all []*ending
	for _, w := range todo {
		if w.ends() {
			all = append(all, &ending{w: w})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := l.unfinished(ctx, all); err != nil {
		return err
	}
	for {
		var now []*table
		of := map[*table]*ending{}
		for _, e := range all {
			if n := len(e.chapters); n > 0 {
				one := e.next(o)
				now, of[one] = append(now, one), e
			}
		}
		if len(now) == 0 {
			break
		}
		if err := l.bring(ctx, now, o); err != nil {
			return err
		}
		for _, one := range now {
			of[one].brought(one)
		}
	}
	return l.lookAgain(ctx, all)
}

// unfinished finds, for each log, the ledger's state before each snapshot that
// the log lacks was done.
func (l *Loader) unfinished(ctx context.Context, all []*ending) error {
	of, at := map[*table]*ending{}, []*table{}
	for _, e := range all {
		of[e.w], at = e, append(at, e.w)
	}
	for len(at) > 0 {
		var logs []*bronze.Log
		for _, one := range at {
			logs = append(logs, &one.Log)
		}
		if err := bronze.Past(ctx, l.Ledger, logs); err != nil {
			return err
		}
		var older []*table
		for _, one := range at {
			e := of[one]
			t := one.Reached.Tables[e.w.State.Table]
			if t == nil || t.Snapshot == nil || t.Snapshot.Begin < e.w.seen.snapshot {
				continue
			}
			before := l.newTable(one.Reached, t, e.w.cached)
			e.chapters = append(e.chapters, before)
			if t.Snapshot.Begin != e.w.seen.snapshot {
				of[before], older = e, append(older, before)
			}
		}
		at = older
	}
	return nil
}

// next is the oldest chapter, with the history that it goes into.
func (e *ending) next(o Options) *table {
	one := e.chapters[len(e.chapters)-1]
	one.cached, one.loaded, one.ending = e.w.cached, e.w.cached, true
	// The log of an older full load may have had no key. It then adds nothing
	// to the periods. The next full load is compared with the periods that
	// existed before.
	one.kept = slices.DeleteFunc(one.beside(o), func(k *kept.Table) bool { return k.Kind != kept.History || !k.Keyed() })
	for _, k := range one.kept {
		k.End()
	}
	return one
}

// brought records the result of the oldest chapter. If it failed, the newer
// chapters cannot follow.
func (e *ending) brought(one *table) {
	e.chapters = e.chapters[:len(e.chapters)-1]
	if one.result.Err != nil || slices.ContainsFunc(one.kept, func(k *kept.Table) bool { return k.Err() != nil }) {
		one.loader.Log.Warn("the history lacks changes of a table that were only in the old log", "table", e.w.State.Table.String(),
			"from entry", e.w.seen.newest, "because", one.result.Err)
		e.chapters = nil
		return
	}
	e.w.cached = one.loaded
}

// lookAgain reads the present state of the logs and the histories.
func (l *Loader) lookAgain(ctx context.Context, all []*ending) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, e := range all {
		for _, k := range e.w.kept {
			if k.Kind == kept.History {
				record := kept.Record(&e.w.cached, k.Kind)
				g.Go(func() error { return k.Reread(gctx, record) })
			}
		}
		g.Go(func() error { return e.w.reread(gctx) })
	}
	return g.Wait()
}

// ends reports whether the table holds the log of an older snapshot and has a
// history beside it.
func (w *table) ends() bool {
	return w.result.Err == nil && !w.ending && w.shows() && w.seen.ledger == w.Whole.Ledger && w.seen.snapshot > 0 &&
		w.seen.snapshot < w.State.Snapshot.Begin &&
		slices.ContainsFunc(w.kept, func(k *kept.Table) bool { return k.Kind == kept.History && k.Present() })
}
