package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/verify"
)

// A verification succeeds only if all tables are equal. Otherwise it names what to do first.
func TestVerdictsOfAVerification(t *testing.T) {
	equal := verify.Result{Table: public("a"), Verdict: verify.Equal}
	different := verify.Result{Table: public("b"), Verdict: verify.Different}
	skipped := verify.Skip(public("c"), "x")
	for what, c := range map[string]struct {
		report     VerifyReport
		kind       failure.Kind
		want, hint string
	}{
		"all equal": {VerifyReport{Tables: []verify.Result{equal}}, 0, "", ""},
		"no table":  {VerifyReport{}, 0, "", ""},
		"different": {VerifyReport{Tables: []verify.Result{equal, different, skipped}, remedy: "r"}, failure.Other, "1 of 3 tables differ",
			"`ingest verify --full --tables public.b` lists the rows"},
		"different, and named": {VerifyReport{Tables: []verify.Result{different}, full: true}, failure.Other, "1 of 1 tables differ",
			"the rows are listed above; `ingest full-load --tables public.b`"},
		"quarantined": {VerifyReport{Tables: []verify.Result{equal, skipped}, remedy: "do this"}, failure.Tables,
			"1 of 2 tables could not be verified", "do this"},
		"what is kept differs": {VerifyReport{Tables: []verify.Result{withKept(equal, "history", verify.Different), withKept(equal, "current",
			verify.Equal)}}, failure.Other,
			"1 of 2 tables have a current state or history that differs from the log", "ingest load --rebuild history --tables public.a"},
		"both kinds differ": {
			VerifyReport{Tables: []verify.Result{withKept(withKept(equal, "history", verify.Different), "current", verify.Different),
				withKept(different, "history", verify.Different)}}, failure.Other,
			"1 of 2 tables differ",
			"reloads the tables that differ; then `ingest load --rebuild current,history --tables public.a,public.b`"},
		"what is kept is not verified": {VerifyReport{Tables: []verify.Result{withKept(equal, "history", verify.NotVerified)}}, failure.Tables,
			"1 of 1 tables could not be verified", "`ingest status` shows the fixes"},
		"neither is verified": {VerifyReport{Tables: []verify.Result{withKept(skipped, "history", verify.NotVerified), equal}}, failure.Tables,
			"1 of 2 tables could not be verified", "`ingest status` shows the fixes"},
		"not verified, and else": {VerifyReport{Tables: []verify.Result{equal, skipped}}, failure.Tables, "1 of 2 tables could not be verified",
			"`ingest status` shows the fixes"},
	} {
		err := c.report.Err()
		if err == nil {
			if c.want != "" {
				t.Errorf("%s: no error", what)
			}
			continue
		}
		if failuretest.Reason(t, what, err.Error(), c.want); failure.KindOf(err) != c.kind || !strings.Contains(failure.HintOf(err), c.hint) {
			t.Errorf("%s: kind %v, hint %q", what, failure.KindOf(err), failure.HintOf(err))
		}
	}
	hint := failure.HintOf((&VerifyReport{Tables: []verify.Result{different}, full: true}).Err())
	if !strings.HasSuffix(hint, "reloads the tables that differ") {
		t.Errorf("nothing beside the logs differs: hint %q", hint)
	}
}

// withKept is a result with one of something that is kept beside the log.
func withKept(r verify.Result, kind string, verdict verify.Verdict) verify.Result {
	r.Kept = append(slices.Clone(r.Kept), verify.KeptResult{Kind: kind, Verdict: verdict, Remedy: "rebuild " + kind})
	return r
}

