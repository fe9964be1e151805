package finding

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// A check counts its problems. Its exit code and hint are the first problem's. A run takes the first
// problem and ignores all lower levels.
func TestProblemsOfACheckAndOfARun(t *testing.T) {
	well := Finding{Level: OK, Subject: "source", What: "wal_level is logical"}
	warning := Finding{Level: Warning, Subject: "slot", What: "it is old", Remedy: "cdc"}
	bare := Finding{Level: Problem, Subject: "source", What: "it is a standby", Why: "locks need the primary", Kind: failure.Source}
	fixed := Finding{Level: Problem, Subject: "slot", What: "it is gone", Remedy: "100%", Kind: failure.Conflict}
	for what, c := range map[string]struct {
		findings         []Finding
		kind             failure.Kind
		check, run, hint string
	}{
		"none":        {nil, 0, "", "", ""},
		"nothing bad": {[]Finding{well, warning}, 0, "", "", ""},
		"a problem":   {[]Finding{well, fixed}, failure.Conflict, "1 of 2 checks failed: slot: it is gone", "it is gone", "100%"},
		"two, of which one fixed": {[]Finding{bare, warning, fixed}, failure.Source,
			"2 of 3 checks failed: source: it is a standby", "it is a standby: locks need the primary", ""},
	} {
		for _, one := range []struct {
			err  error
			want string
		}{{Err(c.findings), c.check}, {First(c.findings), c.run}} {
			if (one.err == nil) != (one.want == "") {
				t.Errorf("%s: %v, want %q", what, one.err, one.want)
				continue
			}
			if one.err != nil && (one.err.Error() != one.want || failure.KindOf(one.err) != c.kind || failure.HintOf(one.err) != c.hint) {
				t.Errorf("%s: %v (kind %d, hint %q)", what, one.err, failure.KindOf(one.err), failure.HintOf(one.err))
			}
		}
	}
	of := Of("ledger", failure.New(failure.Destination, "no answer").WithHint("try again"))
	if of != (Finding{Level: Problem, Subject: "ledger", What: "no answer", Remedy: "try again", Kind: failure.Destination}) {
		t.Errorf("of an error: %+v", of)
	}
}
