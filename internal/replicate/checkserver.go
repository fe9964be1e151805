package replicate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/postgres"
)

// clearPassword warns where the password may be sent unencrypted: whoever stands
// in between, or answers in the server's place, reads it.
func (c *Checker) clearPassword(s *postgres.Source) {
	if host := s.ClearPassword(); host != "" {
		c.add(Warning, "source", fmt.Sprintf("sslmode lets the password go to %s unencrypted", host),
			"disable, allow and prefer (which holds where nothing is said) do without encryption where the server does",
			"sslmode=verify-full with sslrootcert (source.url, PGSSLMODE, PGSSLROOTCERT); at least sslmode=require")
	}
}

// sessionsBeside is how many sessions a run has beside those that read tables.
const sessionsBeside = 5

// capacity says whether the sessions of a run find room, and whether they are
// the server's own.
func (c *Checker) capacity(ctx context.Context, p *Pipeline, conn *pgx.Conn) error {
	limits, err := p.source.Capacity(ctx, conn)
	if err != nil {
		return err
	}
	need := sessionsBeside + max(1, p.config.Source.Jobs)
	if l := limits.Tightest(); l.Free() < need {
		c.add(Warning, "source", fmt.Sprintf("%s has %d of %d connections free, and a run takes up to %d", l.What, max(0, l.Free()), l.Most, need),
			"what finds none ends the run: too many connections (SQLSTATE 53300)", fmt.Sprintf("%s; or lower source.jobs (--jobs), each of which takes one",
				strings.TrimSuffix(l.Raise, ";")))
	}
	if l := limits.Senders; l.Free() <= 0 && p.standby == nil {
		c.add(Problem, "source", fmt.Sprintf("all %d WAL senders (max_wal_senders) are in use", l.Most),
			"a run asks who the server is, and follows, by the replication protocol",
			l.Raise+", or end a reader that is not needed: SELECT pid, usename, application_name FROM pg_stat_replication;")
	}
	if limits.Senders.Free() <= 0 || limits.Tightest().Free() < 2 {
		return nil // no room to look further
	}
	how, shared, err := p.source.Pooled(ctx, conn)
	switch {
	case err != nil:
		return err
	case shared:
		c.add(Problem, "source", "a pooler that shares sessions is in between: "+how, "locks, settings and snapshots of a run would be another one's",
			postgres.PoolerHint)
	case how != "":
		c.add(Warning, "source", "a pooler is in between: "+how, "it may end sessions, or give them to others", postgres.PoolerHint)
	}
	return nil
}
