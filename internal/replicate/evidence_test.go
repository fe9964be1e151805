//go:build unix

package replicate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/origin"
)

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// makeSlot makes the pipeline's slot, like a run that is killed afterwards.
func (b *bed) makeSlot(p *Pipeline) {
	b.t.Helper()
	if _, err := p.source.Slots(b.conn).Create(b.t.Context(), p.link.Slot, false); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { // slots keep the database from being dropped
		_, _ = b.conn.Exec(context.Background(),
			`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, p.link.Slot)
	})
}

// Without a ledger, three things are evidence that one existed: a slot with a name derived for the
// pipeline, a file of loads/, and a table that names the pipeline. A killed run's slot and a slot that
// the configuration names are no evidence.
func TestEvidenceOfALedger(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
	p := b.open(nil)
	files := p.workspace.Files()
	relations := b.relations(p, "t", "u")
	lost := func() string { return said(p.link.LostLedger(t.Context())) }
	failuretest.Reason(t, "nothing", lost(), "")
	failuretest.Reason(t, "nothing was loaded", failure.HintOf(p.link.Begun(t.Context())), "run `ingest full-load` first")
	elsewhere := p.link.Slot[:len(p.link.Slot)-8] + "00000000" // for a ledger in another place
	b.exec(`SELECT pg_create_logical_replication_slot('` + elsewhere + `', 'pgoutput')`)
	failuretest.Reason(t, "a pipeline of this name elsewhere", failure.HintOf(p.link.Begun(t.Context())),
		"a pipeline of this name reads "+elsewhere+" for a ledger in another place")
	b.exec(`SELECT pg_drop_replication_slot('` + elsewhere + `')`)
	b.makeSlot(p)
	failuretest.Reason(t, "the slot", lost(),
		"the ledger is lost: "+files.Root()+" has none, but slot "+p.link.Slot+", whose name is this pipeline's, exists")
	if _, err := p.link.CheckEvidence(t.Context(), relations, false); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a full load: %v", err)
	}
	if older, err := p.link.CheckEvidence(t.Context(), relations, true); err != nil || !older {
		t.Errorf("a repair: every table %v, %v", older, err)
	}
	p.config.Source.Slot = p.link.Slot
	failuretest.Reason(t, "a slot of the configuration", lost(), "")
	if err := p.link.ClaimSlot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Read(t.Context(), p.link.Intent()); err == nil {
		t.Error("a slot of the configuration is claimed")
	}
	p.config.Source.Slot = ""
	failuretest.Reason(t, "that is derived again", lost(), "the ledger is lost")
	for range 2 { // also by a run that was killed before
		if err := p.link.ClaimSlot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	failuretest.Reason(t, "a killed run's slot", lost(), "")
	if err := files.Create(t.Context(), loads.Directory+"/00000000000000000007.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	failuretest.Reason(t, "a file of loads/", lost(), loads.Directory+"/00000000000000000007.json says that tables were loaded")

	other := b.open(nil)
	orphans := func() string { return said(other.link.Orphans(t.Context(), relations)) }
	failuretest.Reason(t, "no table", orphans(), "")
	table := func(name, root string) {
		t.Helper()
		sql := fmt.Sprintf("CREATE OR REPLACE TABLE %s (id INT) TBLPROPERTIES ('%s' = '%s', '%s' = 'x')",
			p.Target(public(name)), bronze.PropertyPipeline,
			root, bronze.PropertyLedger)
		if err := p.workspace.Warehouse().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	table("t", "/Volumes/elsewhere")
	failuretest.Reason(t, "a table of another pipeline", orphans(), "")
	table("u", files.Root())
	failuretest.Reason(t, "a table of this one", orphans(), "belongs to ledger x, which was in "+files.Root())
	other.config.Destination.Schema = "nowhere"
	failuretest.Reason(t, "there is no schema", orphans(), "")
}

// What a run decides about the slot: nothing if it fits, an error if it does not, and a new one if a
// repair is asked for and permitted.
func TestWhenASlotIsMade(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	decide := func(repair bool) (*origin.New, string) {
		t.Helper()
		o, err := p.link.Check(t.Context(), b.conn, repair)
		return o, said(err)
	}
	if o, err := decide(false); o == nil || o.Unfit != nil || err != "" {
		t.Errorf("at the beginning: %+v, %s", o, err)
	}
	if _, err := p.link.CheckSlot(t.Context(), b.conn, p.ledger.State()); failure.KindOf(err) != failure.Conflict {
		t.Errorf("the slot of no ledger: %v", err)
	}
	if err := (&decider{p, b.conn, p.newSummary()}).publish(t.Context(),
		&decision{published: b.relations(p, "t"), statements: p.link.Publications.Statements(p.source.Facts.Version, nil,
			b.relations(p, "t"))}); err != nil {
		t.Fatal(err)
	}
	b.makeSlot(p) // by a run that was killed before it made the origin
	if err := p.link.Make(t.Context(), b.conn, &origin.New{State: p.ledger.State()}); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a slot of which nothing says whose it is: %v", err)
	}
	if err := p.link.ClaimSlot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.link.Make(t.Context(), b.conn, &origin.New{State: p.ledger.State()}); err != nil {
		t.Fatal(err)
	}
	for _, repair := range []bool{false, true} {
		b.exec(`INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t`)
		decoded := false
		watch := func(data []byte) error {
			decoded = decoded || bytes.Contains(data, []byte("pg_logical_slot_peek"))
			return nil
		}
		b.onWrite.Store(&watch)
		o, err := decide(repair)
		if b.onWrite.Store(nil); o != nil || err != "" || decoded != repair {
			t.Errorf("the slot fits, repair %v: %+v, %s; its changes are decoded: %v", repair, o, err, decoded)
		}
	}
	slot, err := p.source.Slots(b.conn).Find(t.Context(), p.link.Slot)
	if err != nil {
		t.Fatal(err)
	}
	cut := func([]byte) error { return io.ErrClosedPipe }
	b.onWrite.Store(&cut)
	unfit, err := p.link.Undecodable(t.Context(), b.conn, slot)
	if b.onWrite.Store(nil); unfit != nil || err == nil {
		t.Errorf("a transient error is no reason for a new slot: %v, %v", unfit, err)
	}
	if err := p.link.Make(t.Context(), b.conn, &origin.New{State: p.ledger.State()}); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a slot that is the ledger's is replaced: %v", err)
	}
	b.exec(`ALTER PUBLICATION ` + p.link.Publications.All + ` RENAME TO former`)
	if o, err := decide(false); o != nil || !strings.Contains(err, "is decoded with the name that it had then") {
		t.Errorf("the publication has another name: %+v, %s", o, err)
	}
	b.exec(`ALTER PUBLICATION former RENAME TO ` + p.link.Publications.All)
	before := p.link.Slot
	b.exec(`SELECT pg_drop_replication_slot('` + p.link.Slot + `')`)
	if o, err := decide(false); o != nil || !strings.Contains(err, "slot "+before+" is missing") {
		t.Errorf("the slot is gone: %+v, %s", o, err)
	}
	if o, err := decide(true); o == nil || o.Unfit == nil || err != "" || !p.link.Replaces(o) {
		t.Errorf("the slot is gone, and a repair: %+v, %s", o, err)
	}
	// A repair requires the ledger's own names, unless the objects with these names are gone.
	p.link.Publications.All = "another"
	if o, err := decide(true); o != nil || !strings.Contains(err, "nothing is lost") {
		t.Errorf("another publication: %+v, %s", o, err)
	}
	b.exec(`DROP PUBLICATION ` + p.ledger.State().Origin.Publications[0])
	b.makeSlot(p)
	o, text := decide(true)
	if o == nil || text != "" {
		t.Fatalf("another publication, and its own is gone: %+v, %s", o, text)
	}
	if err := p.link.Make(t.Context(), b.conn, o); err != nil {
		t.Errorf("the ledger's own slot is not replaced: %v", err)
	}
	state := p.ledger.State()
	publications := state.Origin.Publications
	state.Origin.Publications = nil // as an earlier version left it
	if may, err := p.link.MayRepair(t.Context(), b.conn, state); !may || err != nil {
		t.Errorf("a ledger that does not name its publications may not be repaired: %v, %v", may, err)
	}
	state.Origin.Publications = publications
	state.Origin.Database, state.Origin.DatabaseOID = "another", 1
	if may, err := p.link.MayRepair(t.Context(), b.conn, state); may || err != nil {
		t.Errorf("a ledger of another database may be repaired here: %v, %v", may, err)
	}
}

// The ledger's database is recognized under another name, even if the role may not ask which cluster
// it is in.
func TestOwnerUnderAnotherName(t *testing.T) {
	b := newBed(t)
	p := b.open(nil)
	role := "plain_" + b.config.Pipeline
	b.exec(`CREATE ROLE `+role+` LOGIN PASSWORD 'x'`, `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
	t.Cleanup(func() { _, _ = b.conn.Exec(context.Background(), `DROP ROLE `+role) })
	address, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(role, "x")
	if err := p.source.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	system, oid := p.source.Facts.System, p.source.Facts.DatabaseOID
	for what, c := range map[string]struct {
		url    string
		system string
		oid    uint32
		want   string
	}{
		"renamed":                         {b.url, system, oid, ""},
		"renamed, and the cluster unseen": {address.String(), "7", oid, ""},
		"renamed, and without a number":   {b.url, system, 0, ""},
		"another cluster":                 {b.url, "7", oid, "another cluster"},
		"another database":                {b.url, system, 1, `the ledger belongs to database "old", which is called "template1" now`},
		"another, and the cluster unseen": {address.String(), "7", 1, `the ledger belongs to database "old", which is called "template1" now`},
	} {
		p.link.Source = b.source(c.url, "test", slog.New(slog.DiscardHandler))
		conn, done, err := p.link.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		state := ledger.NewState()
		state.Origin = &ledger.Origin{System: c.system, Database: "old", DatabaseOID: c.oid}
		err = p.link.Owner(t.Context(), conn, state)
		if failuretest.Reason(t, what, said(err), c.want); p.link.Foreign() != (c.want != "") {
			t.Errorf("%s: it counts as foreign: %v", what, p.link.Foreign())
		}
		done()
	}
}

// A run that cannot change the publication reports why. An answer of the server is a warning, since
// the next run tries again. A broken connection is an error.
func TestSparingTheApplicationInTrouble(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	b.loaded(p)
	b.exec(`ALTER TABLE t DROP CONSTRAINT t_pkey`)
	cut := func(data []byte) error {
		if bytes.Contains(data, []byte("ALTER PUBLICATION")) {
			return io.ErrClosedPipe
		}
		return nil
	}
	b.onWrite.Store(&cut)
	err := p.application.spare(t.Context())
	if b.onWrite.Store(nil); err == nil {
		t.Error("the connection broke, and nothing is said")
	}
	other := b.open(nil)
	lock, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `ALTER PUBLICATION `+p.link.Publications.All+` SET (publish = 'insert, update, delete')`); err != nil {
		t.Fatal(err)
	}
	gone := false
	refused := func(data []byte) error {
		if bytes.Contains(data, []byte("ALTER PUBLICATION")) && !gone {
			gone = true
			_, err := lock.Exec(context.Background(), `DROP PUBLICATION `+p.link.Publications.All)
			return errors.Join(err, lock.Commit(context.Background()))
		}
		return nil
	}
	b.onWrite.Store(&refused)
	if err := other.application.spare(t.Context()); err != nil {
		t.Errorf("the publication went meanwhile: %v", err)
	}
	b.onWrite.Store(nil)
}

// A run does not go on from a ledger that is older than what was loaded, unless a repair is asked for.
func TestLedgerThatIsAnOlderCopy(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	b.loaded(p)
	if older, err := p.link.CheckEvidence(t.Context(), nil, false); older || err != nil {
		t.Errorf("the newest: %v, %v", older, err)
	}
	for n := p.ledger.Head(); n > 1; n-- {
		if err := p.workspace.Files().Delete(t.Context(), ledger.FileName(n)); err != nil {
			t.Fatal(err)
		}
	}
	p = b.open(nil)
	if _, err := p.link.CheckEvidence(t.Context(), nil, false); failure.KindOf(err) != failure.Conflict {
		t.Errorf("an older one: %v", err)
	}
	if older, err := p.link.CheckEvidence(t.Context(), nil, true); !older || err != nil {
		t.Errorf("an older one, and a repair: every table %v, %v", older, err)
	}
}
