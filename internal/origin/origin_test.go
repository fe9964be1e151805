package origin

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// A slot with the pipeline's name is dropped only if it is the pipeline's own.
func TestSlotsThatAreLeftAlone(t *testing.T) {
	n := &Names{Slot: "s", Database: "shop"}
	for what, c := range map[string]struct {
		slot postgres.Slot
		ours bool
		want string
	}{
		"ours":                            {postgres.Slot{Database: "shop"}, true, ""},
		"a physical one in place of ours": {postgres.Slot{}, true, ""},
		"ours, and it is read":            {postgres.Slot{Database: "shop", Active: true, ActivePID: 7}, true, "slot s is in use by pid 7"},
		"not ours":                        {postgres.Slot{Database: "shop"}, false, "slot s exists, but /Volumes/x has no ledger"},
		"a physical one":                  {postgres.Slot{}, false, "slot s exists, but /Volumes/x has no ledger"},
		"of another database":             {postgres.Slot{Database: "store"}, true, `slot s belongs to database "store", and is left alone`},
		"of another database, and is read": {postgres.Slot{Database: "store", Active: true}, true,
			`slot s belongs to database "store", and is left alone`},
	} {
		said := ""
		if err := n.mustGo(&c.slot, "/Volumes/x", c.ours); err != nil {
			said = err.Error()
		}
		failuretest.Reason(t, what, said, c.want)
	}
}

// A repair fixes only what it is meant for, and only if it is asked for.
func TestWhatARepairEnds(t *testing.T) {
	conflict, other := failure.New(failure.Conflict, "x"), failure.New(failure.Destination, "x")
	if !Repairable(conflict, true) || Repairable(conflict, false) || Repairable(other, true) || Repairable(nil, true) {
		t.Error("a repair ends what it is not for, or not what it is for")
	}
}

// If a slot is being read, or is before the ledger's beginning, the server is not queried or
// connected.
func TestSlotsThatAreNotCompared(t *testing.T) {
	l := &Link{Source: &postgres.Source{}, Names: Names{Config: &config.Config{}}}
	state := ledger.NewState()
	state.Origin, state.Position = &ledger.Origin{ConsistentPoint: 5}, 9
	for what, slot := range map[string]*postgres.Slot{"read": {Active: true, Confirmed: 5}, "before the beginning": {Confirmed: 4}} {
		if err := l.continues(t.Context(), state, slot); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A repair makes a new slot only for an answer that stays the same.
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

// A slot that a concurrent run moved is compared with what that run appended.
func TestLedgerAsOfASlot(t *testing.T) {
	l := &Link{Ledger: ledgertest.Open(t, &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, false)}
	old := ledger.NewState()
	for what, c := range map[string]struct {
		slot  *postgres.Slot
		newer bool
	}{"ahead": {&postgres.Slot{Confirmed: 1}, true}, "where the ledger is": {&postgres.Slot{}, false}, "missing": {nil, false}} {
		if got, err := l.after(t.Context(), old, c.slot); err != nil || (got != old) != c.newer || c.newer && got.Origin == nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// A publication of the origin is recognized by its OID, or by its name if the origin has no OID.
func TestWhatBecameOfAPublication(t *testing.T) {
	known, unknown := &ledger.Origin{PublicationOIDs: map[string]uint32{"p": 5}}, &ledger.Origin{}
	for what, c := range map[string]struct {
		origin     *ledger.Origin
		names      map[uint32]string
		what, hint string
	}{
		"it is there": {known, map[uint32]string{5: "p"}, "", ""},
		"renamed":     {known, map[uint32]string{5: "q"}, "was renamed to q", `ALTER PUBLICATION "q" RENAME TO "p"`},
		"renamed, and another has its name": {known, map[uint32]string{5: "q", 6: "p"}, "was renamed to q",
			`ALTER PUBLICATION "q" RENAME TO "p"`},
		"made again":                 {known, map[uint32]string{6: "p"}, "was dropped and made again", ""},
		"missing":                    {known, map[uint32]string{6: "q"}, "is missing", ""},
		"there by name":              {unknown, map[uint32]string{6: "p"}, "", ""},
		"missing by name":            {unknown, map[uint32]string{6: "q"}, "is missing", ""},
		"no other is without an OID": {unknown, map[uint32]string{0: "q"}, "is missing", ""},
	} {
		got, hint := publicationState(c.origin, "p", c.names)
		if failuretest.Reason(t, what, got, c.what); (hint == "") != (c.hint == "") || !strings.HasPrefix(hint, c.hint) {
			t.Errorf("%s: the hint is %q", what, hint)
		}
	}
}
