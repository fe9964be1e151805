package replicate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/verify"
	"ingest/internal/wait"
)

// VerifyOptions choose what a verification compares.
type VerifyOptions struct {
	Tables   []string       // empty: all of the ledger
	Full     bool           // every cell, instead of aggregates
	Sample   *verify.Sample // nil: all rows
	Progress func(table schema.TableName, rows int64)
}

// VerifyReport is what a verification found.
type VerifyReport struct {
	Taken   time.Time       `json:"taken"` // when the source's snapshot was taken
	Fence   string          `json:"fence"` // LSN up to which all is staged and loaded
	Tables  []verify.Result `json:"tables"`
	Seconds float64         `json:"seconds"`

	remedy string // of the first table that is quarantined
	full   bool   // the rows that differ are named
}

// Err is an error unless all tables are equal.
func (r *VerifyReport) Err() error {
	unverified := 0
	var different []string
	kept := r.keptDifferent()
	for _, t := range r.Tables {
		if t.Verdict != verify.NotVerified && slices.ContainsFunc(t.Kept, func(k verify.KeptResult) bool { return k.Verdict == verify.NotVerified }) {
			unverified++
		}
		switch t.Verdict {
		case verify.Different:
			different = append(different, t.Table.Argument())
		case verify.NotVerified:
			unverified++
		}
	}
	switch {
	case len(different) > 0:
		list, rows := strings.Join(different, ","), "the rows are named above"
		if !r.full {
			rows = fmt.Sprintf("`ingest verify --full --tables %s` names the rows", list)
		}
		return failure.New(failure.Other, "%d of %d tables differ from the source", len(different), len(r.Tables)).
			WithHint("%s; `ingest full-load --tables %s` loads what differs anew%s", rows, list, kept.hint("; then `", "` makes what is kept beside the logs again"))
	case len(kept.tables) > 0:
		return failure.New(failure.Other, "what is kept beside the logs of %d of %d tables differs from them", len(kept.tables), len(r.Tables)).
			WithHint("%s", kept.hint("", ""))
	case r.remedy != "":
		return failure.New(failure.Tables, "%d of %d tables could not be verified", unverified, len(r.Tables)).
			WithHint("the reasons are named above; %s", r.remedy)
	case unverified > 0:
		return failure.New(failure.Tables, "%d of %d tables could not be verified", unverified, len(r.Tables)).
			WithHint("the reasons are named above, and `ingest status` shows the remedies")
	}
	return nil
}

// verifyTables at once.
const verifyTables = 2

// Verify compares the tables with the source as of one point: a snapshot of
// the source is taken, everything below its fence is staged and loaded, and
// then each table's log, without what the snapshot does not show, is folded and
// compared.
func (p *Pipeline) Verify(ctx context.Context, o VerifyOptions) (*VerifyReport, error) {
	started := p.opt.Now()
	conn, done, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := p.source.Identify(ctx); err != nil {
		return nil, err
	}
	if p.ledger.State().Origin == nil {
		_, err := p.checkSlot(ctx, conn, p.ledger.State())
		return nil, err
	}
	if err := p.checkNames(ctx, conn, false); err != nil {
		return nil, err
	}
	if p.spool == nil {
		if _, err := p.stager(); err != nil {
			return nil, err
		}
	}
	v := &verify.Verifier{
		Source: p.source, Warehouse: p.workspace.Warehouse(), Target: p.Target, Shape: &p.config.Shape, Spool: p.spool.Dir(),
		Memory: int64(p.config.Staging.Memory) / 4, Jobs: p.config.Source.Jobs, Sample: o.Sample, Log: p.log, Progress: o.Progress,
	}
	point, relations, names, gone, err := p.openPoint(ctx, conn, v, o.Tables)
	if err != nil {
		return nil, err
	}
	defer point.Close()
	if err := p.catchUp(ctx, conn, point.Fence, names); err != nil {
		return nil, err
	}
	report := &VerifyReport{Taken: point.Taken, Fence: point.Fence.String(), Tables: gone, full: o.Full}
	results, err := p.compare(ctx, v, point, report, relations, names, o.Full)
	report.Tables = append(report.Tables, results...)
	slices.SortFunc(report.Tables, func(a, b verify.Result) int { return a.Table.Compare(b.Table) })
	report.remedy = cmp.Or(report.remedy, unverifiedKept(report.Tables))
	report.Seconds = p.opt.Now().Sub(started).Seconds()
	return report, err
}

