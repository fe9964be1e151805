//go:build unix

package stage_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/stage"
)

// copied is a server whose data directory can be copied and restored, like a
// volume snapshot. It has a bench in each of several databases.
type copied struct {
	t         *testing.T
	server    *pgserver.Server
	dir, copy string
	benches   []*bench
}

func newCopied(t *testing.T) *copied {
	t.Helper()
	c := &copied{t: t, dir: pgtest.Dir(t), copy: filepath.Join(pgtest.Dir(t), "copy")}
	c.start()
	return c
}

// bench creates a bench in its own database.
func (c *copied) bench(t *testing.T, ddl ...string) *bench {
	t.Helper()
	name := fmt.Sprintf("db%d", len(c.benches))
	if err := c.server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	b := newBenchAt(t, c.server.URL(name), ddl...)
	c.benches = append(c.benches, b)
	return b
}

func (c *copied) start() {
	c.t.Helper()
	c.server = pgtest.Start(c.t, pgserver.Options{Dir: c.dir, Settings: map[string]string{"max_replication_slots": "40"}})
}

// onto stops the server, copies a directory over another one and starts the
// server again.
func (c *copied) onto(from, to string) {
	c.t.Helper()
	if err := c.server.Stop(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	if err := os.RemoveAll(to); err != nil {
		c.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	c.start()
	for _, b := range c.benches {
		b.url = c.server.URL(b.source.Facts.Database)
		b.conn = b.another()
		b.source = b.open("test")
	}
}

func (c *copied) keep()    { c.t.Helper(); c.onto(filepath.Join(c.dir, "data"), c.copy) }
func (c *copied) putBack() { c.t.Helper(); c.onto(c.copy, filepath.Join(c.dir, "data")) }

// grow writes unrelated WAL until the server's end is beyond lsn.
func (b *bench) grow(beyond lsn) {
	b.t.Helper()
	for b.now() <= beyond {
		b.exec(`SELECT pg_logical_emit_message(true, 'filler', repeat('x', 2000))`)
	}
}

// refused checks that both a drain and a following run stop, that both report
// what the source has, and that ledger and slot do not change.
func (b *bench) refused(transport string, texts ...string) {
	b.t.Helper()
	at := b.confirmed()
	s := by(transport, b.stager())
	head := s.Ledger.State().Head
	_, drained := s.Drain(b.t.Context(), b.now(), nil)
	if drained == nil {
		b.t.Fatal("the drain went on")
	}
	_, followed := s.Follow(b.t.Context(), b.t.Context(), stage.FollowOptions{Target: b.now()})
	for _, err := range []error{drained, followed} {
		if failure.KindOf(err) != failure.Conflict || !strings.Contains(failure.HintOf(err), "full-load --repair") {
			b.t.Errorf("%v (%s)\nwant a conflict, and the repair", err, failure.HintOf(err))
			continue
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				b.t.Errorf("%v\nwant that it says %q", err, text)
			}
		}
	}
	if now := b.stager().Ledger.State().Head; now != head {
		b.t.Errorf("%d entries were appended", now-head)
	}
	if now := b.confirmed(); now != at {
		b.t.Errorf("the slot moved from %s to %s", at, now)
	}
}

// putBackCases are what a source commits after the copy was taken, in one entry
// or two, and what it commits again after the restore.
var putBackCases = []struct {
	name               string
	after, more, again []string
	what               string // part of the message; "": nothing staged is lost, and the run continues
}{
	{"other commits", []string{`INSERT INTO t VALUES (3, 'lost')`}, nil, []string{`INSERT INTO t VALUES (30, 'new')`}, "end with one made"},
	{"none any more", []string{`INSERT INTO t VALUES (3, 'lost')`}, nil, nil, "has none of the commits of entry"},
	{"the same statement", []string{`INSERT INTO t VALUES (3, 'same')`}, nil,
		[]string{`INSERT INTO t VALUES (3, 'same')`}, "end with one made"},
	{"where the ledger has none", []string{another9KB}, nil, []string{`INSERT INTO t VALUES (30, 'new')`}, "of the ledger has none"},
	{"more commits", []string{`INSERT INTO t VALUES (3, 'lost')`}, nil,
		[]string{`INSERT INTO t VALUES (30, 'new')`, `INSERT INTO t VALUES (31, 'new')`}, "end with one made"},
	{"in two entries", []string{`INSERT INTO t VALUES (3, 'lost')`}, []string{`INSERT INTO t VALUES (4, 'lost')`},
		[]string{`INSERT INTO t VALUES (30, 'new')`}, "end with one made"},
	{"nothing of ours", []string{another9KB}, nil, nil, ""},
	{"nothing of ours, by the other transport", []string{another9KB}, nil, nil, ""},
}

// another9KB commits 9 KB of unrelated WAL.
const another9KB = `SELECT pg_logical_emit_message(true, 'other', repeat('x', 9000))`

// A source that is restored from a copy of its data directory is on the same
// timeline. Its slot is behind the ledger, as after a crash. Once its WAL has
// grown past the ledger's position, only the commits show the restore.
func TestSourcePutBackFromACopy(t *testing.T) {
	t.Parallel()
	c := newCopied(t)
	idle := func(transport string, b *bench) *stage.Stager {
		s := by(transport, b.stager())
		s.Options.IdleAdvance = 1
		return s
	}
	for range putBackCases {
		b := c.bench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`)
		s := b.stager()
		b.origin(s, "t")
		b.snapshot(s, "t")
		b.exec(`INSERT INTO t VALUES (1, 'a')`, `INSERT INTO t VALUES (2, 'b')`)
		b.drain(s)
	}
	c.keep()
	for i, b := range c.benches {
		for _, statements := range [][]string{putBackCases[i].after, putBackCases[i].more} {
			b.exec(statements...)
			b.drain(idle(transports[i%2], b))
		}
	}
	end := c.benches[0].now()
	c.putBack()
	for i, b := range c.benches {
		b.exec(putBackCases[i].again...)
	}
	c.benches[0].grow(end)
	for i, b := range c.benches {
		t.Run(putBackCases[i].name+"/"+transports[i%2], func(t *testing.T) {
			b.t = t
			b.exec(`INSERT INTO t VALUES (40, 'beyond')`)
			if what := putBackCases[i].what; what != "" {
				b.refused(transports[i%2], "the source was put back to an older state", what)
				return
			}
			s := idle(transports[i%2], b)
			b.drain(s)
			b.same(s, "t", "id")
		})
	}
}
