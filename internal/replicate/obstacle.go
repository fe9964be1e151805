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

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/segment"
)

// obstacle is what keeps one table from being loaded while others can be.
type obstacle struct {
	what, why, remedy string
	shared            bool // check gives the remedy once, for all tables
}

// obstacles looks for what would make the table's snapshot or its publication
// fail. A preflight reports them all; a full load gives the first as the
// table's error and goes on with the others.
func (p *Pipeline) obstacles(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) []obstacle {
	var out []obstacle
	user := p.source.Facts.User
	switch {
	case r.SomeColumns:
		out = append(out, obstacle{fmt.Sprintf("role %s may read only some of its columns", user),
			"a snapshot takes the lock of the whole table and reads ranges of its pages, which SELECT on columns does not allow", p.grantSelect(r), false})
	case !r.Readable:
		out = append(out, obstacle{fmt.Sprintf("role %s may not read it", user), "", p.grantSelect(r), false})
	}
	if r.RowSecurity {
		out = append(out, obstacle{
			fmt.Sprintf("its row level security applies to role %s", user), "a role under a policy would read only some of the rows",
			fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", schema.QuotePostgres(user)), false,
		})
	}
	if name := p.notViaRoot(pubs); r.Partitioned && name != "" {
		out = append(out, obstacle{
			fmt.Sprintf("it is partitioned, and publication %s has publish_via_partition_root off", name), "changes would come under the partitions' names",
			fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true);", schema.QuotePostgres(name)), false,
		})
	} else if !p.published(r, pubs) && !r.Owned {
		out = append(out, obstacle{
			fmt.Sprintf("it is not published, and role %s does not own it", user), "only a table's owner can add it to a publication", p.publishAs(r, pubs), true,
		})
	}
	if postgres.PublishedBy(p.pubs, pubs, r.OID).Ambiguous {
		name := schema.QuotePostgres(p.pubs.Inserts)
		out = append(out, obstacle{
			fmt.Sprintf("publications %s and %s hold it with different row filters", p.pubs.All, p.pubs.Inserts), "inserts would follow the one, updates the other",
			fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE %s;", name, r.Name.SQL()), false,
		})
	}
	if p.misled(r, pubs) {
		why, remedy := lacking(r, pubs[p.pubs.All])
		out = append(out, obstacle{why, fmt.Sprintf("publication %s sends updates and deletes that do not say which row they are of", p.pubs.All), remedy, false})
	}
	if target := p.Target(r.Name).Name; !databricks.IsName(target) {
		out = append(out, obstacle{
			fmt.Sprintf("it would become %q, which is not a name that Unity Catalog takes", target), "a name has at most 255 characters",
			fmt.Sprintf("give it another name: name = \"…\" under [tables.%q] in the configuration, or leave it out with source.exclude", r.Name.String()), false,
		})
	}
	if target := p.Target(r.Name); schema.HoldsVariable(target.String()) {
		out = append(out, obstacle{
			fmt.Sprintf("it would become %q, and that name holds ${…}", target.Name), "Databricks may put a variable's value in its place in every statement",
			fmt.Sprintf("give it another name: name = \"…\" under [tables.%q] in the configuration, or leave it out with source.exclude", r.Name.String()), false,
		})
	}
	for _, problem := range p.misshaped(r, pubs) {
		out = append(out, obstacle{problem.What, problem.Why, problem.Remedy, false})
	}
	return append(out, p.underivable(r, pubs)...)
}

// published says whether the pipeline's publications send what they can of the
// table.
func (p *Pipeline) published(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) bool {
	return postgres.Covered(p.pubs, pubs, r)
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

// notViaRoot names a publication of the pipeline that sends the changes of
// partitions under the partitions' names, or is "".
func (p *Pipeline) notViaRoot(pubs map[string]*postgres.PublicationInfo) string {
	for _, n := range p.pubs.Names() {
		if pubs[n] != nil && !pubs[n].ViaRoot {
			return n
		}
	}
	return ""
}

// refuse splits the relations into those that can be loaded and those that
// cannot, whose errors go into the summary.
func (p *Pipeline) refuse(ctx context.Context, conn *pgx.Conn, s *Summary, relations []postgres.Relation) ([]postgres.Relation, error) {
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool {
		found := append(p.obstacles(&r, pubs), p.optionsForDropped(&r, pubs)...)
		if len(found) == 0 {
			return false
		}
		err := failure.New(failure.Source, "table %s: %s", r.Name, found[0].what).WithHint("%s", found[0].remedy)
		p.log.Error("the table cannot be loaded; the others go on", "table", r.Name.String(), "because", found[0].what, "remedy", found[0].remedy)
		s.table(p, r.Name).fail(err)
		return true
	}), nil
}

// explain adds to an error what only the server or the local disk can tell: who
// holds the lock that was waited for in vain, and where the spool is.
func (p *Pipeline) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	err = inOneLine(err)
	var path *fs.PathError
	if p.spool != nil && errors.As(err, &path) && strings.HasPrefix(path.Path, p.spool.Dir()) {
		parent := filepath.Dir(p.spool.Dir())
		return failure.New(failure.Other, "spool %s: %w", parent, err).
			WithHint("make room in %s, or set staging.spool (INGEST_STAGING_SPOOL) to a directory with more; then run the command again", parent)
	}
	if who, end := p.source.LockHolders(ctx, err); who != "" {
		return failure.New(failure.Source, "%w: %s", err, who).
			WithHint("wait for that session to end, or end it (%s), or raise source.lock_timeout (now %s); then run the command again", end, p.config.Source.LockTimeout)
	}
	return err
}

// inOneLine is err with its text as one line: joined errors have a line each,
// and what broke for several goroutines is said by each of them.
func inOneLine(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return err
	}
	text := lines[0]
	for _, line := range lines[1:] {
		if !strings.Contains(text, line) {
			text += "; " + line
		}
	}
	return &oneLine{text, err}
}

type oneLine struct {
	text string
	err  error
}

func (e *oneLine) Error() string { return e.text }
func (e *oneLine) Unwrap() error { return e.err }

// openSpool makes the run's spool.
func openSpool(dir, run string) (*segment.Spool, error) {
	spool, err := segment.OpenSpool(dir, run)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		if dir == "" {
			dir = os.TempDir()
		}
		return nil, failure.New(failure.Usage, "open spool %s: %w", dir, err).
			WithHint("set staging.spool (INGEST_STAGING_SPOOL) to a directory that can be written")
	}
	return spool, nil
}
