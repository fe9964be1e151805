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

// Snapshots alone need nothing of the server. What changes would need is still listed, without the advice to do without them.
func TestWhatSnapshotsAloneNeed(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://db.example:5432/shop")
	if err != nil {
		t.Fatal(err)
	}
	facts := Facts{WALLevel: "replica", Standby: true, User: "reader"}
	s := &Source{endpoint: endpoint{config: config}, Facts: facts}
	if got := s.Needs(&facts); len(got) != 3 || !strings.Contains(got[0].Remedy+got[1].Remedy+got[2].Remedy, `source.changes = "none"`) {
		t.Errorf("%+v, want three problems, and how to do without changes", got)
	}
	s.opt.Alone = true
	if got := s.Needs(&facts); len(got) != 0 {
		t.Errorf("%+v, want no problem", got)
	}
	if got := s.NeedsOfChanges(&facts); len(got) != 3 || strings.Contains(got[0].Remedy+got[1].Remedy+got[2].Remedy, "none") {
		t.Errorf("%+v, want three problems without that advice", got)
	}
	if got := s.OnStandby(true); len(got) != 1 || len(s.OnStandby(false)) != 2 {
		t.Errorf("%+v, want a note, and a warning without hot_standby_feedback", got)
	}
	s.Facts.Standby = false
	if got := s.OnStandby(false); got != nil {
		t.Errorf("%+v on a primary", got)
	}
}
