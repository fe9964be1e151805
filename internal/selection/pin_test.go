package selection

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A pinned configuration selects the same tables, whatever schemas it then names.
func TestPinnedTables(t *testing.T) {
	t.Parallel()
	var all []postgres.Relation
	for i, name := range []schema.TableName{
		public("a"), public("ab"), {Schema: "sales", Name: "a"}, {Schema: "sales", Name: "c.d"}, {Schema: "x y", Name: "a"},
	} {
		r := postgres.Relation{}
		r.Name, r.OID = name, uint32(i+1)
		all = append(all, r)
	}
	for _, c := range []struct{ schemas, tables, exclude, wantSchemas, wantTables string }{
		{"public,sales", "", "", "public,sales", ""},
		{"public", "a", "", "public", "public.a"},
		{"public", "a*", "", "public", "public.a*"},
		{"public,sales", "a", "", "public,sales", "public.a,sales.a"},
		{"public", "a,sales.*", "", "public,sales", "public.a,sales.*"},
		{"public", "sales.*", "", "sales", ""},
		{"public", "public.*,x y.*", "", "public,x y", ""},
		{"public", "sales.*", "a", "sales", "sales.*"},
		{"public", `sales."c.d"`, "", "sales", `sales."c.d"`},
		{"public", "*.a", "", "public,sales,x y", "*.a"},
	} {
		var environment []string
		for name, value := range map[string]string{"SCHEMAS": c.schemas, "TABLES": c.tables, "EXCLUDE": c.exclude} {
			environment = append(environment, "INGEST_SOURCE_"+name+"="+value)
		}
		was, err := config.Read(config.Inputs{NoFile: true, Environment: environment})
		if err != nil {
			t.Fatal(err)
		}
		pinned := *was
		if err := Pin(&pinned, all); err != nil {
			t.Fatal(err)
		}
		var tables []string
		for _, p := range pinned.Source.Tables {
			tables = append(tables, p.String())
		}
		check(t, c.tables+": schemas", strings.Join(pinned.Source.Schemas, ","), c.wantSchemas)
		check(t, c.tables+": tables", strings.Join(tables, ","), c.wantTables)
		for _, r := range all {
			if was.Source.Selects(r.Name) != pinned.Source.Selects(r.Name) {
				t.Errorf("%s: %s is selected %v, pinned %v", c.tables, r.Name, was.Source.Selects(r.Name), pinned.Source.Selects(r.Name))
			}
		}
	}
}
