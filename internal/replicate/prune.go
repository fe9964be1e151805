package replicate

import (
	"context"

	"ingest/internal/prune"
)

// Prune removes from the volume what no load and no repair of a table that is
// not loaded will ever need, once it is older than the retention. With dry it
// removes nothing. It may be ended at any moment, and other runs may go on
// beside it.
func (p *Pipeline) Prune(ctx context.Context, dry bool) (*prune.Report, error) {
	r := prune.New(prune.Options{
		Run: p.opt.Run, DryRun: dry, Retention: p.config.Prune.Retention, Workspace: p.workspace, Source: p.source, Ledger: p.ledger, Slot: p.link.Slot,
		Looker: p.newLoader, Loader: p.loader,
		Log: p.log, Now: p.opt.Now,
	})
	err := p.link.Begun(ctx)
	if err == nil {
		err = r.Run(ctx)
	}
	err = p.explain(ctx, err)
	return r.End(err), err
}
