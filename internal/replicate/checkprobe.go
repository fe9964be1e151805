package replicate

import (
	"fmt"

	"ingest/internal/failure"
	"ingest/internal/probe"
)

// NoSource notes that only the workspace is looked at.
func (c *Checker) NoSource() {
	c.add(Note, "source", "no source is configured: only the workspace is looked at", "", "")
}

// Probed notes what a probe of the workspace found.
func (c *Checker) Probed(r *probe.Report) {
	for _, a := range r.Of(probe.Wrong) {
		c.problem(failure.Destination, "probe", fmt.Sprintf("%s: %s (expected: %s)", a.ID, a.Seen, a.Expected), a.Means,
			"ingest is not built for this answer, and the pipeline does not start: send the output of `ingest check --probe -o json` to its developers, "+
				"or use a newer ingest")
	}
	for _, a := range r.Of(probe.Unasked) {
		if a.Essential {
			c.problem(failure.Destination, "probe", fmt.Sprintf("%s has no answer: %s", a.ID, a.Seen), "runs rest on it", "ingest check --probe")
			continue
		}
		c.add(Note, "probe", fmt.Sprintf("%s has no answer: %s", a.ID, a.Seen), "", "")
	}
	if len(r.Of(probe.Wrong)) == 0 && r.Complete() {
		c.add(OK, "probe", fmt.Sprintf("the workspace is what ingest is built for (%d questions)", len(r.Answers)), "", "")
	}
}
