package origin

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// A ledger without an owner causes no query of the source.
func TestLedgersThatBelongToNoSource(t *testing.T) {
	for what, l := range map[string]*Link{
		"a damaged one":                    {},
		"one with nothing in it":           {Ledger: ledgertest.Open(t, nil, false)},
		"one with nothing in it, repaired": {Ledger: ledgertest.Open(t, nil, false), Names: Names{Config: &config.Config{}}},
	} {
		if err := l.CheckOwner(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// An origin without its database's OID is recognized by the slot, which stays in its database. If
// there is no slot, the old name must be gone from the cluster.
func TestDatabaseThatHoldsTheSlot(t *testing.T) {
	n := &Names{Database: "store"}
	origin := &ledger.Origin{Database: "shop", Slot: "s", Publications: []string{"p"}, PublicationOIDs: map[string]uint32{"p": 5}}
	here, gone := []postgres.NamedSlot{{Name: "other", Database: "shop"}, {Name: "s", Database: "store"}},
		[]postgres.NamedSlot{{Name: "other", Database: "store"}}
	its, others := map[uint32]string{5: "p"}, map[uint32]string{6: "p"}
	for what, c := range map[string]struct {
		names     map[uint32]string
		slots     []postgres.NamedSlot
		databases []string
		want      bool
	}{
		"the slot is here":                     {its, here, []string{"shop", "store"}, true},
		"its publication has another name":     {map[uint32]string{5: "q"}, here, []string{"store"}, true},
		"the slot is elsewhere":                {its, []postgres.NamedSlot{{Name: "s", Database: "kept"}}, []string{"kept", "store"}, false},
		"no slot, and its name is gone":        {its, gone, []string{"store"}, true},
		"no slot, and a database has its name": {its, nil, []string{"shop", "store"}, false},
		"no slot, and other publications":      {others, gone, []string{"store"}, false},
		"the slot, and other publications":     {others, here, []string{"store"}, false},
	} {
		if got := n.holds(origin, c.names, c.slots, c.databases); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// A pipeline goes on under other names only if the objects with the ledger's names are gone.
func TestOtherNamesForWhatIsGone(t *testing.T) {
	origin := &ledger.Origin{Slot: "s", Publications: []string{"p", "p_inserts"}, PublicationOIDs: map[string]uint32{"p": 5}}
	there, gone := []postgres.NamedSlot{{Name: "s", Database: "shop"}},
		[]postgres.NamedSlot{{Name: "s", Database: "store"}, {Name: "t", Database: "shop"}}
	for what, c := range map[string]struct {
		slot, publication string
		slots             []postgres.NamedSlot
		names             map[uint32]string
		want              bool
	}{
		"another slot, and it is there":          {"x", "p", there, nil, false},
		"another slot, and it is gone":           {"x", "p", gone, map[uint32]string{5: "p"}, true},
		"another publication, and it is there":   {"s", "x", there, map[uint32]string{5: "p"}, false},
		"another publication, and it is renamed": {"s", "x", there, map[uint32]string{5: "q"}, false},
		"another publication, and it is gone":    {"s", "x", there, map[uint32]string{6: "x"}, true},
		"both, and the slot is there":            {"x", "x", there, nil, false},
		"both, and the publication is there":     {"x", "x", gone, map[uint32]string{5: "p"}, false},
		"both, and they are gone":                {"x", "x", gone, nil, true},
	} {
		n := &Names{Slot: c.slot, Publications: postgres.Publications{All: c.publication}, Database: "shop"}
		if got := n.gone(origin, c.slots, c.names); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
