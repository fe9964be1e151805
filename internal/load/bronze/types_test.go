package bronze

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

var number = schema.Type{Kind: schema.Int32}

// A target fits if it has all columns, with types that the staged ones can be
// converted to.
func TestMisfitOfATarget(t *testing.T) {
	wide := schema.Type{Kind: schema.Int64}
	for name, c := range map[string]struct {
		typ     string // of the target's column; "" for none
		staged  schema.Type
		without string // metadata column
		want    string
	}{
		"the same":             {"INT", number, "", ""},
		"narrower":             {"INT", wide, "", ""},
		"wider":                {"BIGINT", number, "", ""},
		"of another type":      {"STRING", number, "", `has column "v" as STRING, but the staged type is INT`},
		"of an unknown type":   {"INTERVAL DAY", number, "", ""},
		"without it":           {"", number, "", `has no column "v"`},
		"without the entry":    {"INT", number, schema.MetaEntry, `has no column "_entry"`},
		"without what is last": {"INT", number, schema.MetaLoadedTS, `has no column "_loaded_ts"`},
	} {
		var target []databricks.Column
		for _, m := range schema.MetaColumns {
			if m.Name != c.without {
				target = append(target, databricks.Column{Name: m.Name, Type: m.Type.String()})
			}
		}
		if c.typ != "" {
			target = append(target, databricks.Column{Name: "V", Type: c.typ})
		}
		if got := Misfit([]schema.Column{{Name: "v", Type: c.staged}}, target); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	types := TypesOf([]databricks.Column{{Name: "A", Type: "INT"}, {Name: "b", Type: "INTERVAL DAY"}})
	if diff := cmp.Diff(Types{"a": number, "b": {}}, types); diff != "" {
		t.Error(diff)
	}
}
