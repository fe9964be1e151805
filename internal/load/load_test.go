//go:build cgo && unix

package load

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
)

func named(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// caches is how many files the cache has.
func (b *bed) caches(t *testing.T) int {
	t.Helper()
	names, err := b.Files.Names(t.Context(), loads.Directory)
	if err != nil {
		t.Fatal(err)
	}
	return len(ledger.Numbered(names))
}

// A load writes the cache if something changed. If there is nothing to do, it
// sends no request.
func TestWhatALoadWrites(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.staged(t, "a", "b", "z")
	b.done(t, "b")
	if got := b.load(t, Options{}); len(got) != 1 || !got[0].Snapshot || got[0].Err != nil {
		t.Fatalf("the first load: %+v", got)
	}
	if n := b.caches(t); n != 1 {
		t.Errorf("%d caches after the first load, want 1", n)
	}
	proved, sent := b.lock.Proved(), len(b.server.Statements())
	if got := b.load(t, Options{}); len(got) != 0 {
		t.Errorf("the second load: %+v", got)
	}
	if b.lock.Proved() != proved || len(b.server.Statements()) != sent {
		t.Error("a load that has nothing to do proves its lock, or asks the warehouse")
	}
	b.done(t, "a")
	if got := b.load(t, Options{Prove: []schema.TableName{named("b")}}); len(got) != 2 || !got[0].Snapshot || got[1].Snapshot {
		t.Errorf("a is loaded, and b proved: %+v", got)
	}
	if n := b.caches(t); n != 2 {
		t.Errorf("%d caches after a table was loaded beside one that was proved, want 2", n)
	}
	b.load(t, Options{Prove: []schema.TableName{named("a"), named("b")}})
	if n := b.caches(t); n != 2 {
		t.Errorf("%d caches after a load that changed nothing, want 2", n)
	}
	proofs, err := b.Proofs(t.Context(), b.Ledger.State(), map[schema.TableName]bool{named("a"): true, named("z"): true})
	a, z := proofs[named("a")], proofs[named("z")]
	if err != nil || len(proofs) != 2 || a.Through != 2 || z.Why == "" || z.Through != 0 {
		t.Errorf("proofs: %+v, %v", proofs, err)
	}
	sent = len(b.server.Statements())
	proofs, err = b.Proofs(t.Context(), b.Ledger.State(), map[schema.TableName]bool{named("z"): true})
	if err != nil || len(proofs) != 1 || len(b.server.Statements()) != sent {
		t.Errorf("proofs of what is not loaded: %+v, %v, %d statements", proofs, err, len(b.server.Statements())-sent)
	}
}

// A cache that shows more than the ledger has stops a load, unless everything
// in the ledger is loaded again.
func TestALoadThatForgetsWhatTheLedgerLacks(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.staged(t, "a")
	b.done(t, "a")
	cache := &loads.Cache{Ledger: b.Ledger.State().Ledger, Tables: map[schema.TableName]loads.Table{named("a"): {Snapshot: 2, Entry: 99}}}
	if err := cache.Write(t.Context(), b.Files); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{}, {Repair: true}, {OwnSnapshots: true}} {
		if got, err := b.Load(t.Context(), o); failure.KindOf(err) != failure.Conflict {
			t.Errorf("%+v: %+v, %v", o, got, err)
		}
	}
	if got := b.load(t, Options{Repair: true, OwnSnapshots: true}); len(got) != 1 || got[0].Err != nil {
		t.Errorf("repaired: %+v", got)
	}
}

