//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"ingest/internal/schema"
)

// A table that nobody wants, or that the target cannot hold, stops no drain.
func TestTablesThatAreNotStagedStopNothing(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `CREATE TABLE other (id int PRIMARY KEY, _op text)`, `CREATE TABLE bad (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "other", "bad")
	b.snapshot(s, "t", "bad")
	s.Selects = func(n schema.TableName) bool { return n.Name == "t" || n.Name == "bad" }
	b.exec(`INSERT INTO other VALUES (1, 'x')`, `INSERT INTO t VALUES (1, 'a')`, `INSERT INTO bad VALUES (1)`, `ALTER TABLE bad ADD _op text`, `INSERT INTO bad VALUES (2, 'x')`, `TRUNCATE other`)
	r := b.drain(s)
	if r.Tables[schema.TableName{Schema: "public", Name: "other"}] != nil {
		t.Error("changes of a table that is not wanted were staged")
	}
	if len(r.Reload) != 1 || r.Reload[0].Table.Name != "bad" || !strings.Contains(r.Reload[0].Reason, "_op") {
		t.Errorf("marks %v, want one of bad, for its column _op", r.Reload)
	}
	b.same(s, "t", "id")
}

// A snapshot that is begun while changes of its table are being left out makes
// the entry be decided anew.
func TestSnapshotOfATableThatWasLeftOut(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE late (id int PRIMARY KEY, v text)`, `INSERT INTO late VALUES (1, 'a')`)
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
