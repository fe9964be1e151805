// Package preflight looks at both ends before anything is loaded, and gives findings: the
// server, the role, the slot, the publications, each table, the workspace and the spool.
// A check lists them. The rules themselves are where a run finds them, too: in postgres,
// publication, target, origin and selection. It writes nothing, and must not know the
// order of a run.
package preflight

import (
	"path/filepath"
	"slices"

	"ingest/internal/finding"
	"ingest/internal/stage"
)

// Check collects findings of both ends. Either end may be absent: then its error is the
// finding.
type Check struct {
	Findings []finding.Finding
}

// Add adds findings.
func (c *Check) Add(findings ...finding.Finding) { c.Findings = append(c.Findings, findings...) }

// Failed notes what could not be opened.
func (c *Check) Failed(subject string, err error) { c.Add(finding.Of(subject, err)) }

// Err is an error if a problem was found; its kind is that of the first.
func (c *Check) Err() error { return finding.Err(c.Findings) }

// has says whether there are findings of a subject that fit.
func (c *Check) has(subject string, fits func(*finding.Finding) bool) bool {
	return slices.ContainsFunc(c.Findings, func(f finding.Finding) bool { return f.Subject == subject && fits(&f) })
}

// Spool makes sure that the local disk takes what is staged.
func (c *Check) Spool(dir, run string) {
	spool, err := stage.OpenSpool(dir, run)
	if err == nil {
		err = spool.Close()
	}
	if err != nil {
		c.Failed("spool", err)
		return
	}
	c.Add(finding.Finding{Level: finding.OK, Subject: "spool", What: filepath.Dir(spool.Dir()) + " can be written"})
}

// NoSource notes that only the workspace is looked at.
func (c *Check) NoSource() {
	c.Add(finding.Finding{Level: finding.Note, Subject: "source", What: "no source is configured: only the workspace is looked at"})
}
