package origin

import (
	"cmp"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Derived names are valid names of slots and, with their suffixes, of publications. Two databases,
// places or pipelines never share one, even if they begin alike.
func TestDerivedNames(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("x", 60)
	for _, database := range []string{"shop", "shop_a", long, long + "1", long + "2", "Größe 1", "größe 1", ""} {
		for _, pipeline := range []string{"default", "default_shop", long, long + "1"} {
			for _, catalog := range []string{"dev", "prod"} {
				n := &Names{Config: &config.Config{Pipeline: pipeline}, Database: database}
				n.Config.Destination = config.Destination{Catalog: catalog, Schema: "bronze", Volume: "ingest"}
				name, what := n.derived(), strings.Join([]string{database, pipeline, catalog}, " ")
				if !regexp.MustCompile(`^ingest_[a-z0-9_]+_[0-9a-f]{8}$`).MatchString(name) || len(name)+len("_inserts") > 63 {
					t.Errorf("%s: %s", what, name)
				}
				if other, taken := seen[name]; taken {
					t.Errorf("%s and %s have the name %s", other, what, name)
				}
				seen[name] = what
				if !isDerived(name, name) || !isDerived(name+"_2", name) || isDerived(name+"_settle", name) || isDerived(name+"2", name) ||
					isDerived("", name) || isDerived("_2", name) {
					t.Errorf("%s: which names are derived from it?", name)
				}
				if elsewhere := name[:len(name)-hashDigits] + "0123abcd"; !sameButHash(elsewhere, name) || sameButHash(elsewhere+"x", name) {
					t.Errorf("%s: is %s of another place?", name, elsewhere)
				}
			}
		}
	}
}

// The readable part of a name.
func TestPartsOfNames(t *testing.T) {
	for name, want := range map[string]string{
		"Shop_Az09": "shop_az09", "a-b/c{d`e:f": "a_b_c_d_e_f", "größe": "gr__e", "longer_than_twelve": "longer_than_",
	} {
		if got := slotPart(name, 12); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// slotsOf are slots of a database.
func slotsOf(database string, names ...string) (slots []postgres.NamedSlot) {
	for _, name := range names {
		slots = append(slots, postgres.NamedSlot{Name: name, Database: database})
	}
	return slots
}

// Without a ledger, objects with derived names count as the pipeline's in its own database. Those of
// another pipeline do not.
func TestNamesThatAreThere(t *testing.T) {
	n := &Names{Config: &config.Config{Pipeline: "default"}, Database: "shop"}
	now, before := n.derived(), n.derivedBefore()
	other := now[:len(now)-hashDigits] + "0123abcd"
	pub := &postgres.PublicationInfo{}
	for what, c := range map[string]struct {
		slots     []postgres.NamedSlot
		have      map[string]*postgres.PublicationInfo
		slot, all string
	}{
		"nothing":                                   {nil, nil, now, now},
		"a slot with a number":                      {slotsOf("shop", "a", now+"_2"), nil, now + "_2", now},
		"the slot of an earlier version":            {slotsOf("shop", before), nil, before, now},
		"the slots of another pipeline":             {slotsOf("shop", other, "ingest_default", ""), nil, now, now},
		"slots of another database":                 {slotsOf("store", before, now+"_2"), nil, now, now},
		"publications of an earlier version":        {nil, map[string]*postgres.PublicationInfo{before: pub}, now, before},
		"its publication, and an earlier version's": {nil, map[string]*postgres.PublicationInfo{before: pub, now: pub}, now, now},
		"its publication":                           {nil, map[string]*postgres.PublicationInfo{now: pub}, now, now},
	} {
		n.Slot, n.Publications = now, publicationsOf(now)
		if n.adopt(now, c.slots, c.have); n.Slot != c.slot || n.Publications != publicationsOf(c.all) {
			t.Errorf("%s: slot %s, publications %+v", what, n.Slot, n.Publications)
		}
	}
}

// A new slot gets a name that no slot of another database has. A configured name does not change.
func TestNameOfANewSlot(t *testing.T) {
	n := &Names{Config: &config.Config{Pipeline: "default"}, Database: "shop"}
	now := n.derived()
	for what, c := range map[string]struct {
		configured string
		slots      []postgres.NamedSlot
		want       string
		fails      bool
	}{
		"free":                               {"", slotsOf("store", "another"), now, false},
		"its own":                            {"", slotsOf("shop", now), now, false},
		"a physical slot's":                  {"", slotsOf("", now), now, false},
		"another database's":                 {"", slotsOf("store", now), now + "_2", false},
		"other databases', with a number":    {"", slotsOf("store", now, now+"_2", now+"_3"), now + "_4", false},
		"configured":                         {"mine", slotsOf("store", now), "mine", false},
		"configured, and another database's": {"mine", slotsOf("store", "mine"), "mine", true},
	} {
		n.Config.Source.Slot, n.Slot = c.configured, cmp.Or(c.configured, now)
		before := n.Slot
		if taken, err := n.free(c.slots); (err != nil) != c.fails || n.Slot != c.want || taken != (before != n.Slot) {
			t.Errorf("%s: %s, %v", what, n.Slot, err)
		}
	}
}

// Slots whose names differ at most in the hash of the place belong to a namesake. A configured name
// does not show which pipeline owns it.
func TestSlotsOfNamesakes(t *testing.T) {
	n := &Names{Config: &config.Config{Pipeline: "default"}, Database: "shop"}
	n.Slot = n.derived()
	now, before := n.Slot[:len(n.Slot)-hashDigits], n.derivedBefore()[:len(n.derivedBefore())-hashDigits]
	mine, foreign := slotsOf("shop", now+"0123abcd", before+"0123abcd_2"), slotsOf("store", now+"0123abcd")
	neither := slotsOf("shop", n.Slot, now, now+"0123", now+"0123abcx", now+"0123abcd5", "0123abcd", "")
	if got, want := n.namesakes(slices.Concat(mine, foreign, neither)), []string{mine[0].Name, mine[1].Name}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	here := &postgres.Slot{Database: "shop"}
	if !n.derivedFor(here) || n.derivedFor(nil) || n.derivedFor(&postgres.Slot{Database: "store"}) {
		t.Error("which slot is this pipeline's?")
	}
	if n.Config.Source.Slot = "mine"; n.derivedFor(here) {
		t.Error("a slot that is configured is this pipeline's")
	}
}

// Which ledger's origin names the slot and the publications, and whether the configuration may use
// other names.
func TestNamesOfTheOrigin(t *testing.T) {
	begun := &ledger.Origin{Database: "shop", DatabaseOID: 5, Slot: "s", Publications: []string{"p", "p_inserts"}}
	alone := &ledger.Origin{Database: "shop", DatabaseOID: 5, Slot: "s", Publications: []string{"p"}}
	here := &postgres.Source{Facts: postgres.Facts{Database: "shop", DatabaseOID: 5}}
	for what, c := range map[string]struct {
		origin     *ledger.Origin
		ended      bool
		source     *postgres.Source
		config     config.Source
		want       bool // the origin counts
		slot       string
		all, other string // publications
	}{
		"the origin's":             {begun, false, here, config.Source{}, true, "s", "p", "p_inserts"},
		"no second publication":    {alone, false, here, config.Source{}, true, "s", "p", ""},
		"one of the first version": {&ledger.Origin{Slot: "s"}, false, nil, config.Source{}, false, "", "", ""},
		"no origin":                {nil, false, nil, config.Source{}, false, "", "", ""},
		"ended":                    {begun, true, here, config.Source{}, true, "s", "p", "p_inserts"},
		"ended, and no source":     {begun, true, nil, config.Source{}, true, "s", "p", "p_inserts"},
		"ended, the database renamed": {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 5}}, config.Source{},
			true, "s", "p", "p_inserts"},
		"ended, begun elsewhere": {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 6}},
			config.Source{}, false, "", "", ""},
		"ended, made again": {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "shop", DatabaseOID: 6}}, config.Source{},
			true, "s", "p", "p_inserts"},
		"in another database": {begun, false, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 6}}, config.Source{},
			true, "s", "p", "p_inserts"},
		"another slot is configured": {begun, false, here, config.Source{Slot: "mine"}, true, "mine", "p", "p_inserts"},
		"another publication":        {begun, false, here, config.Source{Publication: "mine"}, true, "s", "mine", "mine_inserts"},
		"another, of one alone":      {alone, false, here, config.Source{Publication: "mine"}, true, "s", "mine", ""},
		"the same publication":       {begun, false, here, config.Source{Publication: "p"}, true, "s", "p", "p_inserts"},
	} {
		l := &Link{Source: c.source, Names: Names{
			Config: &config.Config{Pipeline: "default", Source: c.config},
		}, Ledger: ledgertest.Open(t, c.origin, c.ended)}
		if got := l.goesOn(); (got != nil) != c.want {
			t.Errorf("%s: goes on from %v, want %v", what, got, c.want)
		}
		if !c.want {
			continue
		}
		if err := l.Choose(t.Context()); err != nil {
			t.Error(err)
		}
		if got := (postgres.Publications{All: c.all, Inserts: c.other}); l.Slot != c.slot || l.Publications != got {
			t.Errorf("%s: slot %s, publications %+v", what, l.Slot, l.Publications)
		}
	}
	l := &Link{Names: Names{Config: &config.Config{Source: config.Source{Publication: "mine"}}}}
	if l.goesOn() != nil {
		t.Error("goes on without a ledger")
	}
	if err := l.Choose(t.Context()); err != nil || l.Publications != publicationsOf("mine") {
		t.Errorf("without a ledger: publications %+v, %v", l.Publications, err)
	}
}

