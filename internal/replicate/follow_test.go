//go:build unix

package replicate

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/wait"
)

// lines are what a run logs, for a test that waits for one of them.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func (l lines) await(t *testing.T, text string) {
	t.Helper()
	for late := time.After(5 * time.Minute); ; {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-late:
			t.Fatalf("nothing is logged of %q", text)
		}
	}
}

// openLogging opens the pipeline of a run whose log the test reads.
func (b *bed) openLogging() (*Pipeline, lines) {
	b.t.Helper()
	log := make(lines, 1000)
	return b.open(func(o *Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) }), log
}

// over is a context whose deadline comes when the test closes ended.
type over struct {
	context.Context
	ended chan struct{}
}

func (o over) Done() <-chan struct{} { return o.ended }

func (o over) Err() error {
	select {
	case <-o.ended:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A run whose time is over while it cannot do its work fails. One that is asked to end then does not.
func TestTimeThatIsOverInTrouble(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	b.loaded(b.open(nil))
	cut := func([]byte) error { return io.ErrUnexpectedEOF }
	follow := func(stop context.Context) (lines, chan error) {
		p, log := b.openLogging()
		b.onWrite.Store(&cut)
		done := make(chan error, 1)
		go func() {
			_, err := p.CDC(ctx, stop, CDCOptions{Follow: true, Backoff: wait.Backoff{Least: time.Millisecond, Most: 10 * time.Millisecond}})
			done <- err
		}()
		return log, done
	}
	defer b.onWrite.Store(nil)
	limit := over{ctx, make(chan struct{})}
	log, done := follow(limit)
	log.await(t, "staging broke off")
	close(limit.ended)
	if err := <-done; failure.KindOf(err) != failure.Source || !strings.Contains(said(err), "staging has failed for ") {
		t.Errorf("its time is over: %v", err)
	}
	b.onWrite.Store(nil)
	stop, end := context.WithCancel(ctx)
	log, done = follow(stop)
	log.await(t, "staging broke off")
	end()
	if err := <-done; err != nil {
		t.Errorf("it was asked to end: %v", err)
	}
}

// A run of cdc loads marked tables in full if the configuration says so: those that are marked, each
// once an hour while it follows.
func TestReloadsOfMarkedTables(t *testing.T) {
	ctx := t.Context()
	b := newBed(t)
	for _, name := range []string{"early", "late", "well"} {
		b.exec(`CREATE TABLE `+name+` (id int PRIMARY KEY, v int)`, `INSERT INTO `+name+` VALUES (1, 2)`)
	}
	b.loaded(b.open(nil))
	b.exec(`ALTER TABLE early ALTER v TYPE text`, `ALTER TABLE late ALTER v TYPE text`)
	s, err := b.open(nil).CDC(ctx, ctx, CDCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	failuretest.Reason(t, "reported", s.table(b.open(nil), public("late")).Reload, `column "v" changed its type`)
	failuretest.Reason(t, "reported", b.states(b.open(nil)), "public.early reload needed, public.late reload needed, public.well loaded")
	b.config.Load.Reload = config.ReloadAuto
	now := time.Now()
	p := b.open(func(o *Options) { o.Now = func() time.Time { return now } })
	before := map[schema.TableName]time.Time{public("late"): now.Add(-reloadEvery + 1)}
	reloaded := func(what string, want ...schema.TableName) {
		t.Helper()
		s := p.newSummary()
		if err := p.reload(ctx, s, before); err != nil {
			t.Fatal(err)
		}
		var got []schema.TableName
		for _, x := range s.Tables {
			got = append(got, x.name)
		}
		if slices.SortFunc(got, schema.TableName.Compare); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	reloaded("one was loaded less than an hour ago", public("early"))
	if at := before[public("early")]; !at.Equal(now) {
		t.Errorf("it was loaded at %s, want %s", at, now)
	}
	reloaded("none is due")
	now = now.Add(1)
	reloaded("an hour later", public("late"))

	b.exec(`ALTER TABLE early ALTER v TYPE bytea USING NULL`)
	s, err = b.open(nil).CDC(ctx, ctx, CDCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.table(p, public("early")); got.Reload != "" || got.Total != 1 {
		t.Errorf("marked and loaded in one run: %+v", got)
	}
	failuretest.Reason(t, "all is loaded", b.states(b.open(nil)), "public.early loaded, public.late loaded, public.well loaded")
}

// A following run takes the snapshots that it is asked for: of new tables, of marked ones, of both or
// of none.
func TestSnapshotsOfAFollowingRun(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE marked (id int PRIMARY KEY, v int)`, `CREATE TABLE well (id int PRIMARY KEY, v int)`)
	b.loaded(b.open(nil))
	b.exec(`CREATE TABLE fresh (id int PRIMARY KEY)`, `ALTER TABLE marked ALTER v TYPE text`)
	if _, err := b.open(nil).CDC(ctx, ctx, CDCOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reload config.Reload
		fresh  bool
		want   string
	}{
		{config.ReloadReport, false, ""}, {config.ReloadReport, true, "public.fresh"}, {config.ReloadReport, true, ""},
		{config.ReloadAuto, false, "public.marked"}, {config.ReloadAuto, true, ""},
	} {
		b.config.Load.Reload = c.reload
		p := b.open(nil)
		s, f := p.newSummary(), &follower{p, CDCOptions{SnapshotNew: c.fresh}}
		if err := f.snapshots(ctx, s, map[schema.TableName]time.Time{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range s.Tables {
			got = append(got, x.Table)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: taken are %q", c, got)
		}
	}
	p := b.open(nil)
	before := p.ledger.State().Tables[public("well")].Snapshot.Begin
	stop, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := p.CDC(ctx, stop, CDCOptions{Follow: true, StageOnly: true, LookEvery: 50 * time.Millisecond})
		done <- err
	}()
	b.exec(`ALTER TABLE well ALTER v TYPE text`)
	reader := b.open(nil)
	for deadline := time.Now().Add(time.Minute); ; {
		state, err := reader.ledger.Refresh(ctx)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it is not loaded again: %v", err)
		}
		if state.Tables[public("well")].Snapshot.Begin > before {
			break
		}
	}
	if end(); <-done != nil {
		t.Error("it was asked to end, and failed")
	}
}

// A run takes updates and deletes out of the publication that made the application's own fail.
func TestRunsThatSpareTheApplication(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	b.loaded(b.open(nil))
	b.exec(`ALTER TABLE t DROP CONSTRAINT t_pkey`)
	if _, err := b.conn.Exec(ctx, `UPDATE t SET id = 2`); err == nil {
		t.Fatal("the publication does no harm")
	}
	if s, err := b.open(nil).CDC(ctx, ctx, CDCOptions{StageOnly: true}); err != nil || s.table(b.open(nil), public("t")).Reload == "" {
		t.Errorf("%+v, %v", s, err)
	}
	b.exec(`UPDATE t SET id = 2`)
	if s, err := b.open(nil).Status(ctx); err != nil || s.Staged == nil || len(s.Refused) > 0 || s.Tables[0].State != "reload needed" {
		t.Errorf("the status: %+v, %v", s, err)
	}
}

// A load waits for the run that is loading. An error of the source ends it at once.
func TestLoadsThatWait(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	if _, err := b.open(nil).FullLoad(ctx, FullLoadOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	p, log := b.openLogging()
	other := b.open(nil)
	lock, err := other.source.TakeLock(ctx, "loading", postgres.LockKey("load", p.link.Slot))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := p.Load(ctx, nil, false); done <- err }()
	log.await(t, "waiting for the run that is loading")
	failuretest.Reason(t, "meanwhile", b.states(b.open(nil)), "public.t behind")
	_ = lock.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	failuretest.Reason(t, "afterwards", b.states(b.open(nil)), "public.t loaded")
	cut := func([]byte) error { return io.ErrUnexpectedEOF }
	p = b.open(nil)
	b.onWrite.Store(&cut)
	defer b.onWrite.Store(nil)
	if _, err := p.Load(ctx, nil, false); err == nil || ctx.Err() != nil {
		t.Errorf("the source is away: %v", err)
	}
}
