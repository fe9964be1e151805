//go:build unix

package replicate

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// look is a change of a table between two runs, and the reason of its mark.
type look struct {
	before, then []string // before: instead of the usual table
	want         string
}

func statements(texts []string, table, publication string) (out []string) {
	for _, text := range texts {
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(text, "TABLE_NAME", table), "PUBLICATION_NAME", publication))
	}
	return out
}

// Changes between two runs that no message shows: each marks its table, and no other.
func TestWhatALookFinds(t *testing.T) {
	looks := map[string]look{
		"nothing":        {nil, nil, ""},
		"with_a_default": {nil, []string{`ALTER TABLE TABLE_NAME ADD c int DEFAULT 5`}, ""},
		"rewritten":      {nil, []string{`ALTER TABLE TABLE_NAME ADD c serial`}, `column "c" was added with a default`},
		"added":          {nil, []string{`ALTER TABLE TABLE_NAME ADD c int`}, ""},
		"renamed_column": {nil, []string{`ALTER TABLE TABLE_NAME RENAME v TO w`}, ""},
		"added_again": {nil, []string{`ALTER TABLE TABLE_NAME DROP v`, `ALTER TABLE TABLE_NAME ADD v int`},
			`column "v" was dropped and added again`},
		"dropped":     {nil, []string{`ALTER TABLE TABLE_NAME DROP v`}, ""},
		"retyped":     {nil, []string{`ALTER TABLE TABLE_NAME ALTER v TYPE text`}, `column "v" changed its type from integer to text`},
		"widened":     {nil, []string{`ALTER TABLE TABLE_NAME ALTER v TYPE bigint`}, ""},
		"another_key": {nil, []string{`ALTER TABLE TABLE_NAME DROP CONSTRAINT TABLE_NAME_pkey, ADD PRIMARY KEY (v)`}, "key"},
		"a_new_key":   {nil, []string{`ALTER TABLE TABLE_NAME DROP CONSTRAINT TABLE_NAME_pkey, ADD k int PRIMARY KEY`}, ""},
		"shown": {nil, []string{`ALTER TABLE TABLE_NAME RENAME secret TO open`},
			`column "open" is an excluded column under another name`},
		"gone":    {nil, []string{`DROP TABLE TABLE_NAME`}, ""},
		"renamed": {nil, []string{`ALTER TABLE TABLE_NAME RENAME TO other_name`}, ""},
		"swapped": {nil, []string{`ALTER TABLE TABLE_NAME RENAME TO former`, `CREATE TABLE TABLE_NAME (id int PRIMARY KEY)`}, "another"},
		"not_published": {nil, []string{`ALTER PUBLICATION PUBLICATION_NAME DROP TABLE TABLE_NAME`},
			"the table is no longer in the publication"},
		"not_published_meanwhile": {nil, []string{`ALTER PUBLICATION PUBLICATION_NAME DROP TABLE TABLE_NAME`,
			`ALTER PUBLICATION PUBLICATION_NAME ADD TABLE TABLE_NAME`}, "was taken out of the publication and put back"},
		"without_its_key": {nil, []string{`ALTER TABLE TABLE_NAME DROP CONSTRAINT TABLE_NAME_pkey`},
			"its updates and deletes are not replicated any more"},
		"detached": {[]string{`CREATE TABLE TABLE_NAME (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)`,
			`CREATE TABLE TABLE_NAME_1 PARTITION OF TABLE_NAME DEFAULT`}, []string{`ALTER TABLE TABLE_NAME DETACH PARTITION TABLE_NAME_1`},
			"a partition was detached"},
		"attached": {[]string{`CREATE TABLE TABLE_NAME (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)`,
			`CREATE TABLE TABLE_NAME_1 (id int PRIMARY KEY, v int)`}, []string{`ALTER TABLE TABLE_NAME ATTACH PARTITION TABLE_NAME_1 DEFAULT`},
			"was attached, and its rows were not sent"},
		"a_partition_is_made": {[]string{`CREATE TABLE TABLE_NAME (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)`},
			[]string{`CREATE TABLE TABLE_NAME_1 PARTITION OF TABLE_NAME DEFAULT`}, ""},
	}
	b := newBed(t)
	b.config.Shape.Sections = []shape.Section{{Label: "all", Matches: func(schema.TableName) bool { return true },
		Options: shape.Options{Exclude: []string{"secret"}}}}
	for name, c := range looks {
		if c.before == nil {
			c.before = []string{`CREATE TABLE TABLE_NAME (id int PRIMARY KEY, v int NOT NULL, secret text)`}
		}
		b.exec(statements(c.before, name, "")...)
	}
	p := b.open(nil)
	b.loaded(p)
	for name, c := range looks {
		b.exec(statements(c.then, name, p.link.Publications.All)...)
	}
	if err := p.application.spare(t.Context()); err != nil {
		t.Fatal(err)
	}
	marks, err := p.hidden(t.Context(), b.conn)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	state := p.ledger.State()
	for _, m := range marks {
		if found[m.Table.Name] != "" {
			t.Errorf("%s is marked twice", m.Table)
		}
		found[m.Table.Name] = m.Reason
		if s := state.Tables[m.Table]; m.Generation != s.Snapshot.Begin || m.LSN <= s.Begin.Fence || m.LSN < state.Position {
			t.Errorf("%s: the mark is %+v", m.Table, m)
		}
	}
	for name, c := range looks {
		failuretest.Reason(t, name, found[name], c.want)
	}
	// What finds no room is found again.
	handed, follow := make(chan []ledger.ReloadMark, 1), &follower{p: p}
	for range 2 {
		if err := follow.lookHidden(t.Context(), t.Context(), handed); err != nil || len(handed) != 1 {
			t.Errorf("handed on: %d, %v", len(handed), err)
		}
	}
	if got := <-handed; len(got) != len(marks) {
		t.Errorf("handed on are %d marks, want %d", len(got), len(marks))
	}
	// The ledger records new columns before a change shows them.
	next := b.open(nil)
	if _, err := next.CDC(t.Context(), t.Context(), CDCOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	for name, column := range map[string]string{"added": "c", "with_a_default": "c", "renamed_column": "w"} {
		ahead := next.ledger.State().Tables[public(name)].Ahead
		if ahead == nil || !slices.ContainsFunc(ahead.Columns, func(c schema.Column) bool { return c.Name == column }) {
			t.Errorf("%s: the ledger does not know column %s: %+v", name, column, ahead)
		}
	}
}
