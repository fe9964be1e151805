package replicate

import (
	"regexp"
	"strings"
	"testing"

	"ingest/internal/config"
	"ingest/internal/postgres"
)

// Derived names are names of slots and, with their suffixes, of publications. No
// two databases, places or pipelines share one, however alike they begin.
func TestDerivedNames(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("x", 60)
	for _, database := range []string{"shop", "shop_a", long, long + "1", long + "2", "Größe 1", "größe 1", ""} {
		for _, pipeline := range []string{"default", "default_shop", long, long + "1"} {
			for _, catalog := range []string{"dev", "prod"} {
				p := &Pipeline{config: &config.Config{Pipeline: pipeline}, source: &postgres.Source{Facts: postgres.Facts{Database: database}}}
				p.config.Destination = config.Destination{Catalog: catalog, Schema: "bronze", Volume: "ingest"}
				name, what := p.derived(), strings.Join([]string{database, pipeline, catalog}, " ")
				if !regexp.MustCompile(`^ingest_[a-z0-9_]+_[0-9a-f]{8}$`).MatchString(name) || len(name)+len("_inserts") > 63 {
					t.Errorf("%s: %s", what, name)
				}
				if other, taken := seen[name]; taken {
					t.Errorf("%s and %s have the name %s", other, what, name)
				}
				seen[name] = what
				if !isDerived(name, name) || !isDerived(name+"_2", name) || isDerived(name+"_settle", name) || isDerived(name+"2", name) {
					t.Errorf("%s: which names are derived from it?", name)
				}
				if elsewhere := name[:len(name)-hashDigits] + "0123abcd"; !sameButHash(elsewhere, name) || sameButHash(elsewhere+"x", name) {
					t.Errorf("%s: is %s of another place?", name, elsewhere)
				}
			}
		}
	}
}
