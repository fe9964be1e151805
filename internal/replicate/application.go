package replicate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// application keeps the pipeline's publications from making the application's own statements fail.
type application struct {
	link   *origin.Link
	log    *slog.Logger
	warned once
}

// warnOfSpared logs which tables move to the publication of inserts.
func (a *application) warnOfSpared(spared []postgres.Refusal) {
	for _, r := range spared {
		a.log.Warn("taking a table's updates and deletes out of the publication, which made the application's own fail",
			"table", r.Root.String(), "on", r.Table.String(), "because", string(r.Why), "publication", a.link.Publications.All,
			"remedy", fmt.Sprintf("%s then `ingest full-load --tables %s`", r.Fix, r.Root.Argument()))
	}
}

// plan decides for a full load which tables move to the publication of inserts. The full load makes
// that publication if it is missing. plan logs nothing about the tables in relations: the full load
// warns about each of them.
func (a *application) plan(ctx context.Context, conn *pgx.Conn, pubs *publication.Set, relations []postgres.Relation) ([]string, error) {
	refusals, err := a.link.Source.Catalog(conn).Refusals(ctx)
	if err != nil {
		return nil, err
	}
	statements, spared, left := pubs.WithInserts(relations).Spare(refusals)
	a.warnOfSpared(spared)
	a.warnOfRefused(slices.DeleteFunc(left, func(r postgres.Refusal) bool {
		return slices.ContainsFunc(relations, func(s postgres.Relation) bool { return s.OID == r.RootOID })
	}))
	return statements, nil
}

// spare looks for the application's statements that fail because of a publication of the pipeline. A
// new partition, identity or column can cause this between two runs. spare changes what it is allowed
// to change and logs the rest. How the table is published then shows that it needs a full load.
func (a *application) spare(ctx context.Context) error {
	if a.link.Ledger.State().Ended {
		return nil
	}
	conn, done, err := a.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	refusals, pubs, err := a.refusals(ctx, conn)
	if err != nil || len(refusals) == 0 {
		return err
	}
	statements, spared, left := pubs.Spare(refusals)
	a.warnOfSpared(spared)
	if err := postgres.Run(ctx, conn, statements); err != nil {
		if !answered(ctx, err) {
			return err
		}
		// A lock, or another run that does the same: the next look decides.
		a.log.Warn("the publication could not be changed, and the next run tries again", "because", err)
	}
	a.warnOfRefused(left)
	return nil
}

// answered reports whether an error is the server's answer, rather than the end of the run.
func answered(ctx context.Context, err error) bool {
	return ctx.Err() == nil && postgres.Code(err) != ""
}

// refusals reads the refusals with the pipeline's publications.
func (a *application) refusals(ctx context.Context, conn *pgx.Conn) ([]postgres.Refusal, *publication.Set, error) {
	refusals, err := a.link.Source.Catalog(conn).Refusals(ctx)
	if err != nil || len(refusals) == 0 {
		return nil, nil, err
	}
	pubs, err := publication.Read(ctx, conn, a.link.Source, a.link.Publications)
	return refusals, pubs, err
}

// warnOfRefused warns about the pipeline's publications. A run logs each warning once.
func (a *application) warnOfRefused(refusals []postgres.Refusal) {
	for _, r := range publication.Group(a.link.Publications, refusals) {
		if what := r.What(); r.Own && a.warned.first(what) {
			a.log.Warn("publication "+what, "because", r.Why, "remedy", r.Remedy)
		}
	}
}

// once remembers which texts were logged. Its method is safe for concurrent use.
type once struct {
	mu   sync.Mutex
	said map[string]bool
}

// first reports whether a text is new.
func (o *once) first(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said[text] {
		return false
	}
	if o.said == nil {
		o.said = map[string]bool{}
	}
	o.said[text] = true
	return true
}
