//go:build unix

package stage_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// A table that is not wanted, or that the target cannot hold, stops no drain.
func TestTablesThatAreNotStagedStopNothing(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `CREATE TABLE other (id int PRIMARY KEY, _op text)`,
		`CREATE TABLE bad (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "other", "bad")
	b.snapshot(s, "t", "bad")
	s.Selects = func(n schema.TableName) bool { return n.Name == "t" || n.Name == "bad" }
	b.exec(`INSERT INTO other VALUES (1, 'x')`, `INSERT INTO t VALUES (1, 'a')`, `INSERT INTO bad VALUES (1)`, `ALTER TABLE bad ADD _op text`,
		`INSERT INTO bad VALUES (2, 'x')`, `TRUNCATE other`)
	r := b.drain(s)
	if r.Tables[schema.TableName{Schema: "public", Name: "other"}] != nil {
		t.Error("changes of a table that is not wanted were staged")
	}
	if len(r.Reload) != 1 || r.Reload[0].Table.Name != "bad" || !strings.Contains(r.Reload[0].Reason, "_op") {
		t.Errorf("marks %v, want one of bad, for its column _op", r.Reload)
	}
	b.same(s, "t", "id")
}

// If a snapshot is begun while changes of its table are being skipped, the
// entry is decided again.
func TestSnapshotOfATableThatWasLeftOut(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE late (id int PRIMARY KEY, v text)`,
		`INSERT INTO late VALUES (1, 'a')`)
	s := b.stager()
	b.origin(s, "t", "late")
	s.Selects = func(n schema.TableName) bool { return n.Name == "t" }
	writer := b.another()
	b.exec(`INSERT INTO t VALUES (1)`, `UPDATE late SET v = 'b'`)
	b.volume.onUpload = func(name string) error {
		if strings.Contains(name, "changes") {
			b.volume.onUpload = nil
			b.snapshot(b.stager(), "late")
			execOn(t, writer, `UPDATE late SET v = v || '!'`)
		}
		return nil
	}
	b.drain(s)
	b.drain(b.stager())
	b.same(b.stager(), "late", "id")
	b.same(b.stager(), "t", "id")
}

// An unwanted table gets a snapshot while a stream collects an entry. Changes
// after the snapshot in that same entry are not skipped.
func TestSnapshotOfATableLeftOutOfAStream(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE late (id int PRIMARY KEY, v text)`,
		`INSERT INTO late VALUES (1, 'a')`)
	s := b.stager()
	b.origin(s, "t", "late")
	s.Options.EntryEvery, s.Options.EntryRows = time.Hour, 2
	s.Selects = func(n schema.TableName) bool { return n.Name == "t" }
	stop, end := context.WithCancel(t.Context())
	done, target := make(chan error, 1), b.now()
	go func() {
		_, err := s.Follow(t.Context(), stop, stage.FollowOptions{Target: target})
		done <- err
	}()
	b.exec(`UPDATE late SET v = 'b'`, `INSERT INTO t VALUES (1)`)
	b.eventually("a row of the entry", func() bool { return s.Peaks.Rows.Load() > 0 })
	b.snapshot(b.stager(), "late")
	b.exec(`INSERT INTO late VALUES (2, 'behind the snapshot')`, `INSERT INTO t VALUES (2)`)
	reader := b.stager().Ledger
	b.eventually("the entry", func() bool {
		state, err := reader.Refresh(t.Context())
		return err == nil && state.Tables[schema.TableName{Schema: "public", Name: "t"}] != nil
	})
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.drain(b.stager())
	b.same(b.stager(), "late", "id")
}

// A column is added, filled, dropped and added again under the same name before
// anything is staged. The first message is about the dropped column.
func TestColumnThatWasDroppedUnseen(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t ADD n int`, `UPDATE t SET n = 1`, `ALTER TABLE t DROP n`, `ALTER TABLE t ADD n int`)
	r := b.drain(s)
	if len(r.Reload) != 1 || !strings.Contains(r.Reload[0].Reason, "may have had its name") {
		t.Errorf("marks %v, want one: the row has a value of the column that is gone", r.Reload)
	}
	b.exec(`ALTER TABLE t ADD m int`, `UPDATE t SET m = 2`)
	if r := b.drain(b.stager()); len(r.Reload) != 0 {
		t.Errorf("marks %v of a column that nothing was dropped before", r.Reload)
	}
}

// eventually polls until the condition holds.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// However many transactions cause a reload, an entry has one mark per table,
// and a run reports it once. The mark has the LSN of the last lost row.
func TestOneMarkPerTable(t *testing.T) {
	// Row filters exist since version 15.
	b := newBenchAt(t, pgtest.NewDatabaseSince(t, 15), `CREATE TABLE a (id int, live bool, big text, PRIMARY KEY (id, live))`,
		`ALTER TABLE a ALTER big SET STORAGE EXTERNAL`,
		`INSERT INTO a SELECT i, false, repeat('x', 4000) FROM generate_series(1, 30) i`,
		`CREATE TABLE k (id int PRIMARY KEY, other int UNIQUE NOT NULL)`)
	s := b.stager()
	b.origin(s, "a", "k")
	b.exec(`ALTER PUBLICATION ` + pubName + ` SET TABLE a WHERE (live), k`)
	b.snapshot(s, "a", "k")
	var reports bytes.Buffer
	s = b.stager()
	s.Log = slog.New(slog.NewTextHandler(&reports, nil))
	var updates []string
	for i := range 30 {
		updates = append(updates, fmt.Sprintf(`UPDATE a SET live = true WHERE id = %d`, i+1))
	}
	b.exec(updates...)
	last := b.now()
	b.exec(`ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (other)`, `INSERT INTO k VALUES (1, 1)`,
		`UPDATE k SET id = 2`, `UPDATE k SET id = 3`)
	r := b.drain(s)
	if len(r.Reload) != 2 || r.Reload[0].Generation != 0 || r.Reload[1].Generation == 0 {
		t.Fatalf("marks %+v, want one of a that holds for every snapshot, and one of k that ends with its snapshot", r.Reload)
	}
	if at := r.Reload[0].LSN; at < last-4096 {
		t.Errorf("the mark of a is at %s, far before the last row that was lost, at about %s", at, last)
	}
	b.exec(`UPDATE k SET id = 4`, `INSERT INTO a VALUES (99, true, 'whole')`)
	if r := b.drain(s); len(r.Reload) != 0 {
		t.Errorf("marks %+v, want none: the ledger has them", r.Reload)
	}
	if n := strings.Count(reports.String(), "needs a full load"); n != 2 {
		t.Errorf("%d reports, want one for each table:\n%s", n, reports.String())
	}
}
