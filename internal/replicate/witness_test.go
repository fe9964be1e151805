package replicate

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingest/internal/config"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/shape"
)

// check compares a reason by what it must hold; an empty one must be empty.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Of a publication counts what it may have kept back: a difference that sends
// less, or an alteration whose end is the beginning.
func TestPublicationThatMayHaveSentLess(t *testing.T) {
	base := schema.Publication{Name: "p", Version: 5, Owner: 10, Operations: []string{"insert", "update"}, Generated: "n"}
	with := func(change func(*schema.Publication)) schema.Publication {
		p := base
		change(&p)
		return p
	}
	partitioned, generated := &postgres.Relation{Table: schema.Table{Partitioned: true}}, &postgres.Relation{Generated: []schema.Column{{Name: "g"}}}
	plain := &postgres.Relation{}
	stored := with(func(p *schema.Publication) { p.Version, p.Generated = 6, "s" })
	for what, c := range map[string]struct {
		before *schema.Publication
		now    schema.Publication
		of     *postgres.Relation
		want   string
	}{
		"nothing was noted":       {nil, with(func(p *schema.Publication) { p.Version = 6 }), plain, ""},
		"nothing happened":        {&base, base, plain, ""},
		"another one":             {&base, with(func(p *schema.Publication) { p.Name = "q" }), plain, "publication q sends its changes now, and p did"},
		"the schema was put back": {&base, with(func(p *schema.Publication) { p.Schema = 9 }), plain, "schema was taken out of publication p"},
		"put back":                {&base, with(func(p *schema.Publication) { p.Version = 6 }), plain, "was altered and sends what it did before"},
		"another owner":           {&base, with(func(p *schema.Publication) { p.Version, p.Owner = 6, 11 }), plain, ""},
		"only the owner differs":  {&base, with(func(p *schema.Publication) { p.Owner = 11 }), plain, ""},
		// The version stands for what is sent.
		"the same version":       {&base, with(func(p *schema.Publication) { p.Operations = nil }), plain, ""},
		"fewer operations":       {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert"} }), plain, "it sends only insert, and did insert, update"},
		"no operation":           {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, nil }), plain, "it sends only nothing, and did insert, update"},
		"more operations":        {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "delete"} }), plain, ""},
		"via the root":           {&base, with(func(p *schema.Publication) { p.Version, p.ViaRoot = 6, true }), partitioned, "publish_via_partition_root of publication p was changed"},
		"via a root of none":     {&base, with(func(p *schema.Publication) { p.Version, p.ViaRoot = 6, true }), plain, ""},
		"a partitioned table":    {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "truncate"} }), partitioned, ""},
		"generated are left out": {&stored, with(func(p *schema.Publication) { p.Version = 7 }), generated, "generated columns are not sent any more"},
		"of a table without":     {&stored, with(func(p *schema.Publication) { p.Version = 7 }), plain, ""},
		"generated come":         {&base, stored, generated, ""},
		"generated as they were": {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "delete"} }), generated, ""},
	} {
		var before *ledger.Witness
		if c.before != nil {
			before = &ledger.Witness{Publication: *c.before}
		}
		check(t, what, altered(before, c.now, c.of), c.want)
	}
}

