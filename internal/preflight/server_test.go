package preflight

import (
	"strings"
	"testing"

	"ingest/internal/failure"
	"ingest/internal/finding"
	"ingest/internal/postgres"
)

// said are the findings, a line each: level, text, reason and remedy.
func said(findings []finding.Finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, string(f.Level)+" "+f.What+" ("+f.Why+") "+f.Remedy)
	}
	return strings.Join(lines, "\n")
}

// check compares findings by their number and by what the last one must contain. A problem has a kind.
func check(t *testing.T, what string, got []finding.Finding, number int, want ...string) {
	t.Helper()
	if len(got) != number {
		t.Errorf("%s: %d findings, want %d:\n%s", what, len(got), number, said(got))
	}
	for _, w := range want {
		if !strings.Contains(said(got), w) {
			t.Errorf("%s: no %q in\n%s", what, w, said(got))
		}
	}
	for _, f := range got {
		if f.Subject == "" || (f.Level == finding.Problem) != (f.Kind != 0) {
			t.Errorf("%s: %+v", what, f)
		}
	}
}

// A run needs room for its sessions. A few missing connections are a warning, since not all are open
// at the same time. A missing WAL sender is a problem, unless a standby sends.
func TestRoomForTheSessionsOfARun(t *testing.T) {
	limits := func(free, senders int) *postgres.Capacity {
		return &postgres.Capacity{
			Sessions: []postgres.Limit{{What: "the server", Most: 100, Taken: 10}, {What: "role r", Most: 20, Taken: 20 - free, Raise: "ALTER ROLE r CONNECTION LIMIT -1;"}},
			Senders:  postgres.Limit{What: "max_wal_senders", Most: 5, Taken: 5 - senders, Raise: "raise max_wal_senders"},
		}
	}
	check(t, "enough", room(limits(9, 1), 4, true), 0)
	check(t, "one too few", room(limits(8, 1), 4, true), 1, "warning role r has 8 of 20 connections free, and a run takes up to 9", "ALTER ROLE r CONNECTION LIMIT -1; or lower source.jobs")
	check(t, "none, and some too many", room(limits(-2, 1), 1, true), 1, "role r has 0 of 20 connections free")
	check(t, "no WAL sender", room(limits(9, 0), 4, true), 1, "problem all 5 WAL senders (max_wal_senders) are in use", "raise max_wal_senders, or end a reader")
	check(t, "no WAL sender, and a standby sends", room(limits(9, 0), 4, false), 0)
}

// A version or a setting that loses something in rare cases is a warning.
func TestDefectsOfServers(t *testing.T) {
	check(t, "none", defects(&postgres.Facts{Version: 170005}), 0)
	check(t, "of another version", defects(&postgres.Facts{Version: 180000}), 0)
	check(t, "a defect", defects(&postgres.Facts{Version: 160008, VersionStr: "16.8"}), 1, "warning PostgreSQL 16.8 has a defect in its cache of publications", "upgrade to 16.9 or newer")
	check(t, "old snapshots", defects(&postgres.Facts{Version: 160009, OldSnapshots: "1h"}), 1, "warning old_snapshot_threshold is 1h", "old_snapshot_threshold = -1")
}

// The first full load makes a slot: no free slot is a problem, and the last free one is a warning.
func TestSlotsThatAreFree(t *testing.T) {
	check(t, "none", firstSlot("s", 0), 1, "problem no replication slot is free", unusedSlots)
	check(t, "one", firstSlot("s", 1), 2, "note s does not exist yet; the first full load makes it", "warning one replication slot is free")
	check(t, "more", firstSlot("s", 2), 1, "note s does not exist yet")
}

// What could not be opened is a finding, with its own kind and hint. A check fails with the first
// problem's kind and hint.
func TestEndsThatCannotBeOpened(t *testing.T) {
	c := &Check{}
	c.NoSource()
	if c.Err() != nil {
		t.Errorf("no source: %v", c.Err())
	}
	c.Failed("ledger", failure.New(failure.Conflict, "it is damaged").WithHint("put it back"))
	c.Failed("destination", failure.New(failure.Destination, "no answer"))
	err := c.Err()
	if failure.KindOf(err) != failure.Conflict || failure.HintOf(err) != "put it back" || err.Error() != "2 of 3 checks failed: ledger: it is damaged" {
		t.Errorf("%v (kind %d, hint %q)", err, failure.KindOf(err), failure.HintOf(err))
	}
	c = &Check{}
	if c.Spool(t.TempDir(), "20260101T000000Z-aaaaaa"); c.Err() != nil || len(c.Findings) != 1 || c.Findings[0].Level != finding.OK {
		t.Errorf("a spool: %+v", c.Findings)
	}
	if c.Spool("/dev/null/spool", "20260101T000000Z-aaaaaa"); failure.KindOf(c.Err()) != failure.Usage {
		t.Errorf("a spool that cannot be made: %v", c.Err())
	}
}
