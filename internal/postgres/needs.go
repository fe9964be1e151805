package postgres

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// Needs reports whether changes can be read from a server, by the server's own answers. It checks each
// need separately. It checks for a standby first, because on the primary the other answers may differ.
func (s *Source) Needs(f *Facts) []finding.Finding {
	out := s.NeedsPrimary(f)
	if f.WALLevel == "logical" {
		out = append(out, finding.Finding{Level: finding.OK, Subject: "source", What: "wal_level is logical"})
	} else {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What:   fmt.Sprintf("wal_level is %s on %s", f.WALLevel, s.Describe()),
			Why:    "changes can be decoded only with logical",
			Remedy: "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (on RDS: rds.logical_replication = 1)",
		})
	}
	if !f.MayReplicate {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What:   fmt.Sprintf("role %s may not replicate", f.User),
			Why:    "reading a slot needs the attribute REPLICATION",
			Remedy: fmt.Sprintf("%s (on RDS: %s)", letReplicate(f.User, false), letReplicate(f.User, true)),
		})
	}
	return out
}

// NeedsPrimary is the problem that the server is a standby; none if it is not.
func (s *Source) NeedsPrimary(f *Facts) []finding.Finding {
	if !f.Standby {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Problem, Kind: failure.Source, Subject: "source",
		What:   s.Describe() + " is a standby",
		Why:    "publications, locks and snapshots need the primary",
		Remedy: "set source.url to the primary's address; changes can be read from the standby with source.standby (PostgreSQL 16 and newer)",
	}}
}
