package replicate

import (
	"context"

	"github.com/ingest-tool/ingest/internal/prune"
)

// Prune removes files from the volume that are older than the retention and that no load and no repair
// of an unloaded table will need. With dry it removes nothing. It can be ended at any moment. Other
// runs can run at the same time.
func (p *Pipeline) Prune(ctx context.Context, dry bool) (*prune.Report, error) {
	r := prune.New(prune.Options{
		Run: p.opt.Run, DryRun: dry, Retention: p.config.Prune.Retention, Workspace: p.workspace, Source: p.source,
		Ledger: p.ledger, Slot: p.link.Slot,
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
