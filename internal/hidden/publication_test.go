package hidden

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// What counts is what a publication may have withheld: a difference that sends less, or an alteration
// that was reverted.
func TestPublicationThatMayHaveSentLess(t *testing.T) {
	base := schema.Publication{Name: "p", Version: 5, Owner: 10, Operations: []string{"insert", "update"}, Generated: "n"}
	with := func(change func(*schema.Publication)) schema.Publication {
		p := base
		change(&p)
		return p
	}
	partitioned, generated := &postgres.Relation{Table: schema.Table{Partitioned: true}},
		&postgres.Relation{Generated: []schema.Column{{Name: "g"}}}
	plain := &postgres.Relation{}
	stored := with(func(p *schema.Publication) { p.Version, p.Generated = 6, "s" })
	for what, c := range map[string]struct {
		before *schema.Publication
		now    schema.Publication
		of     *postgres.Relation
		want   string
	}{
		"nothing was noted": {nil, with(func(p *schema.Publication) { p.Version = 6 }), plain, ""},
		"nothing happened":  {&base, base, plain, ""},
		"another one": {&base, with(func(p *schema.Publication) { p.Name = "q" }), plain,
			"publication q sends its changes now, and p did"},
		"the schema was put back": {&base, with(func(p *schema.Publication) { p.Schema = 9 }), plain, "schema was taken out of publication p"},
		"put back": {&base, with(func(p *schema.Publication) { p.Version = 6 }), plain,
			"was altered and sends what it did before"},
		"another owner":          {&base, with(func(p *schema.Publication) { p.Version, p.Owner = 6, 11 }), plain, ""},
		"only the owner differs": {&base, with(func(p *schema.Publication) { p.Owner = 11 }), plain, ""},
		// The version stands for what is sent.
		"the same version": {&base, with(func(p *schema.Publication) { p.Operations = nil }), plain, ""},
		"fewer operations": {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert"} }), plain,
			"it sends only insert, and did insert, update"},
		"no operation": {&base, with(func(p *schema.Publication) { p.Version, p.Operations = 6, nil }), plain,
			"it sends only nothing, and did insert, update"},
		"more operations": {&base,
			with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "delete"} }), plain, ""},
		"via the root": {&base, with(func(p *schema.Publication) { p.Version, p.ViaRoot = 6, true }), partitioned,
			"publish_via_partition_root of publication p was changed"},
		"via a root of none": {&base, with(func(p *schema.Publication) { p.Version, p.ViaRoot = 6, true }), plain, ""},
		"a partitioned table": {&base,
			with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "truncate"} }), partitioned, ""},
		"generated are left out": {&stored, with(func(p *schema.Publication) { p.Version = 7 }), generated,
			"generated columns are not sent any more"},
		"of a table without": {&stored, with(func(p *schema.Publication) { p.Version = 7 }), plain, ""},
		"generated come":     {&base, stored, generated, ""},
		"generated as they were": {&base,
			with(func(p *schema.Publication) { p.Version, p.Operations = 6, []string{"insert", "update", "delete"} }), generated, ""},
	} {
		var before *ledger.Witness
		if c.before != nil {
			before = &ledger.Witness{Publication: *c.before}
		}
		failuretest.Reason(t, what, altered(before, c.now, c.of), c.want)
	}
}

// While a table has a column that the log lacks, the noted files are the earlier ones: a rewrite in
// the meantime must still show when its message comes.
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
		got := witness(table, r)
		if diff := cmp.Diff(ledger.TableWitness{Table: table.Table, Begin: 4, Witness: ledger.Witness{Files: c.want}}, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
}

// Older rows do not follow the configuration: every change in how it treats a column needs a reload.
func TestConfigurationThatTreatsAColumnInAnotherWay(t *testing.T) {
	text, number := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Int64}
	mask := schema.Mask{Kind: schema.MaskNull}
	for what, c := range map[string]struct {
		options  shape.Options
		was      []schema.Column
		excluded []string
		want     string
	}{
		"as before":                  {was: []schema.Column{{Name: "c"}}},
		"a new column":               {},
		"excluded, and still":        {options: shape.Options{Exclude: []string{"c"}}, excluded: []string{"c"}},
		"excluded, and not any more": {excluded: []string{"c"}, want: `column "c" was excluded, and no longer is`},
		"excluded now": {
			options: shape.Options{Exclude: []string{"c"}}, was: []schema.Column{{Name: "c"}}, want: `column "c" is excluded now`,
		},
		"new, and excluded": {options: shape.Options{Exclude: []string{"c"}}},
		"masked now": {
			options: shape.Options{Masks: map[string]schema.Mask{"c": mask}}, was: []schema.Column{{Name: "c"}}, want: "has another mask now",
		},
		"not masked any more": {was: []schema.Column{{Name: "c", Mask: &mask}}, want: "has another mask now"},
		"masked as before": {
			options: shape.Options{Masks: map[string]schema.Mask{"c": mask}}, was: []schema.Column{{Name: "c", Mask: &mask}},
		},
		"another name": {options: shape.Options{
			Rename: map[string]string{"c": "d"},
		}, was: []schema.Column{{Name: "c"}}, want: `column "c" is named "d" now, and was "c"`},
		"another type": {options: shape.Options{
			Types: map[string]schema.Type{"c": text},
		}, was: []schema.Column{{Name: "c", Type: number}}, want: `column "c" is configured as STRING now`},
		"another type than the one asked": {options: shape.Options{
			Types: map[string]schema.Type{"c": text},
		}, was: []schema.Column{{Name: "c", Type: number, Cast: true}}, want: `column "c" is configured as STRING now`},
		"the type that was asked for": {
			options: shape.Options{Types: map[string]schema.Type{"c": text}}, was: []schema.Column{{Name: "c", Type: text, Cast: true}},
		},
		"the type that was asked for, no longer": {
			was: []schema.Column{{Name: "c", Type: text, Cast: true}}, want: `column "c" is configured as`,
		},
		// What the source reports of a type is compared elsewhere.
		"a type that widened": {was: []schema.Column{{Name: "c", Type: number}}},
	} {
		rules := &shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: c.options}}}
		state := &ledger.TableState{Columns: c.was, Snapshot: &ledger.Done{Excluded: c.excluded}}
		got := reshaped(rules.Of(schema.TableName{Schema: "public", Name: "t"}),
			&postgres.Relation{Table: schema.Table{Columns: []schema.Column{{Name: "c", Number: 1}}}}, state)
		failuretest.Reason(t, what, got, c.want)
	}
}
