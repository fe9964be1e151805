package finding

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

func TestAllProblemsAreOneError(t *testing.T) {
	err := All([]Finding{
		{Level: Note, What: "a note", Remedy: "nothing"},
		{Level: Problem, Kind: failure.Source, What: "one", Remedy: "do one"},
		{Level: Warning, What: "a warning", Remedy: "look"},
		{Level: Problem, Kind: failure.Usage, What: "two", Remedy: "do two"},
	})
	if err.Error() != "one; two" || failure.HintOf(err) != "do one; do two" || failure.KindOf(err) != failure.Source {
		t.Errorf("%q, hint %q, kind %d", err, failure.HintOf(err), failure.KindOf(err))
	}
	if err := All([]Finding{{Level: Warning, What: "a warning"}}); err != nil {
		t.Errorf("%v without a problem", err)
	}
}
