//go:build cgo && unix

package tests

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/wait"
	"github.com/ingest-tool/ingest/lakehouse"
)

// leadTo makes the proxy lead to another server, as an address that moves does.
func (p *proxy) leadTo(server string) {
	p.t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		p.t.Fatal(err)
	}
	p.set(func() { p.to = u.Host })
	p.reset(all)
}

// timeOver is a context whose time is over when the test says so.
type timeOver struct {
	context.Context
	over chan struct{}
}

func (c timeOver) Done() <-chan struct{} { return c.over }

func (c timeOver) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// followFor follows the source at a URL until over is called, as --max-duration
// does.
func (w *world) followFor(url string, backoff wait.Backoff) (f *follower, over func()) {
	w.t.Helper()
	end := make(chan struct{})
	f = w.inProcess(url, func(ctx, stop context.Context, p *replicate.Pipeline) (*replicate.Summary, error) {
		return p.CDC(ctx, timeOver{stop, end}, replicate.CDCOptions{Follow: true, LookEvery: 100 * time.Millisecond, Backoff: backoff})
	})
	return f, func() { close(end) }
}

// TestFollowingThroughAFailover: the address of a following run moves to a standby before that is promoted. The run waits for the
// promotion, reads the new server's facts, and continues. A new run is refused meanwhile.
func TestFollowingThroughAFailover(t *testing.T) {
	t.Parallel()
	pair := newPair(t, map[string]string{"synchronized_standby_slots": standbySlot})
	w := newWorldAt(t, pair.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.env = append(w.env, "INGEST_SOURCE_FAILOVER=true", "INGEST_STAGING_IDLE_ADVANCE=1")
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	pair.synced(w)
	p := newProxy(t, w.url)
	f := w.follow(p.url(w.url))
	f.reaches("the start")
	w.write(2, 20)
	f.reaches("changes on the primary")
	pair.replayed(w)
	head := len(w.entries())

	p.leadTo(pair.standby.URL(pairDatabase))
	pair.stop(pair.primary)
	before := f.logged("is in recovery")
	w.eventually("two attempts", func() bool { return f.logged("is in recovery") >= before+2 })
	there := []string{"INGEST_SOURCE_URL=" + pair.standby.URL(pairDatabase)}
	if r := w.startWith(there, "cdc", "--follow", "--max-duration", "20s").wait(); r.code != 10 ||
		!strings.Contains(r.stderr, "is a standby: publications, locks") {
		t.Errorf("%s\nwant 10: a run does not begin at a standby", r)
	}
	pair.promote()
	w.connectTo(pair.standby.URL(pairDatabase))
	w.write(3, 20)
	f.reaches("changes on the new primary")
	f.end()
	timelines := map[int32]bool{}
	for _, e := range w.entries()[head:] {
		if e.Kind != ledger.KindChanges {
			t.Errorf("entry %d is %s: want changes and nothing else", e.Number, e.Kind)
		} else if e.Changes.Timeline != 0 {
			timelines[e.Changes.Timeline] = true
		}
	}
	if !timelines[2] {
		t.Errorf("the entries name the timelines %v, want 2", timelines)
	}
	w.same()
}

// TestServersThatAreNotWhatTheyWere: a following run checks a new server as it checked the first one at its start.
func TestServersThatAreNotWhatTheyWere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	role := w.name + "_follower"
	w.exec(`CREATE ROLE ` + role + ` LOGIN SUPERUSER PASSWORD 'secret'`)
	p := newProxy(t, w.url)
	through := strings.Replace(p.url(w.url), w.url[strings.Index(w.url, "//")+2:strings.Index(w.url, "@")], role+":secret", 1)
	f := w.follow(through)
	f.reaches("the start")
	p.refuse(true)
	p.reset(all)
	w.exec(`ALTER ROLE ` + role + ` NOSUPERUSER NOREPLICATION`)
	p.refuse(false)
	f.waitEnd()
	if f.err == nil || failure.KindOf(f.err) != failure.Source || !strings.Contains(f.err.Error(), "may not replicate") {
		t.Errorf("it ended with %v, want that the role may not replicate", f.err)
	}
	w.exec(`DROP ROLE ` + role)
}

// TestTimeIsOverDuringAnOutage: a following run whose time is over reports that it could not do its work. An outage that began
// just before the end is left to the next run.
func TestTimeIsOverDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	for name, c := range map[string]struct {
		most   time.Duration
		broken int // attempts
		failed bool
	}{
		"long": {50 * time.Millisecond, 20, true}, "short": {time.Minute, 1, false},
	} {
		p := newProxy(t, w.url)
		f, over := w.followFor(p.url(w.url), wait.Backoff{Least: 10 * time.Millisecond, Most: c.most})
		f.reaches("the start")
		p.refuse(true)
		p.reset(all)
		w.eventually("that the outage is noticed", func() bool { return f.logged("staging broke off") >= c.broken })
		over()
		f.waitEnd()
		switch {
		case c.failed && (f.err == nil || failure.KindOf(f.err) != failure.Source || !strings.Contains(f.err.Error(), "staging has failed for")):
			t.Errorf("%s: it ended with %v, want the source's error", name, f.err)
		case !c.failed && f.err != nil:
			t.Errorf("%s: it ended with %v", name, f.err)
		}
	}
	// An end on request is not a failure, however long the outage.
	p := newProxy(t, w.url)
	f := w.follow(p.url(w.url))
	f.reaches("the start")
	p.refuse(true)
	p.reset(all)
	w.eventually("that it has failed for longer than any pause", func() bool { return f.logged("staging broke off") > 10 })
	f.end()
	w.must("cdc")
	w.same()
}

// TestTimeIsOverWhenTheWarehouseIsBack: the load at the end is the one that counts.
func TestTimeIsOverWhenTheWarehouseIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if strings.Contains(r.URL.Path, "/sql/") {
			return &lakehouse.Fault{Kind: lakehouse.Drop}
		}
		return nil
	})
	f, over := w.followFor(w.url, wait.Backoff{Least: 10 * time.Millisecond, Most: 50 * time.Millisecond})
	f.reaches("the start")
	w.eventually("that loading fails", func() bool { return f.logged("loading broke off") > 0 })
	w.on(nil)
	over()
	f.waitEnd()
	if f.err != nil {
		t.Errorf("it ended with %v", f.err)
	}
	w.same()
}

// TestTimeIsOverAndNothingWorked: too few connections for a run all its time.
func TestTimeIsOverAndNothingWorked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	role := w.name + "_limited"
	w.exec(`CREATE ROLE `+role+` LOGIN REPLICATION PASSWORD 'secret' CONNECTION LIMIT 1`, `GRANT SELECT ON item, event TO `+role)
	url := strings.Replace(w.url, w.url[strings.Index(w.url, "//")+2:strings.Index(w.url, "@")], role+":secret", 1)
	r := w.startWith([]string{"INGEST_SOURCE_URL=" + url}, "cdc", "--follow", "--max-duration", "3s").wait()
	if r.code != 10 || !strings.Contains(r.stderr, "53300") || strings.Contains(r.stdout, "nothing to do") {
		t.Errorf("%s\nwant 10, and that there are too few connections", r)
	}
	w.exec(`DROP OWNED BY `+role, `DROP ROLE `+role)
	w.must("cdc")
	w.same()
}
