package preflight

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/probe"
)

// Probed adds what a probe of the workspace found.
func (c *Check) Probed(r *probe.Report) {
	for _, a := range r.Of(probe.Wrong) {
		c.Add(finding.Finding{
			Level: finding.Problem, Kind: failure.Destination, Subject: "probe",
			What: fmt.Sprintf("%s: %s (expected: %s)", a.ID, a.Seen, a.Expected), Why: a.Means,
			Remedy: "ingest does not support this answer, and the pipeline does not start: " +
				"send the output of `ingest check --probe -o json` to its developers, " +
				"or use a newer ingest",
		})
	}
	for _, a := range r.Of(probe.Unasked) {
		what := fmt.Sprintf("%s has no answer: %s", a.ID, a.Seen)
		if a.Essential {
			c.Add(finding.Finding{
				Level: finding.Problem, Kind: failure.Destination, Subject: "probe", What: what, Why: "runs depend on it",
				Remedy: "ingest check --probe",
			})
			continue
		}
		c.Add(finding.Finding{Level: finding.Note, Subject: "probe", What: what})
	}
	if len(r.Of(probe.Wrong)) == 0 && r.Complete() {
		c.Add(finding.Finding{
			Level: finding.OK, Subject: "probe", What: fmt.Sprintf("the workspace behaves as ingest expects (%d questions)", len(r.Answers)),
		})
	}
}
