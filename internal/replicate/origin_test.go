package replicate

import (
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ingest/internal/config"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// A slot that has the pipeline's name goes only where it is the pipeline's own.
func TestSlotsThatAreLeftAlone(t *testing.T) {
	p := &Pipeline{slot: "s", source: &postgres.Source{Facts: postgres.Facts{Database: "shop"}}}
	for what, c := range map[string]struct {
		slot postgres.Slot
		ours bool
		want string
	}{
		"ours":                             {postgres.Slot{Database: "shop"}, true, ""},
		"a physical one in place of ours":  {postgres.Slot{}, true, ""},
		"ours, and it is read":             {postgres.Slot{Database: "shop", Active: true, ActivePID: 7}, true, "slot s is in use by pid 7"},
		"not ours":                         {postgres.Slot{Database: "shop"}, false, "slot s exists, but /Volumes/x has no ledger"},
		"a physical one":                   {postgres.Slot{}, false, "slot s exists, but /Volumes/x has no ledger"},
		"of another database":              {postgres.Slot{Database: "store"}, true, `slot s belongs to database "store", and is left alone`},
		"of another database, and is read": {postgres.Slot{Database: "store", Active: true}, true, `slot s belongs to database "store", and is left alone`},
	} {
		said := ""
		if err := p.mustGo(&c.slot, "/Volumes/x", c.ours); err != nil {
			said = err.Error()
		}
		check(t, what, said, c.want)
	}
}

// A drop drops a slot of the source's database, and none that another session uses.
func TestSlotsThatADropDrops(t *testing.T) {
	for what, c := range map[string]struct {
		slot *postgres.Slot
		want bool
		says string
	}{
		"none":                {},
		"ours":                {&postgres.Slot{Database: "shop"}, true, ""},
		"read by this run":    {&postgres.Slot{Database: "shop", Active: true, Own: true}, true, ""},
		"read by another":     {&postgres.Slot{Name: "s", Database: "shop", Active: true, ActivePID: 7}, false, "slot s is in use by pid 7"},
		"of another database": {&postgres.Slot{Database: "store"}, false, ""},
		"of no database":      {&postgres.Slot{}, false, ""},
	} {
		slot, err := mayDrop(c.slot, "shop")
		said := ""
		if err != nil {
			said = err.Error()
		}
		if check(t, what, said, c.says); (slot != nil) != c.want {
			t.Errorf("%s: drops %+v", what, slot)
		}
	}
	pubs := map[string]*postgres.PublicationInfo{"p": {Name: "p", Owned: true}, "p_inserts": {Name: "p_inserts"}, "other": {Name: "other", Owned: true}}
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
	if got := p.owned(pubs); len(got) != 1 || got[0] != "p" {
		t.Errorf("drops publications %v", got)
	}
	if got := p.owned(nil); len(got) > 0 {
		t.Errorf("drops publications %v, which are not there", got)
	}
}

// A repair ends what a repair is for, and it is asked for.
func TestWhatARepairEnds(t *testing.T) {
	conflict, other := failure.New(failure.Conflict, "x"), failure.New(failure.Destination, "x")
	if !repairable(conflict, true) || repairable(conflict, false) || repairable(other, true) || repairable(nil, true) {
		t.Error("a repair ends what it is not for, or not what it is for")
	}
}

// Of a slot that somebody reads, or that is before the ledger's beginning, nothing
// is asked: the server is not connected to.
func TestSlotsThatAreNotCompared(t *testing.T) {
	p := &Pipeline{source: &postgres.Source{}, config: &config.Config{}}
	state := ledger.NewState()
	state.Origin, state.Position = &ledger.Origin{ConsistentPoint: 5}, 9
	for what, slot := range map[string]*postgres.Slot{"read": {Active: true, Confirmed: 5}, "before the beginning": {Confirmed: 4}} {
		if err := p.continues(t.Context(), state, slot); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A repair makes a new slot for an answer that stays the same, and for no other.
func TestAnswersThatStayTheSame(t *testing.T) {
	for code, want := range map[string]bool{"42704": true, "XX000": true, "57P01": false, "53300": false, "08006": false} {
		if got := forGood(fmt.Errorf("decode: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if forGood(io.ErrUnexpectedEOF) || forGood(fs.ErrPermission) {
		t.Error("what is not the server's answer stays the same")
	}
}

// A slot that a run beside this one moved is compared with what that run appended.
func TestLedgerAsOfASlot(t *testing.T) {
	p := &Pipeline{ledger: ledgerOf(t, &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, false)}
	old := ledger.NewState()
	for what, c := range map[string]struct {
		slot  *postgres.Slot
		newer bool
	}{"ahead": {&postgres.Slot{Confirmed: 1}, true}, "where the ledger is": {&postgres.Slot{}, false}, "missing": {nil, false}} {
		if got, err := p.after(t.Context(), old, c.slot); err != nil || (got != old) != c.newer || c.newer && got.Origin == nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// A table that was loaded is another one where its OID is.
func TestTableThatIsAnotherOne(t *testing.T) {
	state := ledger.NewState()
	state.Tables[public("t")] = &ledger.TableState{Table: public("t"), Snapshot: &ledger.Done{Begin: 2, OID: 7}}
	state.Tables[public("staged")] = &ledger.TableState{Table: public("staged")}
	for name, want := range map[string]bool{"t": true, "u": false, "staged": false} {
		if got := another(state, &postgres.Relation{Table: schema.Table{Name: public(name), OID: 8}}); got != want {
			t.Errorf("%s of another OID: %v", name, got)
		}
	}
	if another(state, &postgres.Relation{Table: schema.Table{Name: public("t"), OID: 7}}) {
		t.Error("the same table is another one")
	}
}
