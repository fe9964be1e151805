package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Server checks the server and the role alone.
func (c *Check) Server(s *postgres.Source) {
	f := &s.Facts
	c.Add(finding.Finding{
		Level: finding.OK, Subject: "source", What: fmt.Sprintf("PostgreSQL %s at %s, role %s", f.VersionStr, s.Describe(), f.User),
	})
	c.Add(s.Needs(f)...)
	c.Add(defects(f, s.Alone())...)
	c.Add(inClear(s.ClearPassword())...)
}

// inClear warns that a man in the middle, or an impostor of the server, can read the password that goes
// to host; "" if it is encrypted.
func inClear(host string) []finding.Finding {
	if host == "" {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Warning, Subject: "source",
		What:   fmt.Sprintf("sslmode lets the password go to %s unencrypted", host),
		Why:    "disable, allow and prefer (the default) connect without encryption if the server does not insist on it",
		Remedy: "sslmode=verify-full with sslrootcert (source.url, PGSSLMODE, PGSSLROOTCERT); at least sslmode=require",
	}}
}

// defects warns about settings and versions that make a run fail, or lose something, in rare cases.
// alone means that the pipeline has no publications.
func defects(f *postgres.Facts, alone bool) (out []finding.Finding) {
	if f.OldSnapshots != "" {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: "source",
			What:   "old_snapshot_threshold is " + f.OldSnapshots,
			Why:    "reading a table for longer than that fails with \"snapshot too old\"",
			Remedy: "ALTER SYSTEM SET old_snapshot_threshold = -1; and restart the server",
		})
	}
	for _, fixed := range []int{170005, 160009, 150013, 140018} {
		if !alone && f.Version/10000 == fixed/10000 && f.Version < fixed {
			out = append(out, finding.Finding{
				Level: finding.Warning, Subject: "source",
				What:   "PostgreSQL " + f.VersionStr + " has a defect in its cache of publications",
				Why:    "a transaction that is open while a table is added to a publication may lose later changes",
				Remedy: fmt.Sprintf("upgrade to %d.%d or newer", fixed/10000, fixed%10000),
			})
		}
	}
	return out
}

// sessionsBeside is how many sessions a run has besides those that read tables.
const sessionsBeside = 5

// capacity reports whether the sessions of a run find room, and whether they belong to the server
// itself.
func (l *look) capacity(ctx context.Context, conn *pgx.Conn) error {
	source := l.Link.Source
	limits, err := source.Sessions(conn).Capacity(ctx)
	if err != nil {
		return err
	}
	l.Add(room(limits, max(1, l.Config.Source.Jobs), l.Link.Standby == nil && l.Link.Replicates())...)
	if crowded(limits, l.Link.Replicates()) {
		return nil
	}
	how, shared, err := source.Sessions(conn).Pooled(ctx)
	if l.Link.Replicates() || shared {
		l.Add(pooler(how, shared, source.PoolerHint())...)
	} else if how != "" {
		l.Add(finding.Finding{Level: finding.Note, Subject: "source", What: "a pooler is in between, which keeps sessions apart: " + how})
	}
	return err
}

// crowded reports that there is no room to look further, which takes a session and, with a slot, a WAL
// sender.
func crowded(limits *postgres.Capacity, streams bool) bool {
	return streams && limits.Senders.Free() <= 0 || limits.Tightest().Free() < 2
}

// pooler is what a pooler between this program and the server means. how tells it apart; "" if there is
// none.
func pooler(how string, shared bool, hint string) []finding.Finding {
	switch {
	case shared:
		return []finding.Finding{{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What: "a pooler that shares sessions is in between: " + how,
			Why:  "locks, settings and snapshots of a run would belong to other sessions", Remedy: hint,
		}}
	case how != "":
		return []finding.Finding{{
			Level: finding.Warning, Subject: "source",
			What: "a pooler is in between: " + how, Why: "it may end sessions, or give them to others", Remedy: hint,
		}}
	}
	return nil
}

// room reports whether a run with this many readers finds room. streams means that the run reads the
// slot on this server.
func room(limits *postgres.Capacity, readers int, streams bool) (out []finding.Finding) {
	need := sessionsBeside + readers
	if l := limits.Tightest(); l.Free() < need {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: "source",
			What:   fmt.Sprintf("%s has %d of %d connections free, and a run takes up to %d", l.What, max(0, l.Free()), l.Most, need),
			Why:    "without a free connection the run fails: too many connections (SQLSTATE 53300)",
			Remedy: fmt.Sprintf("%s; or lower source.jobs (--jobs), each of which takes one", strings.TrimSuffix(l.Raise, ";")),
		})
	}
	if l := limits.Senders; l.Free() <= 0 && streams {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: "source",
			What:   fmt.Sprintf("all %d WAL senders (max_wal_senders) are in use", l.Most),
			Why:    "a run identifies the server, and follows it, through the replication protocol",
			Remedy: l.Raise + ", or end a reader that is not needed: SELECT pid, usename, application_name FROM pg_stat_replication;",
		})
	}
	return out
}
