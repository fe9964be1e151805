package replicate

import (
	"cmp"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ingest/internal/config"
	"ingest/internal/postgres"
)

// Derived names are names of slots and, with their suffixes, of publications. No
// two databases, places or pipelines share one, however alike they begin.
func TestDerivedNames(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("x", 60)
	for _, database := range []string{"shop", "shop_a", long, long + "1", long + "2", "Größe 1", "größe 1", ""} {
		for _, pipeline := range []string{"default", "default_shop", long, long + "1"} {
			for _, catalog := range []string{"dev", "prod"} {
				p := &Pipeline{config: &config.Config{Pipeline: pipeline}, source: &postgres.Source{Facts: postgres.Facts{Database: database}}}
				p.config.Destination = config.Destination{Catalog: catalog, Schema: "bronze", Volume: "ingest"}
				name, what := p.derived(), strings.Join([]string{database, pipeline, catalog}, " ")
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

// What a name keeps can be read in it.
func TestPartsOfNames(t *testing.T) {
	for name, want := range map[string]string{"Shop_Az09": "shop_az09", "a-b/c{d`e:f": "a_b_c_d_e_f", "größe": "gr__e", "longer_than_twelve": "longer_than_"} {
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

// Without a ledger, what is there under derived names counts as the pipeline's: in
// its own database, and nothing of another pipeline.
func TestNamesThatAreThere(t *testing.T) {
	p := &Pipeline{config: &config.Config{Pipeline: "default"}, source: &postgres.Source{Facts: postgres.Facts{Database: "shop"}}}
	now, before := p.derived(), p.derivedBefore()
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
		p.slot, p.pubs = now, publicationsOf(now)
		if p.adopt(now, c.slots, c.have); p.slot != c.slot || p.pubs != publicationsOf(c.all) {
			t.Errorf("%s: slot %s, publications %+v", what, p.slot, p.pubs)
		}
	}
}

// A new slot gets a name that no slot of another database has. A name that is
// configured is not changed.
func TestNameOfANewSlot(t *testing.T) {
	p := &Pipeline{log: slog.New(slog.DiscardHandler), config: &config.Config{Pipeline: "default"}}
	p.source = &postgres.Source{Facts: postgres.Facts{Database: "shop"}}
	now := p.derived()
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
		p.config.Source.Slot, p.slot = c.configured, cmp.Or(c.configured, now)
		if err := p.rename(c.slots); (err != nil) != c.fails || p.slot != c.want {
			t.Errorf("%s: %s, %v", what, p.slot, err)
		}
	}
}

// Slots whose names differ in the hash of the place at most are a namesake's. One
// that is configured says nothing of whose it is.
func TestSlotsOfNamesakes(t *testing.T) {
	p := &Pipeline{config: &config.Config{Pipeline: "default"}, source: &postgres.Source{Facts: postgres.Facts{Database: "shop"}}}
	p.slot = p.derived()
	now, before := p.slot[:len(p.slot)-hashDigits], p.derivedBefore()[:len(p.derivedBefore())-hashDigits]
	mine, foreign := slotsOf("shop", now+"0123abcd", before+"0123abcd_2"), slotsOf("store", now+"0123abcd")
	neither := slotsOf("shop", p.slot, now, now+"0123", now+"0123abcx", now+"0123abcd5", "0123abcd", "")
	if got, want := p.namesakes(slices.Concat(mine, foreign, neither)), []string{mine[0].Name, mine[1].Name}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	here := &postgres.Slot{Database: "shop"}
	if !p.derivedFor(here) || p.derivedFor(nil) || p.derivedFor(&postgres.Slot{Database: "store"}) {
		t.Error("which slot is this pipeline's?")
	}
	if p.config.Source.Slot = "mine"; p.derivedFor(here) {
		t.Error("a slot that is configured is this pipeline's")
	}
}
