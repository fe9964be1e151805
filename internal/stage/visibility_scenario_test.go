//go:build unix

package stage_test

import (
	"strconv"
	"testing"
)

// A commit waits for a standby when a snapshot is taken. It is below the fence
// and not in the snapshot, and its id is above those that the snapshot lists.
// It is staged as a change, which sorts after the snapshot's rows.
func TestCommitBelowTheFenceThatTheSnapshotDoesNotShow(t *testing.T) {
	t.Parallel()
	server := newServer(t, noStandby)
	b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'a')`)
	s := b.stager()
	b.origin(s, "t")
	var end func()
	b.afterTheWait(s, func() { end = b.waitingCommit(2) })
	b.snapshot(s, "t")
	if end == nil {
		t.Fatal("nothing was committed while the snapshot was taken")
	}
	end()
	b.drain(s)
	state := s.Ledger.State()
	snapshot, changes := b.log(state, "t")
	if len(snapshot) != 1 || len(changes) != 1 {
		t.Fatalf("%d rows in the snapshot and %d changes, want one of each", len(snapshot), len(changes))
	}
	begin := state.Tables[public("t")].Begin
	commit, err := strconv.ParseUint(changes[0]["_commit_lsn"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if lsn(commit) >= begin.Fence {
		t.Errorf("the commit at %s is not below the fence %s: the test needs it there", lsn(commit), begin.Fence)
	}
	if lsn(commit) < begin.Sort {
		t.Errorf("the commit at %s sorts before the snapshot's rows at %s, which do not have it", lsn(commit), begin.Sort)
	}
	b.same(s, "t", "id")
}
