package ledger

import (
	"slices"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestKey(t *testing.T) {
	columns := []schema.Column{{Name: "id"}, {Name: "code"}}
	for name, test := range map[string]struct {
		identity schema.Identity
		primary  []string
		want     []string
	}{
		"the primary key": {schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}},
			[]string{"id"}, []string{"id"}},
		"an index": {schema.Identity{Kind: schema.IdentityIndex, Columns: []string{"code"}},
			[]string{"id"}, []string{"code"}},
		"full with a primary key":    {schema.Identity{Kind: schema.IdentityFull}, []string{"id"}, []string{"id"}},
		"full without":               {schema.Identity{Kind: schema.IdentityFull}, nil, nil},
		"nothing with a primary key": {schema.Identity{Kind: schema.IdentityNothing}, []string{"id"}, []string{"id"}},
		"none at all":                {schema.Identity{Kind: schema.IdentityDefault}, nil, nil},
		"a key with a column not published": {schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id", "x"}},
			[]string{"id", "x"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			done := Done{Columns: columns, Identity: test.identity, PrimaryKey: test.primary}
			got := done.Key()
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