// While a table has a column that the log has not, the files that are noted are
// those from before: a rewrite meanwhile must still show when its message comes.
func TestFilesThatAreNotedOfATable(t *testing.T) {
	columns := func(names ...string) (list []schema.Column) {
		for i, n := range names {
			list = append(list, schema.Column{Name: n, Number: int16(i + 1)})
		}
		return list
	}
	before := &ledger.Witness{Files: map[uint32]uint32{7: 70}}
	now := map[uint32]uint32{7: 71}
	for what, c := range map[string]struct {
		witness *ledger.Witness
		columns []schema.Column
		want    map[uint32]uint32
	}{
		"all columns are known":          {before, columns("id", "v"), now},
		"a column is new":                {before, columns("id", "v", "w"), before.Files},
		"a column is new, nothing noted": {nil, columns("id", "v", "w"), nil},
		"a column that is left out":      {before, columns("id", "v", "secret"), now},
		"all columns, and nothing noted": {nil, columns("id", "v"), now},
	} {
		table := &ledger.TableState{Table: schema.TableName{Schema: "public", Name: "t"}, Columns: columns("id", "v"), Witness: c.witness,
			Snapshot: &ledger.Done{Begin: 4, Excluded: []string{"secret"}}}
		r := &postgres.Relation{Table: schema.Table{OID: 7, Columns: c.columns}, Leaves: []postgres.Leaf{{OID: 7, File: 71}}}
		got := (&Pipeline{}).witness(table, r, nil)
		if diff := cmp.Diff(ledger.TableWitness{Table: table.Table, Begin: 4, Witness: ledger.Witness{Files: c.want}}, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
}

// Older rows do not follow the configuration: whatever it does to a column in
// another way than before asks for a reload.
func TestConfigurationThatTreatsAColumnInAnotherWay(t *testing.T) {
	text, number := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Int64}
	mask := schema.Mask{Kind: schema.MaskNull}
	for what, c := range map[string]struct {
		options  shape.Options
		was      []schema.Column
		excluded []string
		want     string
	}{
		"as before":                              {was: []schema.Column{{Name: "c"}}},
		"a new column":                           {},
		"excluded, and still":                    {options: shape.Options{Exclude: []string{"c"}}, excluded: []string{"c"}},
		"excluded, and not any more":             {excluded: []string{"c"}, want: `column "c" was excluded, and is not any more`},
		"excluded now":                           {options: shape.Options{Exclude: []string{"c"}}, was: []schema.Column{{Name: "c"}}, want: `column "c" is excluded now`},
		"new, and excluded":                      {options: shape.Options{Exclude: []string{"c"}}},
		"masked now":                             {options: shape.Options{Masks: map[string]schema.Mask{"c": mask}}, was: []schema.Column{{Name: "c"}}, want: "is masked in another way now"},
		"not masked any more":                    {was: []schema.Column{{Name: "c", Mask: &mask}}, want: "is masked in another way now"},
		"masked as before":                       {options: shape.Options{Masks: map[string]schema.Mask{"c": mask}}, was: []schema.Column{{Name: "c", Mask: &mask}}},
		"another name":                           {options: shape.Options{Rename: map[string]string{"c": "d"}}, was: []schema.Column{{Name: "c"}}, want: `column "c" is named "d" now, and was "c"`},
		"another type":                           {options: shape.Options{Types: map[string]schema.Type{"c": text}}, was: []schema.Column{{Name: "c", Type: number}}, want: `column "c" is to be STRING now`},
		"another type than the one asked":        {options: shape.Options{Types: map[string]schema.Type{"c": text}}, was: []schema.Column{{Name: "c", Type: number, Cast: true}}, want: `column "c" is to be STRING now`},
		"the type that was asked for":            {options: shape.Options{Types: map[string]schema.Type{"c": text}}, was: []schema.Column{{Name: "c", Type: text, Cast: true}}},
		"the type that was asked for, no longer": {was: []schema.Column{{Name: "c", Type: text, Cast: true}}, want: `column "c" is to be`},
		// What the source says of a type is compared elsewhere.
		"a type that widened": {was: []schema.Column{{Name: "c", Type: number}}},
	} {
		rules := &shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: c.options}}}
		state := &ledger.TableState{Columns: c.was, Snapshot: &ledger.Done{Excluded: c.excluded}}
		got := reshaped(rules.Of(schema.TableName{Schema: "public", Name: "t"}), &postgres.Relation{Table: schema.Table{Columns: []schema.Column{{Name: "c", Number: 1}}}}, state)
		check(t, what, got, c.want)
	}
}

// A publication of the origin is known by its OID, and by its name where the
// origin does not say the OID.
func TestWhatBecameOfAPublication(t *testing.T) {
	known, unknown := &ledger.Origin{PublicationOIDs: map[string]uint32{"p": 5}}, &ledger.Origin{}
	for what, c := range map[string]struct {
		origin     *ledger.Origin
		names      map[uint32]string
		what, hint string
	}{
		"it is there":                       {known, map[uint32]string{5: "p"}, "", ""},
		"renamed":                           {known, map[uint32]string{5: "q"}, "was renamed to q", `ALTER PUBLICATION "q" RENAME TO "p"`},
		"renamed, and another has its name": {known, map[uint32]string{5: "q", 6: "p"}, "was renamed to q", `ALTER PUBLICATION "q" RENAME TO "p"`},
		"made again":                        {known, map[uint32]string{6: "p"}, "was dropped and made again", ""},
		"missing":                           {known, map[uint32]string{6: "q"}, "is missing", ""},
		"there by name":                     {unknown, map[uint32]string{6: "p"}, "", ""},
		"missing by name":                   {unknown, map[uint32]string{6: "q"}, "is missing", ""},
		"no other is without an OID":        {unknown, map[uint32]string{0: "q"}, "is missing", ""},
	} {
		got, hint := publicationState(c.origin, "p", c.names)
		if check(t, what, got, c.what); (hint == "") != (c.hint == "") || !strings.HasPrefix(hint, c.hint) {
			t.Errorf("%s: the hint is %q", what, hint)
		}
	}
}