// The first table beside a log that could not be verified has the remedy.
func TestRemedyOfWhatIsKept(t *testing.T) {
	one := verify.Result{Table: public("a"), Verdict: verify.Equal}
	for want, results := range map[string][]verify.Result{
		"": {one, withKept(one, "current", verify.Different), withKept(one, "history", verify.Equal)},
		"rebuild history": {withKept(one, "current", verify.Equal),
			withKept(withKept(one, "current", verify.Different), "history", verify.NotVerified),
			withKept(one, "current", verify.NotVerified)},
	} {
		if got := unverifiedKept(results); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Tables that send only their inserts are named if all else is well, with what changes it.
func TestTablesWhoseUpdatesAreNotSent(t *testing.T) {
	tables := []TableStatus{{Table: "public.keyless", State: "loaded"}, {Table: "public.keyed", State: "behind"},
		{Table: "public.in_both", State: "loaded"},
		{Table: "public.waits", State: "quarantined", Remedy: "r"}}
	var relations []postgres.Relation
	for i, name := range []string{"keyless", "keyed", "in_both", "waits", "new"} {
		r := postgres.Relation{Table: schema.Table{Name: public(name), OID: uint32(i)}}
		if name == "keyed" {
			r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		}
		relations = append(relations, r)
	}
	unsent(tables, relations, &publication.Set{Names: postgres.Publications{All: "p", Inserts: "p_inserts"},
		Have: map[string]*postgres.PublicationInfo{"p": {Tables: []uint32{2}, Insert: true, Update: true, Delete: true},
			"p_inserts": {Tables: []uint32{0, 1,
				2, 3, 4}}}})
	for i, want := range []string{"updates and deletes are not replicated", "publication p_inserts sends its inserts and truncates", "", ""} {
		failuretest.Reason(t, tables[i].Table, tables[i].NotReplicated, want)
	}
	if tables[1].Remedy != "ingest full-load --tables public.keyed" ||
		!strings.HasPrefix(tables[0].Remedy, "ALTER TABLE") || tables[3].Remedy != "r" {
		t.Errorf("remedies %+v", tables)
	}
}

// A spool that cannot be written is named, with its option. Other errors stay what they are.
func TestErrorsOfTheSpool(t *testing.T) {
	p := unopened()
	dir := t.TempDir()
	in := func(path string) error { return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC} }
	plain := errors.New("plain")
	failuretest.Reason(t, "without a spool", p.explain(t.Context(), in(dir)).Error(), "write "+dir)
	spool, err := stage.OpenSpool(dir, "20260101T000000Z-aaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	p.spool = spool
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"none": {nil, ""}, "another": {plain, ""}, "a file elsewhere": {in("/elsewhere"), ""},
		"a file of the spool": {in(spool.Dir() + "/1"), "make room in " + dir},
	} {
		got := p.explain(t.Context(), c.err)
		if failuretest.Reason(t, what, failure.HintOf(got), c.want); !errors.Is(got, c.err) || c.want == "" && got != c.err {
			t.Errorf("%s: %v", what, got)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := in(spool.Dir()); p.explain(ended, err) != err {
		t.Error("an error of a run that was ended is explained")
	}
}

// What in the ledger and the cache keeps a table from being reported as equal.
func TestTablesThatCannotBeVerified(t *testing.T) {
	snapshot := &ledger.Done{Begin: 5}
	quarantine := func(of int64) loads.Table {
		return loads.Table{Quarantine: &loads.Quarantine{Reason: "lost rows", Snapshot: of}}
	}
	for what, c := range map[string]struct {
		table  ledger.TableState
		loaded loads.Table
		origin int64
		want   string
	}{
		"loaded":              {ledger.TableState{Snapshot: snapshot}, loads.Table{}, 1, ""},
		"without a snapshot":  {ledger.TableState{}, quarantine(0), 1, "no snapshot of it is complete"},
		"older than the slot": {ledger.TableState{Snapshot: snapshot}, loads.Table{}, 6, "older than the slot"},
		"marked": {ledger.TableState{Snapshot: snapshot, Reload: &ledger.ReloadMark{Reason: "renamed"}}, loads.Table{}, 1,
			"a full load is needed: renamed"},
		"quarantined":                 {ledger.TableState{Snapshot: snapshot}, quarantine(5), 1, "it is quarantined: lost rows"},
		"quarantined before its last": {ledger.TableState{Snapshot: snapshot}, quarantine(4), 1, ""},
	} {
		state := ledger.NewState()
		state.OriginNumber = c.origin
		failuretest.Reason(t, what, unverifiable(state, &c.table, c.loaded), c.want)
	}
	state := ledger.NewState()
	cached := map[schema.TableName]loads.Table{}
	for _, name := range []string{"a", "b", "c"} {
		state.Tables[public(name)] = &ledger.TableState{Snapshot: snapshot}
		one := quarantine(5)
		one.Quarantine.Hint = "fix " + name
		cached[public(name)] = one
	}
	cached[public("a")] = loads.Table{}
	state.Tables[public("begun")], cached[public("begun")] = &ledger.TableState{}, quarantine(0)
	failuretest.Reason(t, "two are quarantined", remedyOf(state, cached, []schema.TableName{public("a"), public("c"), public("b")}), "fix c")
	failuretest.Reason(t, "none is quarantined", remedyOf(state, cached, []schema.TableName{public("a"), public("begun")}), "")
	failuretest.Reason(t, "another has the name", whyGone("another has it", public("u"), true), "a full load is needed: another has it")
	failuretest.Reason(t, "loaded under another name", whyGone("", public("u"), true), "then loaded as public.u")
	failuretest.Reason(t, "gone", whyGone("", public("u"), false), "the source has no such table any more")
}

// A table's line of the status, by what is staged and what is loaded.
func TestLinesOfTheStatus(t *testing.T) {
	since := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	quarantine := &loads.Quarantine{Reason: "lost rows", Since: since, Hint: "do this", Snapshot: 5}
	for what, c := range map[string]struct {
		staged     load.Staged
		loaded     loads.Table
		waiting    int64
		quarantine string
	}{
		"all is loaded":       {load.Staged{Snapshot: 5, Rows: 9}, loads.Table{Snapshot: 5, Rows: 9}, 0, ""},
		"some":                {load.Staged{Snapshot: 5, Rows: 9}, loads.Table{Snapshot: 5, Rows: 7}, 2, ""},
		"more than is staged": {load.Staged{Snapshot: 5, Rows: 9}, loads.Table{Snapshot: 5, Rows: 11}, 0, ""},
		"an older snapshot":   {load.Staged{Snapshot: 7, Rows: 9}, loads.Table{Snapshot: 5, Rows: 8}, 9, ""},
		"quarantined": {load.Staged{Snapshot: 5, Rows: 9},
			loads.Table{Snapshot: 5, Rows: 7, Quarantine: quarantine}, 2, "lost rows"},
		"quarantined before its newest": {load.Staged{Snapshot: 7, Rows: 9},
			loads.Table{Snapshot: 5, Rows: 7, Quarantine: quarantine}, 9, ""},
		"nothing is loaded, nor was it staged": {load.Staged{}, loads.Table{}, 0, ""},
	} {
		got := tableStatus("public.t", c.staged, c.loaded)
		if failuretest.Reason(t, what, got.Quarantine, c.quarantine); got.WaitingRows != c.waiting || (got.Remedy != "") != (c.quarantine != "") {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// What a monitor reads, the most severe first. A table that is not loaded yet is no reason.
func TestStatusForAMonitor(t *testing.T) {
	table := func(state string) TableStatus { return TableStatus{State: state} }
	for what, c := range map[string]struct {
		status Status
		kind   failure.Kind
		want   string
	}{
		"well":        {Status{Tables: []TableStatus{table("loaded"), table("behind"), table("not loaded"), table("snapshot running")}}, 0, ""},
		"quarantined": {Status{Tables: []TableStatus{table("loaded"), table("quarantined")}}, failure.Tables, "1 of 2 tables need attention"},
		"marked": {Status{Tables: []TableStatus{table("reload needed"), table("snapshot needed")}}, failure.Tables,
			"2 of 2 tables need attention"},
		"beside a log": {Status{Tables: []TableStatus{{State: "loaded", Kept: []KeptStatus{{State: keptQuarantined}}},
			{State: "loaded", Kept: []KeptStatus{{State: "behind"}}}}}, failure.Tables, "1 of 2 tables need attention"},
		"the application fails": {Status{Refused: []publication.Refused{{Publication: "q"}, {Publication: "p", Own: true}},
			Tables: []TableStatus{table("quarantined")}}, failure.Tables, "publication p makes"},
		"by another's publication": {Status{Refused: []publication.Refused{{Publication: "q"}}}, 0, ""},
		"the slot": {Status{Problem: "the slot is gone", Refused: []publication.Refused{{Own: true}}},
			failure.Conflict, "the slot is gone"},
		"a warning is no error yet": {Status{Warning: "soon"}, 0, ""},
	} {
		err := c.status.Err()
		if said := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(said, c.want) ||
			err != nil && failure.KindOf(err) != c.kind {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The plan fails where a table would, with the same hint.
func TestPlansThatFail(t *testing.T) {
	pl := &planning{plan: &Plan{Tables: []*TablePlan{{}, {Error: "it is a view", Hint: "drop it"}, {Error: "x"}}}}
	if err := pl.failing(); failure.KindOf(err) != failure.Tables || !strings.HasSuffix(err.Error(),
		"the first: it is a view") || failure.HintOf(err) != "drop it" {
		t.Errorf("%v", err)
	}
	pl.plan.Tables = pl.plan.Tables[2:]
	if hint := failure.HintOf(pl.failing()); hint != "`ingest status` shows each table" {
		t.Errorf("hint %q", hint)
	}
	if pl.plan.Tables = nil; pl.failing() != nil {
		t.Error("a plan of no table fails")
	}
	for want, leaves := range map[int64][]postgres.Leaf{0: {{}, {}}, 9: {{}, {Blocks: 1}}} {
		if got := atLeast(&postgres.Relation{Rows: 9, Leaves: leaves}); got != want {
			t.Errorf("at least %d rows, want %d", got, want)
		}
	}
	if got := atLeast(&postgres.Relation{Rows: -1, Leaves: []postgres.Leaf{{Blocks: 1}}}); got != 1 {
		t.Errorf("at least %d rows of a table that was never analyzed", got)
	}
}
