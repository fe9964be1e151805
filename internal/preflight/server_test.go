package preflight

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/probe"
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
			Sessions: []postgres.Limit{{What: "the server", Most: 100, Taken: 10},
				{What: "role r", Most: 20, Taken: 20 - free, Raise: "ALTER ROLE r CONNECTION LIMIT -1;"}},
			Senders: postgres.Limit{What: "max_wal_senders", Most: 5, Taken: 5 - senders, Raise: "raise max_wal_senders"},
		}
	}
	check(t, "enough", room(limits(9, 1), 4, true), 0)
	check(t, "one too few", room(limits(8, 1), 4, true), 1, "warning role r has 8 of 20 connections free, and a run takes up to 9",
		"ALTER ROLE r CONNECTION LIMIT -1; or lower source.jobs")
	check(t, "none, and some too many", room(limits(-2, 1), 1, true), 1, "role r has 0 of 20 connections free")
	check(t, "no WAL sender", room(limits(9, 0), 4, true), 1, "problem all 5 WAL senders (max_wal_senders) are in use",
		"raise max_wal_senders, or end a reader")
	check(t, "no WAL sender, and a standby sends", room(limits(9, 0), 4, false), 0)
	for what, c := range map[string]struct {
		limits *postgres.Capacity
		want   bool
	}{"enough": {limits(2, 1), false}, "one session": {limits(1, 1), true}, "no WAL sender": {limits(2, 0), true}} {
		if got := crowded(c.limits, true); got != c.want {
			t.Errorf("%s: it is crowded: %v", what, got)
		}
	}
}

