package load

import (
	"errors"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Each object beside a log needs a name of its own. A table that shares one is
// left alone. So is a table that cannot be kept as configured. The others are
// loaded.
func TestNamesBesideALogAreNotShared(t *testing.T) {
	state := ledger.NewState()
	for i, name := range []string{"a", "b", "c"} {
		n := schema.TableName{Schema: "public", Name: name}
		state.Tables[n] = &ledger.TableState{Table: n, OID: uint32(7 + i), Snapshot: &ledger.Done{Begin: 5, OID: uint32(7 + i), Directory: "d"}}
	}
	for name, test := range map[string]struct {
		kept map[string][]string
		err  string   // of table a
		want []string // tables that are refused
		text string
	}{
		"nothing":            {},
		"names of their own": {kept: map[string][]string{"a": {"a_current", "a_current_data"}, "b": {"b_current"}}},
		"a log's": {
			kept: map[string][]string{"a": {"B"}}, want: []string{"a", "b"}, text: "tables public.a and public.b both need the name",
		},
		"that of what another keeps": {
			kept: map[string][]string{"a": {"x"}, "c": {"X"}}, want: []string{"a", "c"}, text: "tables public.a and public.c both need the name",
		},
		"its own log's":     {kept: map[string][]string{"b": {"B"}}, want: []string{"b"}, text: "table public.b needs the name"},
		"its own twice":     {kept: map[string][]string{"b": {"x", "x"}}, want: []string{"b"}, text: "for two things: it is not loaded"},
		"it cannot be kept": {err: "it has no key", want: []string{"a"}, text: "it has no key"},
	} {
		l := &Loader{
			Target: func(t schema.TableName) databricks.Table { return databricks.Table{Name: t.Name} },
			Kept: func(t *ledger.TableState) (names []databricks.Table, err error) {
				for _, n := range test.kept[t.Table.Name] {
					names = append(names, databricks.Table{Name: n})
				}
				if t.Table.Name == "a" && test.err != "" {
					err = errors.New(test.err)
				}
				return names, err
			},
		}
		todo, rest := l.choose(state, &loads.Cache{Tables: map[schema.TableName]loads.Table{}}, Options{})
		var refused []string
		for _, r := range rest {
			refused = append(refused, r.Table.Name)
			if r.Err == nil || !strings.Contains(r.Err.Error(), test.text) {
				t.Errorf("%s: %v, want %q", name, r.Err, test.text)
			}
		}
		if strings.Join(refused, " ") != strings.Join(test.want, " ") || len(todo) != 3-len(test.want) {
			t.Errorf("%s: %q are refused and %d loaded, want %q", name, refused, len(todo), test.want)
		}
	}
}
