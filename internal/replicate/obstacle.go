package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/segment"
	"ingest/internal/stage"
)

// obstacle is what keeps one table from being loaded while others can be.
type obstacle struct{ what, why, remedy string }

// obstacles looks for what would make the table's snapshot or its publication
// fail. A preflight reports them all; a full load gives the first as the
// table's error and goes on with the others.
func (p *Pipeline) obstacles(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) []obstacle {
	var out []obstacle
	user := p.source.Facts.User
	if !r.Readable {
		out = append(out, obstacle{fmt.Sprintf("role %s may not read it", user), "", p.grantSelect(r)})
	}
	if !p.published(r, pubs) && !r.Owned {
		out = append(out, obstacle{
			fmt.Sprintf("it is not published, and role %s does not own it", user), "only a table's owner can add it to a publication",
			"as a superuser: " + p.publishAll(),
		})
	}
	if err := stage.CheckNames(&r.Table); err != nil {
		out = append(out, obstacle{strings.TrimPrefix(err.Error(), r.Name.String()+": "), "", failure.HintOf(err)})
	}
	return out
}

// published says whether one of the pipeline's publications holds the table.
func (p *Pipeline) published(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) bool {
	return slices.ContainsFunc(p.pubs.Names(), func(n string) bool { return pubs[n] != nil && pubs[n].Has(r.OID) })
}

// grantSelect is the SQL that lets the role read a table and its partitions,
// which are read one by one.
func (p *Pipeline) grantSelect(r *postgres.Relation) string {
	user := schema.QuotePostgres(p.source.Facts.User)
	tables := []string{r.Name.SQL()}
	schemas := []string{schema.QuotePostgres(r.Name.Schema)}
	for _, l := range r.Leaves {
		if l.OID == r.OID {
			continue
		}
		tables = append(tables, l.Name.SQL())
		if s := schema.QuotePostgres(l.Name.Schema); !slices.Contains(schemas, s) {
			schemas = append(schemas, s)
		}
	}
	return fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s;", strings.Join(schemas, ", "), user, strings.Join(tables, ", "), user)
}

// publishAll is the SQL by which a superuser publishes every table, for a role
// that owns none.
func (p *Pipeline) publishAll() string {
	sql := "CREATE PUBLICATION " + schema.QuotePostgres(p.pubs.All) + " FOR ALL TABLES WITH (publish_via_partition_root = true);"
	if p.config.Source.Publication == "" {
		return sql + " (or set source.publication to one that holds the table)"
	}
	return sql
}

// refuse splits the relations into those that can be loaded and those that
// cannot, whose errors go into the summary. If none is left, the first error
// is returned.
func (p *Pipeline) refuse(ctx context.Context, conn *pgx.Conn, s *Summary, relations []postgres.Relation) ([]postgres.Relation, error) {
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	var first error
	left := slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool {
		found := p.obstacles(&r, pubs)
		if len(found) == 0 {
			return false
		}
		err := failure.New(failure.Source, "table %s: %s", r.Name, found[0].what).WithHint("%s", found[0].remedy)
		if first == nil {
			first = err
		}
		p.log.Error("the table cannot be loaded; the others go on", "table", r.Name.String(), "because", found[0].what, "remedy", found[0].remedy)
		s.table(p, r.Name).fail(err)
		return true
	})
	if len(left) == 0 && first != nil {
		return nil, first
	}
	return left, nil
}

// lockError names who holds the lock that was waited for in vain.
func (p *Pipeline) lockError(ctx context.Context, err error) error {
	who := p.source.LockHolders(ctx, err)
	if who == "" {
		return err
	}
	return failure.New(failure.Source, "%w: %s", err, who).
		WithHint("wait for that session to end, or end it (SELECT pg_terminate_backend(pid)), or raise source.lock_timeout (now %s); then run the command again", p.config.Source.LockTimeout)
}

// spoolError says of an error of the local disk that it was the spool's and
// how to give it more room.
func (p *Pipeline) spoolError(err error) error {
	var path *fs.PathError
	if p.spool == nil || !errors.As(err, &path) || !strings.HasPrefix(path.Path, p.spool.Dir()) {
		return err
	}
	parent := filepath.Dir(p.spool.Dir())
	return failure.New(failure.Other, "spool %s: %w", parent, err).
		WithHint("make room in %s, or set staging.spool (INGEST_STAGING_SPOOL) to a directory with more; then run the command again", parent)
}

// openSpool makes the run's spool.
func openSpool(dir, run string) (*segment.Spool, error) {
	spool, err := segment.OpenSpool(dir, run)
	if err != nil {
		if dir == "" {
			dir = os.TempDir()
		}
		return nil, failure.New(failure.Usage, "spool %s: %w", dir, err).
			WithHint("set staging.spool (INGEST_STAGING_SPOOL) to a directory that can be written")
	}
	return spool, nil
}