// The configuration of a continuing pipeline must use the names of the ledger's origin.
func TestNamesThatTheConfigurationMustHave(t *testing.T) {
	for what, c := range map[string]struct {
		slot, publication string
		ended, without    bool // without: an origin that names no publications
		want              string
	}{
		"the same":                   {"s", "p", false, false, ""},
		"another slot":               {"x", "p", false, false, `the ledger belongs to slot "s"`},
		"another publication":        {"s", "x", false, false, `the ledger belongs to publication "p"`},
		"others, and it was dropped": {"x", "x", true, false, ""},
		"others than none":           {"x", "x", false, true, ""},
	} {
		state := ledger.NewState()
		state.Origin, state.Ended = &ledger.Origin{System: "7", Database: "shop", Slot: "s", Publications: []string{"p"}}, c.ended
		if c.without {
			state.Origin.Publications = nil
		}
		l := &Link{Names: Names{Slot: c.slot, Publications: postgres.Publications{All: c.publication}, Database: "shop"},
			Source: &postgres.Source{Facts: postgres.Facts{System: "8", Database: "shop"}}}
		err := l.same(state)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		// After a move to another cluster, the pipeline goes on only under the same names.
		if may, unable := l.MayRepair(t.Context(), nil, state); unable != nil || may != (err == nil) {
			t.Errorf("%s: may be repaired in another cluster: %v, %v", what, may, unable)
		}
		l.Source.Facts.Database = "store"
		if may, _ := l.MayRepair(t.Context(), nil, state); may {
			t.Errorf("%s: may be repaired in another database", what)
		}
		unfit := &New{State: state, Unfit: fs.ErrInvalid}
		if l.Replaces(unfit) || l.Replaces(&New{State: state}) {
			t.Errorf("%s: a slot of another cluster goes", what)
		}
		if l.Source.Facts.System = "7"; !l.Replaces(unfit) || l.Replaces(&New{State: state}) {
			t.Errorf("%s: the slot that no longer fits goes, and no other", what)
		}
	}
}