// openPoint takes the snapshot that the chosen tables are compared as of, with the
// catalog as it is in that snapshot. Tables that are gone or cannot be locked are
// results: the others are verified.
func (p *Pipeline) openPoint(ctx context.Context, conn *pgx.Conn, v *verify.Verifier, chosen []string) (
	*verify.Point, []*postgres.Relation, []schema.TableName, []verify.Result, error) {
	for {
		relations, names, gone, err := p.verified(ctx, conn, chosen)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		point, relations, names, locked, err := p.lockPoint(ctx, v, relations, names)
		if errors.Is(err, postgres.ErrCatalogMoved) {
			p.log.Debug("reading the catalog again", "because", err)
			continue
		}
		return point, relations, names, append(gone, locked...), err
	}
}

func (p *Pipeline) lockPoint(ctx context.Context, v *verify.Verifier, relations []*postgres.Relation, names []schema.TableName) (
	*verify.Point, []*postgres.Relation, []schema.TableName, []verify.Result, error) {
	var locked []verify.Result
	for {
		point, err := v.Open(ctx, relations)
		var lock *postgres.LockError
		if !errors.As(err, &lock) || len(relations) == 1 {
			return point, relations, names, locked, err
		}
		i := slices.IndexFunc(relations, func(r *postgres.Relation) bool { return r.Name == lock.Table })
		if i < 0 {
			return nil, nil, nil, nil, err
		}
		locked = append(locked, verify.Skip(names[i], lock.Error()))
		relations, names = slices.Delete(slices.Clone(relations), i, i+1), slices.Delete(slices.Clone(names), i, i+1)
	}
}

// verified finds the relations of the ledger's tables, and gives with each the
// ledger's name for it: a table that was renamed keeps it, until another one has
// it. Those that the source has no more cannot be verified, and are passed over if the
// configuration does not select them either, and nobody named them.
func (p *Pipeline) verified(ctx context.Context, conn *pgx.Conn, chosen []string) (relations []*postgres.Relation, names []schema.TableName, gone []verify.Result, err error) {
	tables, err := p.chosen(chosen)
	if err != nil {
		return nil, nil, nil, err
	}
	oids := []uint32{0}
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	found, err := p.source.Catalog(ctx, conn, nil, oids)
	if err != nil {
		return nil, nil, nil, err
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, nil, nil, err
	}
	places := map[uint32]int{}
	for i, r := range found {
		places[r.OID] = i
	}
	state := p.ledger.State()
	replaced, err := p.replaced(ctx, conn, state)
	if err != nil {
		return nil, nil, nil, err
	}
	heirs := state.ByOIDs()
	for _, t := range tables {
		i, there := places[t.OID]
		heir := heirs[t.OID]
		if !there || heir.Table != t.Table || replaced[t.Table] != "" {
			if len(chosen) == 0 && !p.config.Source.Selects(t.Table) {
				continue
			}
			gone = append(gone, verify.Skip(t.Table, whyGone(replaced[t.Table], heir.Table, there)))
			continue
		}
		found[i].Published = postgres.PublishedBy(p.pubs, pubs, found[i].OID)
		relations, names = append(relations, &found[i]), append(names, t.Table)
	}
	return relations, names, gone, nil
}

// whyGone says why the table that a ledger's one was loaded from is not compared:
// another one has the name, or it goes on under another name, or is gone.
func whyGone(replaced string, heir schema.TableName, there bool) string {
	switch {
	case replaced != "":
		return "a full load is needed: " + replaced
	case there:
		return fmt.Sprintf("its table was renamed and then loaded as %s, where its changes go since; source.exclude passes it over", heir)
	}
	return "the source has no such table any more; source.exclude passes it over"
}

