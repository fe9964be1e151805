package origin

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/postgres/publication"
)

// check compares a reason with what it must contain; an empty want means no reason.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// volume is a Volume in memory.
type volume map[string][]byte

func (v volume) Create(_ context.Context, name string, data []byte) error {
	if v[name] != nil {
		return fs.ErrExist
	}
	v[name] = data
	return nil
}

func (v volume) Read(_ context.Context, name string) ([]byte, error) {
	if v[name] == nil {
		return nil, fs.ErrNotExist
	}
	return v[name], nil
}

func (v volume) Names(_ context.Context, dir string) (names []string, _ error) {
	for name := range v {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names, nil
}

func (v volume) Delete(_ context.Context, name string) error {
	delete(v, name)
	return nil
}

// ledgerOf is a ledger with that origin, if it is not nil, and its end entry.
func ledgerOf(t *testing.T, origin *ledger.Origin, ended bool) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), volume{}, ledger.Options{Run: "20260101T000000Z-aaaaaa", Version: "test", Now: time.Now})
	if err == nil && origin != nil {
		origin.ConsistentPoint = 1
		_, err = l.Append(t.Context(), 0, origin)
	}
	if err == nil && ended {
		_, err = l.Append(t.Context(), 1, &ledger.End{Reason: "test"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A publication FOR ALL TABLES is the only one, until the ledger's origin names two.
func TestPublicationForAllTablesIsTheOnlyOne(t *testing.T) {
	all, some := &postgres.PublicationInfo{AllTables: true}, &postgres.PublicationInfo{}
	for what, c := range map[string]struct {
		origin *ledger.Origin
		ended  bool
		have   map[string]*postgres.PublicationInfo
		only   bool
	}{
		"for all tables":              {nil, false, map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, after a drop":       {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, true, map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, of an origin":       {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, false, map[string]*postgres.PublicationInfo{"p": all}, false},
		"for some":                    {nil, false, map[string]*postgres.PublicationInfo{"p": some}, false},
		"none":                        {nil, false, nil, false},
		"for all, and the second one": {nil, false, map[string]*postgres.PublicationInfo{"p": all, "p_inserts": some}, false},
	} {
		l := &Link{Ledger: ledgerOf(t, c.origin, c.ended), Names: Names{Publications: postgres.Publications{All: "p", Inserts: "p_inserts"}}}
		pubs := &publication.Set{Names: l.Publications, Have: c.have}
		if l.Alone(pubs); (l.Publications.Inserts == "") != c.only || pubs.Names != l.Publications {
			t.Errorf("%s: the second one is %q, and %q of the set", what, l.Publications.Inserts, pubs.Names.Inserts)
		}
	}
}
