package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// Each thing that a server lacks is one problem. Check and a run use the same sentence.
func TestWhatAServerMustHave(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://db.example:5432/shop")
	if err != nil {
		t.Fatal(err)
	}
	s := &Source{endpoint: endpoint{config: config}}
	for what, c := range map[string]struct {
		facts Facts
		want  []string // with the remedies
	}{
		"nothing is missing": {Facts{WALLevel: "logical", MayReplicate: true}, nil},
		"wal_level": {Facts{WALLevel: "replica", MayReplicate: true},
			[]string{"wal_level is replica on db.example:5432/shop: changes can be decoded only with logical; ALTER SYSTEM SET wal_level = 'logical'; then restart"}},
		"REPLICATION": {Facts{WALLevel: "logical", User: "reader"},
			[]string{`role reader may not replicate: reading a slot needs the attribute REPLICATION; ALTER ROLE "reader" REPLICATION;`}},
		"a standby, of which the rest is not right either": {Facts{WALLevel: "replica", Standby: true, MayReplicate: true},
			[]string{"db.example:5432/shop is a standby: publications, locks and snapshots need the primary; set source.url",
				"wal_level is replica"}},
	} {
		var got []string
		for _, f := range s.Needs(&c.facts) {
			if f.Level == finding.Problem {
				got = append(got, f.Err().Error()+"; "+failure.HintOf(f.Err()))
			}
		}
		for i := range max(len(got), len(c.want)) {
			if i >= len(got) || i >= len(c.want) || !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: %q, want %q", what, got, c.want)
				break
			}
		}
	}
}
