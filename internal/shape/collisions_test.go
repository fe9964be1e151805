package shape

import (
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

// columnsOf are columns of type text.
func columnsOf(names ...string) (columns []schema.Column) {
	for _, n := range names {
		columns = append(columns, schema.Column{Name: n, Postgres: text})
	}
	return columns
}

// found are problems as messages have them, with the remedy's line of the configuration.
func found(problems []Problem) (out []string) {
	for _, p := range problems {
		line, _, _ := strings.Cut(strings.TrimPrefix(p.Remedy, "give it another name: "), " in the configuration")
		out = append(out, p.What+" -> "+line)
	}
	return out
}

// Every column that cannot have its name is found at once, each with a line of its own.
func TestAllNamesThatCollide(t *testing.T) {
	const here = ` under [tables."public.orders"]`
	for what, c := range map[string]struct {
		rules       Rules
		columns     []schema.Column
		log, beside []string
	}{
		"nothing": {Rules{}, columnsOf("id", "Name", "op", "snapshot"), nil, nil},
		"five of one table": {Rules{}, columnsOf("id", "Name", "name", "NAME", "_op", "_LSN", "${x}"), []string{
			`columns "Name" and "name" differ only in case, and Delta does not distinguish them -> rename."name" = "name_2"` + here,
			`columns "Name" and "NAME" differ only in case, and Delta does not distinguish them -> rename."NAME" = "NAME_3"` + here,
			`column "_op" has the name of a metadata column -> rename."_op" = "op"` + here,
			`column "_LSN" has the name of a metadata column -> rename."_LSN" = "LSN"` + here,
			`the name of column "${x}" holds ${…} -> rename."${x}" = "x"` + here,
		}, nil},
		"names that are taken": {Rules{}, columnsOf("op", "OP_2", "_op", "name", "name_2", "Name"), []string{
			`column "_op" has the name of a metadata column -> rename."_op" = "op_3"` + here,
			`columns "name" and "Name" differ only in case, and Delta does not distinguish them -> rename."Name" = "Name_3"` + here,
		}, nil},
		"normalized": {Rules{Naming: NamingSnake}, columnsOf("a-b", "a b", "aB", "Op", "_Op"), []string{
			`columns "a-b" and "a b" would both become "a_b" -> rename."a b" = "a_b_2"` + here,
			`columns "a-b" and "aB" would both become "a_b" -> rename."aB" = "a_b_3"` + here,
			`column "_Op" has the name of a metadata column -> rename."_Op" = "op_2"` + here,
		}, nil},
		"beside the log": {Rules{}, columnsOf("_snapshot", "__start_at", "_end_entry", "_SNAPSHOT"), []string{
			`columns "_snapshot" and "_SNAPSHOT" differ only in case, and Delta does not distinguish them` +
				` -> rename."_SNAPSHOT" = "SNAPSHOT_2"` + here,
		}, []string{
			`column "_snapshot" has the name of a metadata column of the tables beside the log -> rename."_snapshot" = "snapshot"` + here,
			`column "__start_at" has the name of a metadata column of the tables beside the log -> rename."__start_at" = "start_at"` + here,
			`column "_end_entry" has the name of a metadata column of the tables beside the log -> rename."_end_entry" = "end_entry"` + here,
		}},
		"quotes": {Rules{}, columnsOf("a", `${"\}`), []string{
			`the name of column "${\"\\}" holds ${…} -> rename."${\"\\}" = "\"\\"` + here,
		}, nil},
		"a section without a rename": {Rules{Sections: []Section{{Label: "[tables.orders]", Exact: true,
			Matches: func(schema.TableName) bool { return true }}}}, columnsOf("a", "A"), []string{
			`columns "a" and "A" differ only in case, and Delta does not distinguish them -> rename."A" = "A_2" under [tables.orders]`}, nil},
		"a section with a rename": {Rules{Sections: []Section{{Label: "[tables.orders]", Exact: true, Options: Options{
			Rename: map[string]string{"b": "A"}}, Matches: func(schema.TableName) bool { return true }}}}, columnsOf("a", "b"), []string{
			`columns "a" and "b" would both become "A" -> rename = { …, "b" = "A_2" } under [tables.orders]`}, nil},
		"a section of a pattern": {Rules{Sections: []Section{{Label: "[tables.\"*\"]",
			Matches: func(schema.TableName) bool { return true }}}}, columnsOf("a", "A"), []string{
			`columns "a" and "A" differ only in case, and Delta does not distinguish them -> rename."A" = "A_2"` + here}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			s := c.rules.Of(schema.TableName{Schema: "public", Name: "orders"})
			moved := s.Columns(c.columns)
			if diff := cmp.Diff(c.log, found(s.CheckNames(moved))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.beside, found(s.CheckBeside(moved))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A name that is as long as names may be gives up its last characters.
func TestLongNamesThatCollide(t *testing.T) {
	long := strings.Repeat("é", 127) + "a"
	s := (&Rules{}).Of(orders)
	problems := s.CheckNames(columnsOf(long, strings.ToUpper(long)))
	want := ` = "` + strings.Repeat("É", 126) + `_2"`
	if len(problems) != 1 || !strings.Contains(problems[0].Remedy, want) {
		t.Errorf("%v, want %s", problems, want)
	}
}

// The lines of all problems together, read as TOML, leave no problem.
func TestAllLinesTogetherFixATable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{"_op", "_OP", "op", "OP_2", "_snapshot", "snapshot", "__END_AT", "end_at", "${x}", "x", "X_2", "a b",
				"a-b", "aB"}),
			rapid.StringMatching(`[_aAbB"\\é-]{1,4}|\$\{[aA_]*\}`), rapid.StringMatching(`[aAé]{126,127}`),
		)
		names := rapid.SliceOfNDistinct(name, 1, 12, rapid.ID).Draw(t, "names")
		r := Rules{Naming: rapid.SampledFrom([]Naming{NamingKeep, NamingSnake}).Draw(t, "naming")}
		s := r.Of(orders)
		moved := s.Columns(columnsOf(names...))
		lines := ""
		for _, p := range slices.Concat(s.CheckNames(moved), s.CheckBeside(moved)) {
			line, _, _ := strings.Cut(strings.TrimPrefix(p.Remedy, "give it another name: "), " under [tables.")
			lines += line + "\n"
		}
		var options struct{ Rename map[string]string }
		if _, err := toml.Decode(lines, &options); err != nil {
			t.Fatalf("%v:\n%s", err, lines)
		}
		r.Sections = []Section{{Exact: true, Matches: func(schema.TableName) bool { return true }, Options: Options{Rename: options.Rename}}}
		s = r.Of(orders)
		moved = s.Columns(columnsOf(names...))
		if left := slices.Concat(s.CheckNames(moved), s.CheckBeside(moved)); len(left) > 0 {
			t.Fatalf("%v after\n%s", left, lines)
		}
		for _, to := range options.Rename {
			if len(to) == 0 || len(to) > maxName {
				t.Fatalf("a name of %d bytes", len(to))
			}
		}
	})
}
