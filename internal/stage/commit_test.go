package stage

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
)

// A commit message that was damaged in transit ends the run before its end LSN
// becomes the ledger's position.
func TestDamagedCommit(t *testing.T) {
	begin := &pgoutput.Message{Begin: pgoutput.BeginBody{FinalLSN: 0x1000, CommitMicros: 77, XID: 5}}
	for name, test := range map[string]struct {
		commit pgoutput.CommitBody
		good   bool
	}{
		"whole":         {pgoutput.CommitBody{CommitLSN: 0x1000, EndLSN: 0x1030, CommitMicros: 77}, true},
		"another begin": {pgoutput.CommitBody{CommitLSN: 0x1001, EndLSN: 0x1030, CommitMicros: 77}, false},
		"shifted":       {pgoutput.CommitBody{CommitLSN: 0x1000, EndLSN: 0x103000, CommitMicros: 77<<8 | 'd'}, false},
		"no end":        {pgoutput.CommitBody{CommitLSN: 0x1000, EndLSN: 0x1000, CommitMicros: 77}, false},
	} {
		c := &collector{stager: &Stager{}, state: &ledger.State{}}
		if err := c.begin(begin); err != nil {
			t.Fatal(err)
		}
		err := c.commit(&pgoutput.Message{Commit: test.commit})
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
		if want := test.good; (c.lastEnd == test.commit.EndLSN) != want {
			t.Errorf("%s: the end is %s", name, c.lastEnd)
		}
	}
}