// Which ledger's origin names the slot and the publications, and whether the
// configuration may name others.
func TestNamesOfTheOrigin(t *testing.T) {
	begun := &ledger.Origin{Database: "shop", DatabaseOID: 5, Slot: "s", Publications: []string{"p", "p_inserts"}}
	alone := &ledger.Origin{Database: "shop", DatabaseOID: 5, Slot: "s", Publications: []string{"p"}}
	here := &postgres.Source{Facts: postgres.Facts{Database: "shop", DatabaseOID: 5}}
	for what, c := range map[string]struct {
		origin     *ledger.Origin
		ended      bool
		source     *postgres.Source
		config     config.Source
		want       bool // that the origin counts
		slot       string
		all, other string // publications
	}{
		"the origin's":                {begun, false, here, config.Source{}, true, "s", "p", "p_inserts"},
		"no second publication":       {alone, false, here, config.Source{}, true, "s", "p", ""},
		"one of the first version":    {&ledger.Origin{Slot: "s"}, false, nil, config.Source{}, false, "", "", ""},
		"no origin":                   {nil, false, nil, config.Source{}, false, "", "", ""},
		"ended":                       {begun, true, here, config.Source{}, true, "s", "p", "p_inserts"},
		"ended, and no source":        {begun, true, nil, config.Source{}, true, "s", "p", "p_inserts"},
		"ended, the database renamed": {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 5}}, config.Source{}, true, "s", "p", "p_inserts"},
		"ended, begun elsewhere":      {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 6}}, config.Source{}, false, "", "", ""},
		"ended, made again":           {begun, true, &postgres.Source{Facts: postgres.Facts{Database: "shop", DatabaseOID: 6}}, config.Source{}, true, "s", "p", "p_inserts"},
		"in another database":         {begun, false, &postgres.Source{Facts: postgres.Facts{Database: "store", DatabaseOID: 6}}, config.Source{}, true, "s", "p", "p_inserts"},
		"another slot is configured":  {begun, false, here, config.Source{Slot: "mine"}, true, "mine", "p", "p_inserts"},
		"another publication":         {begun, false, here, config.Source{Publication: "mine"}, true, "s", "mine", "mine_inserts"},
		"another, of one alone":       {alone, false, here, config.Source{Publication: "mine"}, true, "s", "mine", ""},
		"the same publication":        {begun, false, here, config.Source{Publication: "p"}, true, "s", "p", "p_inserts"},
	} {
		p := &Pipeline{source: c.source, config: &config.Config{Pipeline: "default", Source: c.config}, ledger: ledgerOf(t, c.origin, c.ended)}
		if got := p.goesOn(); (got != nil) != c.want {
			t.Errorf("%s: goes on from %v, want %v", what, got, c.want)
		}
		if !c.want {
			continue
		}
		if err := p.choose(t.Context()); err != nil {
			t.Error(err)
		}
		if got := (postgres.Publications{All: c.all, Inserts: c.other}); p.slot != c.slot || p.pubs != got {
			t.Errorf("%s: slot %s, publications %+v", what, p.slot, p.pubs)
		}
	}
	p := &Pipeline{config: &config.Config{Source: config.Source{Publication: "mine"}}}
	if p.goesOn() != nil {
		t.Error("goes on without a ledger")
	}
	if err := p.choose(t.Context()); err != nil || p.pubs != publicationsOf("mine") {
		t.Errorf("without a ledger: publications %+v, %v", p.pubs, err)
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

// ledgerOf is a ledger with that origin, if it is not nil, and its end.
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

// The configuration must name what the ledger's origin names, of a pipeline that goes on.
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
		p := &Pipeline{slot: c.slot, pubs: postgres.Publications{All: c.publication}, source: &postgres.Source{Facts: postgres.Facts{System: "8", Database: "shop"}}}
		err := p.sameNames(state)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		// Moved to another cluster, it goes on under the same names only.
		if may, unable := p.mayRepair(t.Context(), nil, state); unable != nil || may != (err == nil) {
			t.Errorf("%s: may be repaired in another cluster: %v, %v", what, may, unable)
		}
		p.source.Facts.Database = "store"
		if may, _ := p.mayRepair(t.Context(), nil, state); may {
			t.Errorf("%s: may be repaired in another database", what)
		}
		unfit := &newOrigin{state: state, unfit: fs.ErrInvalid}
		if p.replaces(unfit) || p.replaces(&newOrigin{state: state}) {
			t.Errorf("%s: a slot of another cluster goes", what)
		}
		if p.source.Facts.System = "7"; !p.replaces(unfit) || p.replaces(&newOrigin{state: state}) {
			t.Errorf("%s: the slot that no longer fits goes, and no other", what)
		}
	}
}
