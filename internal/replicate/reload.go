package replicate

import (
	"context"
	"time"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// reloadEvery is how often a following run fully loads one table by itself: the cause of the reload
// may return at once.
const reloadEvery = time.Hour

// reloads reports that cdc fully loads the tables which need it.
func (p *Pipeline) reloads() bool { return p.config.Load.Reload == config.ReloadAuto }

// marked reports that the ledger has a table, and that it needs a full load.
func marked(state *ledger.State, table schema.TableName) bool {
	t := state.Tables[table]
	return t != nil && t.Reload != nil
}

// reload takes snapshots of the marked tables. before is when a following run last reloaded each
// table; nil if that does not matter.
func (p *Pipeline) reload(ctx context.Context, s *Summary, before map[schema.TableName]time.Time) error {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	now := p.opt.Now()
	decide := &decider{p, conn, s}
	d, err := decide.reload(ctx, func(table schema.TableName) bool {
		return marked(p.ledger.State(), table) && now.Sub(before[table]) >= reloadEvery // the zero time is long ago
	})
	if err != nil || len(d.relations) == 0 {
		return err
	}
	for _, r := range d.relations {
		p.log.Info("a table is loaded in full again", "table", r.Name.String(), "because", p.ledger.State().Tables[r.Name].Reload.Reason)
		if before != nil {
			before[r.Name] = now
		}
	}
	if err := decide.publish(ctx, d); err != nil {
		return err
	}
	return p.snapshot(ctx, s, d.relations)
}