// A run that lost its lock reports it and writes no cache: what it saw may be
// the work of another run. If the run ends for another reason, that error says
// more.
func TestALoadThatLostItsLock(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.staged(t, "a")
	b.done(t, "a")
	lost := func(what string) error { return failure.New(failure.Conflict, "%s", what) }
	for _, c := range []struct {
		what  string
		first error // of the proof before the statement
		end   bool  // the run ends then
		last  error
		want  string
	}{
		{"before the statement", lost("first"), false, lost("last"), "last"},
		{"before the statement, and it ends", lost("first"), true, lost("last"), "first"},
		{"of the warehouse", loadtest.ErrNotRun, false, lost("last"), "no such warehouse"},
		{"after the statement", nil, false, lost("last"), "last"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		b.Lock = &loadtest.Lock{Errs: func(n int64) error {
			if n > 1 {
				return c.last
			}
			if c.end {
				cancel()
			}
			return c.first
		}}
		got, err := b.Load(ctx, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || b.caches(t) != 0 {
			t.Errorf("%s: %+v, %v; want %q", c.what, got, err, c.want)
		}
		cancel()
	}
}

// A permanent refusal quarantines the table at once. The error names what is
// missing, if that is the cause. A transient error is retried after a look at
// the table.
func TestStatementsThatFail(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	refusal := lakehouse.Refusal{SQLState: "42KD9", Class: "COPY_INTO_SOURCE_SCHEMA_INFERENCE_FAILED", Message: "no"}
	passing := lakehouse.Refusal{SQLState: "2D521", Class: "DELTA_CONCURRENT_APPEND", Message: "in the way"}
	if err := b.Files.Create(t.Context(), "c/8", []byte("eight")); err != nil {
		t.Fatal(err)
	}
	// lacking creates a table that is loaded up to entry 7 and has the
	// properties.
	lacking := func(name string) *table {
		w := b.like(name)
		w.cached.Entry, w.steps[2].bytes = 7, []int64{5}
		b.exec(t, "CREATE OR REPLACE TABLE "+w.Target.String()+" (id INT, v STRING, "+metaColumns()+") TBLPROPERTIES ('"+
			bronze.PropertyLedger+"' = 'uuid', '"+bronze.PropertySnapshot+"' = '5', '"+bronze.PropertyDirectory+"' = 'd', '"+
			bronze.PropertyPipeline+"' = '"+b.Files.Root()+"')",
			"INSERT INTO "+w.Target.String()+" (_entry) SELECT CASE WHEN id < 10 THEN 5 ELSE 7 END FROM range(12)")
		if err := b.inspect(t.Context(), []*table{w}); err != nil {
			t.Fatal(err)
		}
		if err := b.evidence(t.Context(), []*table{w}, (*table).shows); err != nil || w.result.Err != nil {
			t.Fatal(err, w.result.Err)
		}
		return w
	}
	w := lacking("refused")
	b.refusing("COPY INTO", refusal)
	before := len(b.server.Statements())
	err := w.bring(t.Context())
	sent := len(b.server.Statements()) - before
	if err != nil || failure.KindOf(w.result.Err) != failure.Destination ||
		!strings.Contains(w.result.Err.Error(), refusal.Class) || sent != 1 {
		t.Errorf("refused for good: %v, %v, after %d statements", err, w.result.Err, sent)
	}
	w = lacking("lost")
	w.steps[2].files = []string{"c/9"}
	if err := w.bring(t.Context()); err != nil || failure.KindOf(w.result.Err) != failure.Tables ||
		!strings.Contains(w.result.Err.Error(), "segment c/9") {
		t.Errorf("refused as a segment is missing: %v, %v", err, w.result.Err)
	}
	// The first COPY INTO conflicts with another. Then somebody changes the
	// properties.
	for what, c := range map[string]struct {
		meanwhile string
		err       bool
		failed    string
		copies    int64
	}{
		"passes":               {"", false, refusal.Class, 2},
		"the table is another": {"ALTER TABLE %s UNSET TBLPROPERTIES ('" + bronze.PropertyLedger + "')", false, "lost its properties", 1},
		"it is another's now":  {"ALTER TABLE %s SET TBLPROPERTIES ('" + bronze.PropertyLedger + "' = 'theirs')", true, "", 1},
	} {
		w = lacking("meanwhile")
		var copies atomic.Int64
		f := func(sql string) *lakehouse.Refusal {
			switch {
			case !strings.HasPrefix(sql, "COPY INTO"):
				return nil
			case copies.Add(1) > 1:
				return &refusal
			}
			return &passing
		}
		b.refuse.Store(&f)
		proofs := 0
		w.loader.Lock = &loadtest.Lock{Errs: func(int64) error {
			if proofs++; proofs == 1 && c.meanwhile != "" {
				return b.Warehouse.Exec(t.Context(), strings.ReplaceAll(c.meanwhile, "%s", w.Target.String()))
			}
			return nil
		}}
		err := w.bring(t.Context())
		failed := ""
		if w.result.Err != nil {
			failed = w.result.Err.Error()
		}
		if (err != nil) != c.err || (failed != "") != (c.failed != "") || !strings.Contains(failed, c.failed) || copies.Load() != c.copies {
			t.Errorf("%s: %v, %q, after %d statements", what, err, failed, copies.Load())
		}
		if !w.prove {
			t.Errorf("%s: old entries are not counted", what)
		}
	}
}

// A statement that always conflicts is tried six times. Then the run ends, and
// the table is not blamed.
func TestAStatementThatIsAlwaysInTheWay(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.staged(t, "a")
	b.done(t, "a")
	var sent atomic.Int64
	f := func(sql string) *lakehouse.Refusal {
		switch {
		case !strings.HasPrefix(sql, "CREATE OR REPLACE TABLE"):
			return nil
		case sent.Add(1) > bronze.Attempts+2: // ends a run that would not end
			return &lakehouse.Refusal{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "no"}
		}
		return &lakehouse.Refusal{SQLState: "2D521", Class: "DELTA_CONCURRENT_APPEND", Message: "in the way"}
	}
	b.refuse.Store(&f)
	_, err := b.Load(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "load public.a: ") || sent.Load() != bronze.Attempts || b.caches(t) != 0 {
		t.Errorf("%v, after %d statements", err, sent.Load())
	}
}

// A statement records whether it may have been executed, whether it was
// executed, and why a failure is not an error.
func TestWhatAStatementNotes(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for what, c := range map[string]struct {
		sql  string
		fail func(error) error
		err  bool
		done bool
	}{
		"it works":                {"SELECT 1", nil, false, true},
		"it works, with a remark": {"SELECT 1", func(error) error { return errors.New("remark") }, false, true},
		"it fails":                {"SELECT nothing", nil, true, false},
		"it fails, with a remark": {"SELECT nothing", func(error) error { return loadtest.ErrNotRun }, true, false},
		"it fails, and may do so": {"SELECT nothing", func(error) error { return nil }, false, true},
	} {
		var notes []string
		for _, noted := range []bool{true, false} {
			w := b.like("t")
			op := bronze.Operation{SQL: c.sql, Fail: c.fail}
			if noted {
				op.Sent = func() { notes = append(notes, "sent") }
				op.Done = func() { notes = append(notes, "done") }
			}
			if err := w.execute(t.Context(), op); (err != nil) != c.err || !w.wrote {
				t.Errorf("%s: %v", what, err)
			}
		}
		if want := map[bool]string{true: "sent done", false: "sent"}[c.done]; strings.Join(notes, " ") != want {
			t.Errorf("%s: noted %v, want %s", what, notes, want)
		}
	}
	w := b.like("t")
	b.Lock = &loadtest.Lock{Errs: func(int64) error { return failure.New(failure.Conflict, "lost") }}
	sent := len(b.server.Statements())
	err := w.execute(t.Context(), bronze.Operation{SQL: "SELECT 1", Sent: func() { t.Error("noted as sent") }})
	if err == nil || w.wrote || len(b.server.Statements()) != sent {
		t.Errorf("without the lock: %v", err)
	}
}

// A plan has the statements that a load would send. It sends none.
func TestPlanOfALoad(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.staged(t, "a", "b", "q", "z")
	for _, name := range []string{"a", "b", "q"} {
		b.done(t, name)
	}
	b.load(t, Options{Tables: []schema.TableName{named("b")}})
	cache, err := loads.Read(t.Context(), b.Files, b.Ledger.State().Ledger)
	if err != nil {
		t.Fatal(err)
	}
	cache.Tables[named("q")] = loads.Table{Quarantine: &loads.Quarantine{Snapshot: 2, Reason: "odd"}}
	if err := cache.Write(t.Context(), b.Files); err != nil {
		t.Fatal(err)
	}
	sent := len(b.server.Statements())
	plans, err := b.Plan(t.Context(), Options{})
	if err != nil || len(plans) != 2 || len(b.server.Statements()) != sent {
		t.Fatalf("%+v, %v", plans, err)
	}
	if q := plans[0]; q.Table.Name != "q" || q.Err == nil || len(q.Statements) != 0 {
		t.Errorf("of a table that is quarantined: %+v", q)
	}
	a := plans[1]
	if a.Table.Name != "a" || a.Err != nil || !a.Snapshot || len(a.Statements) != 1 ||
		!strings.HasPrefix(a.Statements[0], "CREATE OR REPLACE TABLE") {
		t.Errorf("of a new table: %+v", a)
	}
	plans, err = b.Plan(t.Context(), Options{Prove: []schema.TableName{named("b")}, Tables: []schema.TableName{named("b")}})
	if err != nil || len(plans) != 1 || plans[0].Err != nil || plans[0].Snapshot || len(plans[0].Statements) != 0 || plans[0].Unsure != "" {
		t.Errorf("of a table that is loaded: %+v, %v", plans, err)
	}
	b.exec(t, databricks.DropTable(b.client.Table("b")))
	plans, err = b.Plan(t.Context(), Options{Prove: []schema.TableName{named("b")}, Tables: []schema.TableName{named("b")}})
	if err != nil || len(plans) != 1 || failure.KindOf(plans[0].Err) != failure.Tables || len(plans[0].Statements) != 0 {
		t.Errorf("of a table that was dropped: %+v, %v", plans, err)
	}
	b.denying("a")
	if plans, err := b.Plan(t.Context(), Options{}); err == nil {
		t.Errorf("of a table that may not be looked at: %+v", plans)
	}
}
