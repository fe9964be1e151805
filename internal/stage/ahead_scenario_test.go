//go:build unix

package stage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
)

// published returns a table as the catalog and the publications have it now.
func (b *bench) published(table string) *postgres.Relation {
	b.t.Helper()
	have, err := b.source.Catalog(b.conn).Publications(b.t.Context(), pubs.Names())
	if err != nil {
		b.t.Fatal(err)
	}
	r := b.relations(table)[0]
	r.Published = postgres.PublishedBy(pubs, have, r.OID)
	return &r
}

// A look at the catalog finds what stands in for new and renamed columns in the
// rows that the log has. Columns that the log has keep the types that they have
// there. If the earlier values are not certain, the look gives the reason.
func TestColumnsThatALookFinds(t *testing.T) {
	keyed := func(key string) *shape.Rules {
		all := func(schema.TableName) bool { return true }
		return &shape.Rules{Key: shape.Key(key), Sections: []shape.Section{{Label: "[tables.*]", Matches: all,
			Options: shape.Options{Exclude: []string{"hidden"}, Masks: map[string]schema.Mask{"secret": {Kind: schema.MaskHMAC}}}}}}
	}
	rules, other := keyed("a key of thirty-two characters.."), keyed("another key, of 32 characters...")
	type column struct{ name, kind string }
	id, v, secret := column{"id", "INT"}, column{"v", "SMALLINT"}, column{"secret", "STRING"}
	cases := map[string]struct {
		change  []string
		rules   *shape.Rules
		columns []column
		births  []ledger.Birth
		reason  string
	}{
		"renamed": {
			change:  []string{`ALTER TABLE renamed RENAME v TO w`},
			columns: []column{id, {"w", "SMALLINT"}, secret},
			births:  []ledger.Birth{{Number: 2, Column: "w", Was: "v", From: "v", Type: schema.Type{Kind: schema.Int16}}},
		},
		"renamed_retyped": {
			change: []string{`ALTER TABLE renamed_retyped ALTER v TYPE text`, `ALTER TABLE renamed_retyped RENAME v TO w`},
			reason: `column "v" was renamed to "w"`,
		},
		"added": {
			change: []string{`ALTER TABLE added ADD c int DEFAULT 7`, `ALTER TABLE added ALTER v TYPE int`},
			reason: `column "c" was added with a default`, // the new type wrote the table as a whole
		},
		"defaulted": {
			change:  []string{`ALTER TABLE defaulted ADD c int DEFAULT 7`, `ALTER TABLE defaulted ADD hidden int DEFAULT 8`},
			columns: []column{id, v, secret, {"c", "INT"}},
			births:  []ledger.Birth{{Number: 4, Column: "c", Type: schema.Type{Kind: schema.Int32}, Value: []byte("7")}},
		},
		"retyped": {
			change: []string{`ALTER TABLE retyped ALTER v TYPE int`, `ALTER TABLE retyped ADD c int`},
			reason: `column "c" was added, and the table was written as a whole since`,
		},
		"retyped_renamed": {
			change:  []string{`ALTER TABLE retyped_renamed ALTER id TYPE bigint`, `ALTER TABLE retyped_renamed RENAME v TO w`},
			columns: []column{id, {"w", "SMALLINT"}, secret},
			births:  []ledger.Birth{{Number: 2, Column: "w", Was: "v", From: "v", Type: schema.Type{Kind: schema.Int16}}},
		},
		"empty": {
			change:  []string{`ALTER TABLE empty ADD c int`},
			columns: []column{id, v, secret, {"c", "INT"}},
			births:  []ledger.Birth{{Number: 4, Column: "c", Type: schema.Type{Kind: schema.Int32}}},
		},
		"same_target": {
			change: []string{`ALTER TABLE same_target DROP v`, `ALTER TABLE same_target ADD "V" int`},
			reason: `column "V" has the name in the target that column "v" had before`,
		},
		"other_key": {
			change: []string{`ALTER TABLE other_key ADD c int DEFAULT 7`},
			rules:  other,
			reason: `column "secret" is masked with key`,
		},
	}
	var names, ddl []string
	for name := range cases {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		ddl = append(ddl, `CREATE TABLE `+name+` (id int PRIMARY KEY, v smallint, secret text)`, `INSERT INTO `+name+` VALUES (1, 2, 'x')`)
	}
	b := newBench(t, ddl...)
	s := b.stager()
	s.Shape = rules
	b.origin(s, names...)
	b.snapshot(s, names...)
	state := s.Ledger.State()
	for _, name := range names {
		c := cases[name]
		b.exec(c.change...)
		if c.rules == nil {
			c.rules = rules
		}
		ahead, reason, err := stage.ColumnsAhead(t.Context(), b.conn, b.source, c.rules.Of(public(name)),
			state.Tables[public(name)], b.published(name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (reason == "") != (c.reason == "") || !strings.Contains(reason, c.reason) || (ahead == nil) != (c.reason != "") {
			t.Errorf("%s: the reason is %q, want %q", name, reason, c.reason)
		}
		if ahead == nil {
			continue
		}
		var columns []column
		for _, col := range ahead.Columns {
			columns = append(columns, column{col.Name, col.Type.String()})
		}
		if diff := cmp.Diff(c.columns, columns, cmp.AllowUnexported(column{})); diff != "" {
			t.Errorf("%s: columns (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.births, ahead.Births); diff != "" {
			t.Errorf("%s: births (-want +got):\n%s", name, diff)
		}
	}
}
