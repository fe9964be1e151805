package postgres

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// Alone reports that snapshots are all that is read.
func (s *Source) Alone() bool { return s.opt.Alone }

// Needs reports whether what the pipeline reads can be read from a server, by the server's own answers.
// Snapshots alone need nothing but the right to read the tables.
func (s *Source) Needs(f *Facts) []finding.Finding {
	if s.opt.Alone {
		return nil
	}
	return s.NeedsOfChanges(f)
}

// alone is how to do without the changes.
const alone = `; or load snapshots alone, without changes: source.changes = "none"`

// NeedsOfChanges reports whether changes can be read from a server. It checks each need separately. It
// checks for a standby first, because on the primary the other answers may differ.
func (s *Source) NeedsOfChanges(f *Facts) []finding.Finding {
	out := s.NeedsPrimary(f)
	if f.WALLevel == "logical" {
		out = append(out, finding.Finding{Level: finding.OK, Subject: "source", What: "wal_level is logical"})
	} else {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What:   fmt.Sprintf("wal_level is %s on %s", f.WALLevel, s.Describe()),
			Why:    "changes can be decoded only with logical",
			Remedy: "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (on RDS: rds.logical_replication = 1)" + s.alone(),
		})
	}
	if !f.MayReplicate {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What:   fmt.Sprintf("role %s may not replicate", f.User),
			Why:    "reading a slot needs the attribute REPLICATION",
			Remedy: fmt.Sprintf("%s (on RDS: %s)", letReplicate(f.User, false), letReplicate(f.User, true)) + s.alone(),
		})
	}
	return out
}

// alone adds how to do without changes, for a pipeline that reads them.
func (s *Source) alone() string {
	if s.opt.Alone {
		return ""
	}
	return alone
}

// NeedsPrimary is the problem that the server is a standby; none if it is not.
func (s *Source) NeedsPrimary(f *Facts) []finding.Finding {
	if !f.Standby {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Problem, Kind: failure.Source, Subject: "source",
		What: s.Describe() + " is a standby",
		Why:  "publications, locks and snapshots need the primary",
		Remedy: "set source.url to the primary's address; changes can be read from the standby with source.standby (PostgreSQL 16 and newer)" +
			s.alone(),
	}}
}

// OnStandby reports how a standby serves snapshots that are read for long; nil on a primary.
func (s *Source) OnStandby(feedback bool) []finding.Finding {
	if !s.Facts.Standby {
		return nil
	}
	out := []finding.Finding{{
		Level: finding.Note, Subject: "source", What: s.Describe() + " is a standby",
		Why: "a full load shows what it has replayed by then, which may be behind the primary",
	}}
	if !feedback {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: "source", What: "hot_standby_feedback is off on the standby",
			Why: "the primary removes old rows that a full load still reads; " +
				"the standby then ends the read once max_standby_streaming_delay is over",
			Remedy: "on the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); " +
				"or raise max_standby_streaming_delay there",
		})
	}
	return out
}
