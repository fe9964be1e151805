package preflight

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/target"
)

// tables checks a published relation on a server of that version.
func tables(version int) (*look, *postgres.PublicationInfo) {
	source := &postgres.Source{Facts: postgres.Facts{Version: version, User: "ingest"}}
	pub := &postgres.PublicationInfo{Name: "p", Tables: []uint32{7}, Insert: true, Update: true, Delete: true, Truncate: true, ViaRoot: true}
	c := config.Default()
	c.Destination.Catalog, c.Destination.Schema = "dev", "bronze"
	return &look{
		Ends: Ends{Config: c, Link: &origin.Link{Source: source}}, state: ledger.NewState(), names: target.Names{Config: c},
		pubs: &publication.Set{
			Facts: source.Facts, Names: postgres.Publications{All: "p", Inserts: "q"}, Have: map[string]*postgres.PublicationInfo{"p": pub},
		},
	}, pub
}

func relation() *postgres.Relation {
	r := &postgres.Relation{Kind: "r", Persistence: "p", Owned: true, Readable: true}
	r.Name, r.OID, r.PrimaryKey = schema.TableName{Schema: "public", Name: "t"}, 7, []string{"id"}
	r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	r.Columns = []schema.Column{{Name: "id", Number: 1, Key: true, Type: schema.Type{Kind: schema.Int32}}}
	return r
}

// What check reports for a table, each case by itself: problems, warnings of a run, and notes.
func TestWhatCheckReportsOfATable(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*look, *postgres.PublicationInfo, *postgres.Relation)
		want   []string
	}{
		"nothing": {func(*look, *postgres.PublicationInfo, *postgres.Relation) {}, []string{"ok ready"}},
		"it may not be read": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) { r.Readable = false },
			[]string{"problem role ingest may not read it", "GRANT SELECT"}},
		"it is not published, which another finding has the SQL of": {func(_ *look, p *postgres.PublicationInfo, r *postgres.Relation) {
			p.Tables, r.Owned = nil, false
		}, []string{"problem it is not published, and role ingest does not own it (only a table's owner can add it to a publication) "}},
		"another table has its name": {func(l *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			l.state.Tables[r.Name] = &ledger.TableState{Table: r.Name, Snapshot: &ledger.Done{Begin: 2, OID: 6}}
		}, []string{"warning it is not the table that was loaded under this name"}},
		"it has got an identity": {func(l *look, p *postgres.PublicationInfo, _ *postgres.Relation) {
			p.Tables = nil
			l.pubs.Have["q"] = &postgres.PublicationInfo{Name: "q", Tables: []uint32{7}, Insert: true, ViaRoot: true}
		}, []string{"warning publication q sends its inserts and truncates"}},
		"FULL": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity.Kind = schema.IdentityFull
		},
			[]string{"note REPLICA IDENTITY FULL: an update or delete sends the whole old row"}},
		"FULL, without a key": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity, r.PrimaryKey = schema.Identity{Kind: schema.IdentityFull}, nil
		}, []string{"note it has no primary key: under REPLICA IDENTITY FULL"}},
		"FULL, with a deferrable key": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity, r.PrimaryKey, r.Deferrable = schema.Identity{Kind: schema.IdentityFull}, nil, true
		}, []string{"note its primary key is deferrable"}},
		"an index": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity.Kind = schema.IdentityIndex
		},
			[]string{`note its replica identity is an index: an update or delete identifies its row by "id"`}},
		"without an identity": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity, r.PrimaryKey = schema.Identity{Kind: schema.IdentityDefault}, nil
		}, []string{"warning it has no primary key and no replica identity",
			"(updates and deletes can be published only with the old row's key)"}},
		"an index, and no key": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity.Kind, r.PrimaryKey = schema.IdentityIndex, nil
		}, []string{"note its replica identity is an index"}},
		"an index, and a deferrable key": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Identity.Kind, r.Deferrable = schema.IdentityIndex, true
		}, []string{"note its replica identity is an index"}},
		"another name in the target, by the configuration": {func(l *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Name.Name = "a.b"
			l.options(shape.Options{Name: "mine"})
		}, []string{"ok ready"}},
		"an option for a column that is gone": {func(l *look, _ *postgres.PublicationInfo, _ *postgres.Relation) {
			l.options(shape.Options{Exclude: []string{"gone"}})
		}, []string{"warning ", `names column "gone"`,
			"(the table had it when it was loaded: changes continue, and a full load fails until the option is removed)"}},
		"a generated column of a table that is not published": {func(_ *look, p *postgres.PublicationInfo, r *postgres.Relation) {
			p.Tables, r.Generated = nil, []schema.Column{{Name: "twice", Number: 2}}
		}, []string{"note generated columns are left out: twice (the publication does not send them) "}},
		"another name in the target": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) { r.Name.Name = "a.b" },
			[]string{"note it becomes dev.bronze.a_b"}},
		"tables inherit from it": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) { r.Inherits = true },
			[]string{"note tables inherit from it"}},
		"partitions": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) { r.Partitioned = true },
			[]string{"note it is partitioned (0 partitions) and becomes one table"}},
		"a generated column": {func(_ *look, _ *postgres.PublicationInfo, r *postgres.Relation) {
			r.Generated = []schema.Column{{Name: "twice", Number: 2}}
		},
			[]string{"note generated columns are left out: twice (the publication does not send them) "}},
	} {
		l, pub := tables(170000)
		r := relation()
		c.change(l, pub, r)
		l.table(r)
		check(t, what, l.Findings, 1, c.want...)
	}
}

