package replicate

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/hidden"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// readsChanges returns an error unless the pipeline can read changes: with source.changes = "none" it
// loads snapshots alone. The hint lists what the source lacks for more.
func (p *Pipeline) readsChanges() error {
	if p.link.Replicates() {
		return finding.First(p.source.Needs(&p.source.Facts))
	}
	var lacks strings.Builder
	for _, f := range p.source.NeedsOfChanges(&p.source.Facts) {
		if f.Level == finding.Problem {
			lacks.WriteString(f.What + " (" + strings.TrimSuffix(f.Remedy, ";") + "); ")
		}
	}
	return failure.New(failure.Usage, "source.changes is \"none\": this pipeline loads snapshots, and there is no slot to read changes from").
		WithHint("`ingest full-load` loads the tables again. To read changes: %sset source.changes to \"replication\", "+
			"then run `ingest full-load`, which makes the slot and loads all tables again", lacks.String())
}

// slotName is the name of the slot that the pipeline reads; "" if it reads none.
func (p *Pipeline) slotName() string {
	if !p.link.Replicates() {
		return ""
	}
	return p.link.Slot
}

// replaced are the tables whose names are other tables' now. For snapshots alone that is a write like
// any other: the next full load shows the table that has the name then.
func (p *Pipeline) replaced(ctx context.Context, conn *pgx.Conn, state *ledger.State) (map[schema.TableName]string, error) {
	if !state.Origin.Replicates() {
		return nil, nil
	}
	return hidden.Replaced(ctx, p.source.Catalog(conn), state)
}

// alone reports whether the source fits a ledger of snapshots alone.
func (r *reporting) alone(ctx context.Context) error {
	p, s := r.p, r.s
	state := p.ledger.State()
	err := p.link.CheckAlone(ctx, r.conn, state)
	if state.Origin == nil {
		err = p.link.Begun(ctx)
	}
	if err == nil {
		return nil
	}
	if failure.KindOf(err) != failure.Conflict {
		return err
	}
	s.Problem, s.Hint = err.Error(), failure.HintOf(err)
	return nil
}
