package origin

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// A publication FOR ALL TABLES is the only one, until the ledger's origin names two.
func TestPublicationForAllTablesIsTheOnlyOne(t *testing.T) {
	all, some := &postgres.PublicationInfo{AllTables: true}, &postgres.PublicationInfo{}
	for what, c := range map[string]struct {
		origin *ledger.Origin
		ended  bool
		have   map[string]*postgres.PublicationInfo
		only   bool
	}{
		"for all tables": {nil, false, map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, after a drop": {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, true,
			map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, of an origin": {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, false,
			map[string]*postgres.PublicationInfo{"p": all}, false},
		"for some":                    {nil, false, map[string]*postgres.PublicationInfo{"p": some}, false},
		"none":                        {nil, false, nil, false},
		"for all, and the second one": {nil, false, map[string]*postgres.PublicationInfo{"p": all, "p_inserts": some}, false},
	} {
		l := &Link{
			Ledger: ledgertest.Open(t, c.origin, c.ended), Names: Names{Publications: postgres.Publications{All: "p", Inserts: "p_inserts"}},
		}
		pubs := &publication.Set{Names: l.Publications, Have: c.have}
		if l.Alone(pubs); (l.Publications.Inserts == "") != c.only || pubs.Names != l.Publications {
			t.Errorf("%s: the second one is %q, and %q of the set", what, l.Publications.Inserts, pubs.Names.Inserts)
		}
	}
}
