package origin

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Snapshots alone do not go on with a ledger that has a slot, unless it was dropped. They read no publications, also if an ended
// ledger names some.
func TestSnapshotsAloneLeaveNoSlotBehind(t *testing.T) {
	with := &ledger.Origin{Slot: "s", Publications: []string{"p"}}
	without := &ledger.Origin{Changes: ledger.ChangesNone}
	for what, c := range map[string]struct {
		changes config.Changes
		state   ledger.State
		refused bool
	}{
		"a slot, and changes":                {config.ChangesReplication, ledger.State{Origin: with}, false},
		"a slot, and snapshots alone":        {config.ChangesNone, ledger.State{Origin: with}, true},
		"a dropped slot":                     {config.ChangesNone, ledger.State{Origin: with, Ended: true}, false},
		"no slot, and snapshots alone":       {config.ChangesNone, ledger.State{Origin: without}, false},
		"no slot, and changes, which may be": {config.ChangesReplication, ledger.State{Origin: without}, false},
	} {
		n := &Names{Config: &config.Config{Pipeline: "p", Source: config.Source{Changes: c.changes}}, Database: "shop"}
		if c.state.Origin.Replicates() {
			n.choose(c.state.Origin)
		} else {
			n.choose(nil)
		}
		err := n.KeepsSlot(&c.state)
		if (failure.KindOf(err) == failure.Conflict) != c.refused || (err == nil) == c.refused {
			t.Errorf("%s: %v", what, err)
		}
		if reads := n.Reads(); reads.None() != (c.changes == config.ChangesNone) {
			t.Errorf("%s: it reads %+v", what, reads)
		}
	}
}

// A repair drops no slot for a ledger that had none: one of that name is another's.
func TestLedgerWithoutASlotReplacesNone(t *testing.T) {
	l := &Link{Source: &postgres.Source{Facts: postgres.Facts{System: "7"}}}
	unfit := failure.New(failure.Conflict, "moved")
	for _, o := range []*ledger.Origin{{System: "7", Slot: "s"}, {System: "7", Changes: ledger.ChangesNone}} {
		if got := l.Replaces(&New{State: &ledger.State{Origin: o}, Unfit: unfit}); got != o.Replicates() {
			t.Errorf("%+v: replaces %v", o, got)
		}
	}
}