// options sets the options of all tables.
func (l *look) options(o shape.Options) {
	l.Config.Shape.Sections = []shape.Section{
		{Label: "[tables.t]", Exact: true, Matches: func(schema.TableName) bool { return true }, Options: o},
	}
}

// A mistake in the configuration is reported once, where the names of the configuration are.
func TestMistakesThatAreReportedOnce(t *testing.T) {
	for what, c := range map[string]struct {
		subject, what string
		number        int
	}{
		"reported before":             {"configuration", `a.toml:3: [tables.t] exclude_columns names column "gone", which it does not have`, 1},
		"another one":                 {"configuration", `a.toml:3: it names nothing`, 2},
		"of something else":           {"public.u", `[tables.t] exclude_columns names column "gone", which it does not have`, 2},
		"nothing was reported before": {"source", "", 2},
	} {
		l, _ := tables(170000)
		l.options(shape.Options{Exclude: []string{"gone"}})
		l.Add(finding.Finding{Level: finding.Note, Subject: c.subject, What: c.what})
		r := relation()
		for _, o := range l.names.ForDropped(l.pubs.As(r), nil) {
			if !strings.Contains(o.What, `names column "gone"`) {
				t.Fatalf("%+v", o)
			}
		}
		l.table(r)
		number := c.number
		if number == 1 {
			number++ // it is ready otherwise
		}
		check(t, what, l.Findings, number)
		if last := l.Findings[1]; (last.Level == finding.OK) != (c.number == 1) {
			t.Errorf("%s: %+v", what, last)
		}
	}
}

// A relation that is left out is a note. For each name that causes it, a warning has the statement that
// renames it.
func TestRelationsThatAreLeftOut(t *testing.T) {
	r := relation()
	check(t, "a view", leftOut(r, "it is a view"), 1, "note left out: it is a view")
	r.Illegible = []postgres.Illegible{{OID: 7, Name: "x"}, {OID: 7, Name: "y", Column: 2}}
	check(t, "two names", leftOut(r, "its name"), 2, "warning left out: its name \"x\"",
		"warning left out: the name of its column \"y\"", "RENAME COLUMN")
}

// A publication that the pipeline did not make may send less than it needs.
func TestPublicationsThatSendLess(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*postgres.PublicationInfo)
		number int
		want   string
	}{
		"all": {func(*postgres.PublicationInfo) {}, 0, ""},
		"no truncates": {func(p *postgres.PublicationInfo) { p.Truncate = false }, 1,
			"warning p does not publish truncates (rows of a truncated table stay) ALTER PUBLICATION"},
		"no deletes": {func(p *postgres.PublicationInfo) { p.Delete = false }, 1, "problem p does not publish all changes"},
		"inserts alone": {func(p *postgres.PublicationInfo) { p.Update, p.Delete, p.Truncate = false, false, false }, 2,
			"problem p does not publish all changes"},
	} {
		l, pub := tables(170000)
		l.Link.Publications = l.pubs.Names // the second one does not exist
		c.change(pub)
		l.publications()
		check(t, what, l.Findings, c.number, c.want)
	}
}

// A column that only version 18 can publish gets the SQL for it on version 18.
func TestGeneratedColumnsThatCanBePublished(t *testing.T) {
	l, _ := tables(180000)
	r := relation()
	r.Generated = []schema.Column{{Name: "twice", Number: 2}}
	l.columns(l.pubs.As(r))
	check(t, "a stored one", l.Findings, 1, "SET (publish_generated_columns = stored); then `ingest full-load --tables public.t`")
	l, _ = tables(170000)
	if l.columns(l.pubs.As(r)); len(l.Findings) != 1 || l.Findings[0].Remedy != "" {
		t.Errorf("a stored one, on version 17: %+v", l.Findings)
	}
	l, _ = tables(180000)
	r.Virtual = []string{"twice"}
	if l.columns(l.pubs.As(r)); l.Findings[0].Remedy != "" {
		t.Errorf("a virtual one: %+v", l.Findings)
	}
	l, pub := tables(180000)
	pub.Tables = nil
	l.columns(l.pubs.As(r))
	check(t, "of a table that is not published yet", l.Findings, 0)
}