// catchUp stages and loads everything below target, or waits for the run that
// is reading the slot to do it, and has the tables show all their rows.
func (p *Pipeline) catchUp(ctx context.Context, conn *pgx.Conn, target lsn, tables []schema.TableName) error {
	if _, err := p.checkSlot(ctx, conn, p.ledger.State()); err != nil {
		return err
	}
	marks, err := p.hidden(ctx, conn)
	if err != nil {
		return err
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	for said := false; ; said = true {
		_, err = stager.Drain(ctx, target, marks)
		if err == nil {
			break
		}
		if failure.KindOf(err) != failure.Conflict {
			return err
		}
		state, refreshErr := p.ledger.Refresh(ctx)
		if refreshErr != nil {
			return errors.Join(err, refreshErr)
		}
		if state.Position >= target {
			break
		}
		if !said {
			p.log.Info("waiting for the run that reads the slot", "because", err, "target", target.String())
		}
		if err := wait.For(ctx, 250*time.Millisecond); err != nil {
			return err
		}
		if _, fit := p.checkSlot(ctx, conn, state); fit != nil {
			return fit
		}
	}
	return p.load(ctx, p.newSummary(), load.Options{Prove: tables})
}

func (p *Pipeline) compare(ctx context.Context, v *verify.Verifier, point *verify.Point, report *VerifyReport, relations []*postgres.Relation, names []schema.TableName, full bool) ([]verify.Result, error) {
	state := p.ledger.State()
	cache, err := load.ReadCache(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if q := quarantineOf(state.Tables[name], cache.Tables[name]); q != nil && report.remedy == "" {
			report.remedy = q.Hint
		}
	}
	results := make([]verify.Result, len(relations))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(verifyTables)
	for i, r := range relations {
		g.Go(func() (err error) {
			t := state.Tables[names[i]]
			defer func() { // whatever becomes of the log
				if err == nil {
					results[i].Kept, err = p.compareKept(gctx, v, state, t, cache.Tables[t.Table])
				}
			}()
			if reason := unverifiable(state, t, cache.Tables[t.Table]); reason != "" {
				results[i] = verify.Skip(t.Table, reason)
				return nil
			}
			if !point.Visible.Covers(t.Begin.Snapshot) {
				results[i] = verify.Skip(t.Table, reloaded)
				return nil
			}
			if results[i], err = v.Table(gctx, point, t, r, full); err != nil || results[i].Verdict != verify.Different {
				return err
			}
			// Another run may have replaced the table while it was read.
			now, err := p.ledger.Refresh(gctx)
			if err == nil && now.Tables[t.Table].Snapshot.Begin != t.Snapshot.Begin {
				results[i] = verify.Skip(t.Table, reloaded)
			}
			return err
		})
	}
	return results, g.Wait()
}

// reloaded is said of a table whose newest snapshot was taken after the point:
// its log no longer tells what was there then.
const reloaded = "it was loaded in full meanwhile: verify it again"

// unverifiable says why a table cannot be equal by what the ledger knows.
func unverifiable(state *ledger.State, t *ledger.TableState, loaded load.Loaded) string {
	switch {
	case t.Snapshot == nil:
		return "no snapshot of it is complete"
	case !state.Current(t):
		return "its snapshot is older than the slot: a full load is needed"
	case t.Reload != nil:
		return "a full load is needed: " + t.Reload.Reason
	case quarantineOf(t, loaded) != nil:
		return "it is quarantined: " + loaded.Quarantine.Reason
	}
	return ""
}

// quarantineOf is why the table's newest snapshot is not loaded on; nil if it is.
func quarantineOf(t *ledger.TableState, loaded load.Loaded) *load.Quarantine {
	if q := loaded.Quarantine; q != nil && t.Snapshot != nil && q.Snapshot == t.Snapshot.Begin {
		return q
	}
	return nil
}
