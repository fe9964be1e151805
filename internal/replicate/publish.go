package replicate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgerrcode"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// publish makes the publications contain what was decided. Another run may do the same at the same
// time, even one that was killed: its session finishes its statement first. publish then reads the
// publications again.
func (d *decider) publish(ctx context.Context, what *decision) error {
	statements := what.statements
	for try := 1; ; try++ {
		err := postgres.Run(ctx, d.conn, statements)
		// A name or a member already exists, or is gone.
		moved := []string{pgerrcode.UniqueViolation, pgerrcode.DuplicateObject, pgerrcode.UndefinedObject}
		if try == publishTries || !slices.Contains(moved, postgres.Code(err)) {
			return err
		}
		d.p.log.Info("looking at the publications again", "because", err)
		if statements, err = d.statements(ctx, what.published); err != nil {
			return err
		}
	}
}

const publishTries = 5

// statements decides how to make the publications contain the relations, and reports what they will
// lack.
func (d *decider) statements(ctx context.Context, relations []postgres.Relation) ([]string, error) {
	p := d.p
	if !p.link.Replicates() {
		return nil, nil
	}
	pubs, err := publication.Read(ctx, d.conn, p.source, p.link.Publications)
	if err != nil {
		return nil, err
	}
	p.link.Alone(pubs)
	for _, name := range pubs.Names.Names() {
		if what, remedy := pubs.Incomplete(name); what != "" {
			return nil, failure.New(failure.Source, "publication %s %s", name, what).WithHint("%s", remedy)
		}
	}
	for i := range relations {
		if what, remedy := pubs.Identity(&relations[i]); what != "" {
			p.log.Warn(what, "table", relations[i].Name.String(), "remedy", remedy)
		}
	}
	statements := pubs.Statements(relations)
	spared, err := p.application.plan(ctx, d.conn, pubs, relations)
	if err != nil {
		return nil, err
	}
	statements = append(statements, spared...)
	return statements, d.mayRun(ctx, pubs, relations, statements)
}

// mayRun returns as an error which right the role lacks for the statements, before any of them runs.
func (d *decider) mayRun(ctx context.Context, pubs *publication.Set, relations []postgres.Relation, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	may, err := d.p.source.Catalog(d.conn).MayCreatePublication(ctx)
	if err != nil {
		return err
	}
	if err := finding.First(pubs.Unpublished(may, relations).Finding(nil)); err != nil {
		return fmt.Errorf("publication %w", err)
	}
	return nil
}