// A version or a setting that loses something in rare cases is a warning.
func TestDefectsOfServers(t *testing.T) {
	check(t, "none", defects(&postgres.Facts{Version: 170005}, false), 0)
	check(t, "of another version", defects(&postgres.Facts{Version: 180000}, false), 0)
	check(t, "a defect", defects(&postgres.Facts{Version: 160008, VersionStr: "16.8"}, false), 1,
		"warning PostgreSQL 16.8 has a defect in its cache of publications", "upgrade to 16.9 or newer")
	check(t, "old snapshots", defects(&postgres.Facts{Version: 160009, OldSnapshots: "1h"}, false), 1, "warning old_snapshot_threshold is 1h",
		"old_snapshot_threshold = -1")
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
	if failure.KindOf(err) != failure.Conflict || failure.HintOf(err) != "put it back" ||
		err.Error() != "2 of 3 checks failed: ledger: it is damaged" {
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

// A pooler that shares sessions is a problem, another one a warning.
func TestPoolersInBetween(t *testing.T) {
	check(t, "none", pooler("", false, postgres.PoolerHint), 0)
	check(t, "one of sessions", pooler("PgBouncer", false, postgres.PoolerHint), 1, "warning a pooler is in between: PgBouncer")
	check(t, "one of transactions", pooler("PgBouncer", true, postgres.PoolerHint), 1,
		"problem a pooler that shares sessions is in between: PgBouncer")
}

// A check reports on a slot that fits: whether it is read, and whether the server may lose it soon.
func TestSlotsThatFit(t *testing.T) {
	const fits = "ok s fits the ledger, which stands at 0/5"
	check(t, "at rest", fitting(&postgres.Slot{Name: "s"}, 5), 1, fits)
	check(t, "read", fitting(&postgres.Slot{Name: "s", Active: true, ActivePID: 7, Holder: "cdc"}, 5), 2, fits,
		"warning s is in use by pid 7 (cdc)",
		"pg_terminate_backend(7)")
	check(t, "about to be lost", fitting(&postgres.Slot{Name: "s", WALStatus: "unreserved"}, 5), 2, fits, "warning s is about to be lost")
}

// A privilege that a run needs is a problem if it is missing, and a warning if a group has it or if only
// other people's tables need it. One that cannot be looked up is a note.
func TestPrivilegesThatAreMissing(t *testing.T) {
	lack := databricks.Lack{On: "schema dev.bronze", Privileges: []string{"CREATE TABLE", "MODIFY"}, Grant: "GRANT it"}
	with := func(change func(*databricks.Lack)) []databricks.Lack {
		l := lack
		change(&l)
		return []databricks.Lack{l}
	}
	for what, c := range map[string]struct {
		lacks []databricks.Lack
		want  string
	}{
		"none": {nil, "ok me has the privileges that full load and cdc need"},
		"one":  {[]databricks.Lack{lack}, "problem me has no CREATE TABLE, MODIFY on schema dev.bronze (full load and cdc need it) GRANT it"},
		"optional": {with(func(l *databricks.Lack) { l.Optional = true }),
			"warning me has no CREATE TABLE, MODIFY on schema dev.bronze (it is needed only for tables that someone else created"},
		"of a group": {with(func(l *databricks.Lack) { l.Groups = []string{"staff"} }),
			"warning CREATE TABLE, MODIFY on schema dev.bronze is granted to staff, and it is not known whether me is a member"},
		"unknown": {with(func(l *databricks.Lack) { l.Unknown, l.Groups = fs.ErrPermission, []string{"staff"} }),
			"note whether me has CREATE TABLE, MODIFY on schema dev.bronze cannot be looked up: permission denied () GRANT it"},
	} {
		k := &Check{}
		k.lacks("me", c.lacks)
		check(t, what, k.Findings, 1, c.want)
	}
}

// A wrong answer to a question of the probe is a problem, and so is an essential question without one.
func TestAnswersOfAProbe(t *testing.T) {
	right, wrong := probe.Answer{ID: "q1", Verdict: probe.Fits}, probe.Answer{ID: "q2", Verdict: probe.Wrong, Seen: "a", Expected: "b"}
	unasked := probe.Answer{ID: "q3", Verdict: probe.Unasked, Seen: "no time"}
	essential := unasked
	essential.Essential = true
	for what, c := range map[string]struct {
		answers []probe.Answer
		number  int
		want    string
	}{
		"all are right":    {[]probe.Answer{right, right}, 1, "ok the workspace behaves as ingest expects (2 questions)"},
		"one is wrong":     {[]probe.Answer{right, wrong}, 1, "problem q2: a (expected: b)"},
		"one is open":      {[]probe.Answer{right, unasked}, 2, "note q3 has no answer: no time"},
		"an essential one": {[]probe.Answer{right, essential}, 1, "problem q3 has no answer: no time (runs depend on it) ingest check --probe"},
		"none were asked":  {nil, 0, ""},
	} {
		k := &Check{}
		k.Probed(&probe.Report{Answers: c.answers})
		check(t, what, k.Findings, c.number, c.want)
	}
}

// What a check warns about beside what it reads: a password in clear, a slot that is left on the primary,
// and a standby that the primary does not wait for.
func TestWarningsOfConnections(t *testing.T) {
	check(t, "encrypted", inClear(""), 0)
	check(t, "in clear", inClear("db.example"), 1, "warning sslmode lets the password go to db.example unencrypted")
	check(t, "no slot", leftBehind("s", nil), 0)
	check(t, "a slot", leftBehind("s", &postgres.Slot{}), 1, "warning the primary has a slot s too",
		"on the primary: SELECT pg_drop_replication_slot('s');")
	check(t, "with feedback", withFeedback(true), 0)
	check(t, "without feedback", withFeedback(false), 1, "warning hot_standby_feedback is off")
}

// Snapshots alone take no WAL sender, and have no publication that a version's defect could hurt.
func TestWhatSnapshotsAloneNeedNot(t *testing.T) {
	limits := &postgres.Capacity{Sessions: []postgres.Limit{{Most: 20}}}
	if crowded(limits, false) || !crowded(limits, true) {
		t.Error("a server without WAL senders is crowded only for a run that reads changes")
	}
	check(t, "a defect of publications", defects(&postgres.Facts{Version: 160008}, true), 0)
}
