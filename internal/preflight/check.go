// Package preflight checks both ends before anything is loaded, and returns findings about the server,
// the role, the slot, the publications, each table, the workspace and the spool. A check lists them. A
// run applies the same rules; they are in postgres, publication, target, origin and selection. The
// package writes nothing, and must not know the order of a run.
package preflight

import (
	"path/filepath"
	"slices"

	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/stage"
)

// Check collects findings of both ends. Either end may be absent: its error is then the finding.
type Check struct {
	Findings []finding.Finding
}

// Add adds findings.
func (c *Check) Add(findings ...finding.Finding) { c.Findings = append(c.Findings, findings...) }

// Failed adds what could not be opened.
func (c *Check) Failed(subject string, err error) { c.Add(finding.Of(subject, err)) }

// Err returns an error if there is a problem. Its kind is the first problem's.
func (c *Check) Err() error { return finding.Err(c.Findings) }

// has reports whether there are matching findings about a subject.
func (c *Check) has(subject string, fits func(*finding.Finding) bool) bool {
	return slices.ContainsFunc(c.Findings, func(f finding.Finding) bool { return f.Subject == subject && fits(&f) })
}

// Spool checks that the local disk can hold what is staged.
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

// NoSource adds that only the workspace is checked.
func (c *Check) NoSource() {
	c.Add(finding.Finding{Level: finding.Note, Subject: "source", What: "no source is configured: checking only the workspace"})
}
