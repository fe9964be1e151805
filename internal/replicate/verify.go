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

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/hidden"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/selection"
	"github.com/ingest-tool/ingest/internal/verify"
	"github.com/ingest-tool/ingest/internal/wait"
)

// VerifyOptions choose what a verification compares.
type VerifyOptions struct {
	Tables []string       // empty: all of the ledger
	Full   bool           // every cell, instead of aggregates
	Sample *verify.Sample // nil: all rows
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

// Err returns an error unless all tables are equal.
func (r *VerifyReport) Err() error {
	unverified := 0
	var different []string
	kept := r.keptDifferent()
	for _, t := range r.Tables {
		if t.Verdict != verify.NotVerified &&
			slices.ContainsFunc(t.Kept, func(k verify.KeptResult) bool { return k.Verdict == verify.NotVerified }) {
			unverified++
		}
		if t.Verdict == verify.Different {
			different = append(different, t.Table.Argument())
		} else if t.Verdict == verify.NotVerified {
			unverified++
		}
	}
	switch {
	case len(different) > 0:
		list, rows := strings.Join(different, ","), "the rows are listed above"
		if !r.full {
			rows = fmt.Sprintf("`ingest verify --full --tables %s` lists the rows", list)
		}
		return failure.New(failure.Other, "%d of %d tables differ from the source", len(different), len(r.Tables)).
			WithHint("%s; `ingest full-load --tables %s` reloads the tables that differ%s", rows, list,
				kept.hint("; then `", "` rebuilds the tables beside the logs"))
	case len(kept.tables) > 0:
		return failure.New(failure.Other, "%d of %d tables have a current state or history that differs from the log",
			len(kept.tables), len(r.Tables)).
			WithHint("%s", kept.hint("", ""))
	case r.remedy != "":
		return failure.New(failure.Tables, "%d of %d tables could not be verified", unverified, len(r.Tables)).
			WithHint("the reasons are listed above; %s", r.remedy)
	case unverified > 0:
		return failure.New(failure.Tables, "%d of %d tables could not be verified", unverified, len(r.Tables)).
			WithHint("the reasons are listed above, and `ingest status` shows the fixes")
	}
	return nil
}

// verifyTables is how many tables are verified at once.
const verifyTables = 2

// Verify compares the tables with the source as of one point. It takes a snapshot of the source, and
// stages and loads everything below the snapshot's fence. Then it folds each table's log, without what
// the snapshot does not show, and compares.
func (p *Pipeline) Verify(ctx context.Context, o VerifyOptions) (*VerifyReport, error) {
	started := p.opt.Now()
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := p.link.Begun(ctx); err != nil {
		return nil, err
	}
	alone := !p.ledger.State().Origin.Replicates()
	if alone {
		err = p.link.Owner(ctx, conn, p.ledger.State())
	} else if err = p.link.KeepsSlot(p.ledger.State()); err == nil {
		err = p.source.Identify(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := p.selection().CheckNames(ctx, conn, false); err != nil {
		return nil, err
	}
	if p.spool == nil {
		if _, err := p.stager(); err != nil {
			return nil, err
		}
	}
	v := &verification{p: p, conn: conn, full: o.Full, chosen: o.Tables, Verifier: &verify.Verifier{
		Source: p.source, Warehouse: p.workspace.Warehouse(), Target: p.Target, Shape: &p.config.Shape, Spool: p.spool.Dir(),
		Memory: int64(p.config.Staging.Memory) / 4, Jobs: p.config.Source.Jobs, Sample: o.Sample, Alone: alone,
		Log: p.log, Progress: p.reports.verified,
	}}
	gone, err := v.openPoint(ctx)
	if err != nil {
		return nil, err
	}
	defer v.point.Close()
	if err := v.catchUp(ctx); err != nil {
		return nil, err
	}
	report := &VerifyReport{Taken: v.point.Taken, Fence: v.point.Fence.String(), Tables: gone, full: o.Full}
	results, err := v.compare(ctx, report)
	report.Tables = append(report.Tables, results...)
	slices.SortFunc(report.Tables, func(a, b verify.Result) int { return a.Table.Compare(b.Table) })
	report.remedy = cmp.Or(report.remedy, unverifiedKept(report.Tables))
	report.Seconds = p.opt.Now().Sub(started).Seconds()
	return report, err
}

// verification is a verification in progress.
type verification struct {
	*verify.Verifier
	p      *Pipeline
	conn   *pgx.Conn
	full   bool
	chosen []string // tables; empty: all of the ledger

	point     *verify.Point
	relations []*postgres.Relation
	names     []schema.TableName // the ledger's, of the relations
}

// openPoint takes the snapshot to compare with, and reads the catalog in that snapshot. A table that
// is gone or cannot be locked becomes a result; the others are verified.
func (v *verification) openPoint(ctx context.Context) ([]verify.Result, error) {
	for {
		gone, err := v.find(ctx)
		if err != nil {
			return nil, err
		}
		locked, err := v.lockPoint(ctx)
		if errors.Is(err, postgres.ErrCatalogMoved) {
			v.p.log.Debug("reading the catalog again", "because", err)
			continue
		}
		return append(gone, locked...), err
	}
}

func (v *verification) lockPoint(ctx context.Context) (locked []verify.Result, err error) {
	for {
		v.point, err = v.Open(ctx, v.relations)
		var lock *postgres.LockError
		if !errors.As(err, &lock) || len(v.relations) == 1 {
			return locked, err
		}
		i := slices.IndexFunc(v.relations, func(r *postgres.Relation) bool { return r.Name == lock.Table })
		locked = append(locked, verify.Skip(v.names[i], lock.Error()))
		v.relations, v.names = slices.Delete(slices.Clone(v.relations), i, i+1), slices.Delete(slices.Clone(v.names), i, i+1)
	}
}

// find finds the relations of the ledger's tables, and returns each with its name in the ledger. A
// renamed table keeps that name until another table takes it. A table that is gone from the source
// cannot be verified. find skips it if the configuration does not select it and the options do not
// name it.
func (v *verification) find(ctx context.Context) (gone []verify.Result, err error) {
	p := v.p
	v.relations, v.names = nil, nil
	tables, err := selection.Chosen(p.ledger.State(), v.chosen, p.config.Source.Schemas[0])
	if err != nil {
		return nil, err
	}
	oids := []uint32{0}
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	found, err := p.source.Catalog(v.conn).Relations(ctx, nil, oids)
	if err != nil {
		return nil, err
	}
	names := p.link.Reads()
	if v.Alone {
		names = postgres.Publications{}
	}
	pubs, err := publication.Read(ctx, v.conn, p.source, names)
	if err != nil {
		return nil, err
	}
	places := map[uint32]int{}
	for i, r := range found {
		places[r.OID] = i
	}
	state := p.ledger.State()
	replaced, err := hidden.Replaced(ctx, p.source.Catalog(v.conn), state)
	if err != nil {
		return nil, err
	}
	heirs := state.ByOIDs()
	for _, t := range tables {
		i, there := places[t.OID]
		heir := heirs[t.OID]
		if !there || heir.Table != t.Table || replaced[t.Table] != "" {
			if len(v.chosen) == 0 && !p.config.Source.Selects(t.Table) {
				continue
			}
			if v.Alone && replaced[t.Table] != "" && t.Snapshot != nil {
				gone = append(gone, verify.Loaded(t, replaced[t.Table]))
				continue
			}
			gone = append(gone, verify.Skip(t.Table, whyGone(replaced[t.Table], heir.Table, there)))
			continue
		}
		found[i].Published = pubs.Published(found[i].OID)
		v.relations, v.names = append(v.relations, &found[i]), append(v.names, t.Table)
	}
	return gone, nil
}

// whyGone returns why the source of a ledger's table is not compared: another table has the name, or
// the table was renamed, or it is gone.
func whyGone(replaced string, heir schema.TableName, there bool) string {
	switch {
	case replaced != "":
		return "a full load is needed: " + replaced
	case there:
		return fmt.Sprintf("its table was renamed and then loaded as %s, which gets its changes since then; source.exclude skips it", heir)
	}
	return "the source has no such table any more; source.exclude skips it"
}

// catchUp stages and loads everything below the point's fence. If another run reads the slot, catchUp
// waits for it to stage. Afterwards the tables show all their rows.
func (v *verification) catchUp(ctx context.Context) error {
	p, conn, target := v.p, v.conn, v.point.Fence
	if v.Alone {
		return p.load(ctx, p.newSummary(), load.Options{Prove: v.names})
	}
	if _, err := p.link.CheckSlot(ctx, conn, p.ledger.State()); err != nil {
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
		end := p.reports.watch.stage()
		_, err = stager.Drain(ctx, target, marks)
		end()
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
		if _, fit := p.link.CheckSlot(ctx, conn, state); fit != nil {
			return fit
		}
	}
	return p.load(ctx, p.newSummary(), load.Options{Prove: v.names})
}

// compare compares the tables as of the point, several at once.
func (v *verification) compare(ctx context.Context, report *VerifyReport) ([]verify.Result, error) {
	p, names := v.p, v.names
	state := p.ledger.State()
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	report.remedy = remedyOf(state, cache.Tables, names)
	results := make([]verify.Result, len(v.relations))
	defer p.reports.watch.verify(v.relations, names)()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(verifyTables)
	for i, r := range v.relations {
		g.Go(func() (err error) {
			t := state.Tables[names[i]]
			defer p.reports.compared(t.Table)
			defer func() { // whatever happens to the log
				if err == nil {
					results[i].Kept, err = v.compareKept(gctx, state, t, cache.Tables[t.Table])
				}
			}()
			if reason := unverifiable(state, t, cache.Tables[t.Table]); reason != "" {
				results[i] = verify.Skip(t.Table, reason)
				return nil
			}
			if !v.Alone && !v.point.Visible.Covers(t.Begin.Snapshot) {
				results[i] = verify.Skip(t.Table, reloaded)
				return nil
			}
			if results[i], err = v.Table(gctx, v.point, t, r, v.full); err != nil || results[i].Verdict != verify.Different {
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

// reloaded is the result for a table whose newest snapshot is newer than the point: its log no longer
// shows the state at the point.
const reloaded = "it was loaded in full meanwhile: verify it again"

// unverifiable returns why a table cannot be equal, by the ledger's state.
func unverifiable(state *ledger.State, t *ledger.TableState, loaded loads.Table) string {
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

// remedyOf is the remedy of the first table that is quarantined; "" if none is.
func remedyOf(state *ledger.State, cached map[schema.TableName]loads.Table, names []schema.TableName) string {
	for _, name := range names {
		if q := quarantineOf(state.Tables[name], cached[name]); q != nil {
			return q.Hint
		}
	}
	return ""
}

// quarantineOf returns why the loading of the table's newest snapshot stopped; nil if it did not.
func quarantineOf(t *ledger.TableState, loaded loads.Table) *loads.Quarantine {
	if q := loaded.Quarantine; q != nil && t.Snapshot != nil && q.Snapshot == t.Snapshot.Begin {
		return q
	}
	return nil
}
