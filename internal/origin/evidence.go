package origin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/target"
)

// CheckEvidence compares the state that a full load goes on from with what earlier runs left in
// loads/, in the source and in the tables. It is an error if the ledger is lost, or older than what
// was loaded. With repair, an older ledger is no error: older then means that every table needs a new
// snapshot. CheckEvidence writes nothing.
func (l *Link) CheckEvidence(ctx context.Context, relations []postgres.Relation, repair bool) (older bool, err error) {
	if l.Ledger.State().Origin == nil {
		lost := l.LostLedger(ctx)
		if lost == nil {
			lost = l.Orphans(ctx, relations)
		}
		if !Repairable(lost, repair) {
			return false, lost
		}
		l.Log.Warn("beginning a new ledger: every table needs a new snapshot", "because", lost)
		return true, nil
	}
	err = loads.Older(ctx, l.Workspace.Files(), l.Ledger)
	if !Repairable(err, repair) {
		return false, err
	}
	l.Log.Warn("every table needs a new snapshot", "because", err)
	return true, nil
}

// Repairable reports whether a repair was asked for and fixes the error.
func Repairable(err error, repair bool) bool {
	return repair && failure.KindOf(err) == failure.Conflict
}

// LostLedger returns an error if there is no ledger, but evidence that there was one.
func (l *Link) LostLedger(ctx context.Context) error {
	files := l.Workspace.Files()
	lost := func(what string) error {
		return failure.New(failure.Conflict, "the ledger is lost: %s has none, but %s", files.Root(), what).
			WithHint("put the directory back from a backup of the Volume; nothing was changed. If there is none, " +
				"`ingest full-load --repair` makes a new slot and loads all tables again")
	}
	names, err := files.Names(ctx, loads.Directory) // none if there is no such directory
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return lost(fmt.Sprintf("%s/%s says that tables were loaded", loads.Directory, names[len(names)-1]))
	}
	conn, done, err := l.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	slot, err := l.ReadSlot(ctx, conn)
	if err != nil || !l.derivedFor(slot) {
		return err
	}
	switch _, err := files.Read(ctx, l.Intent()); {
	case err == nil:
		return nil // made by a run that was killed before it could record it
	case !databricks.NotFound(err):
		return err
	}
	return lost(fmt.Sprintf("slot %s, whose name is this pipeline's, exists at %s", l.Slot, slot.Confirmed))
}

// Orphans returns an error if the properties of a relation's target name a ledger that was in this
// pipeline's place before.
func (l *Link) Orphans(ctx context.Context, relations []postgres.Relation) error {
	d := l.Config.Destination
	tables, err := l.Workspace.Tables().Properties(ctx, d.Catalog, d.Schema)
	if databricks.NotFound(err) || databricks.Denied(err) {
		return nil // the load reports it
	}
	if err != nil {
		return err
	}
	for _, r := range relations {
		name := (target.Names{Config: l.Config}).Table(r.Name)
		if properties := tables[schema.FoldCase(name.Name)]; properties[bronze.PropertyPipeline] == l.Workspace.Files().Root() {
			return bronze.OrphanOf(name, properties)
		}
	}
	return nil
}

// ClaimSlot writes the Intent file: the slot of this pipeline's name, if it exists, no longer belongs
// to any ledger and may be made again. It does nothing if the name is not derived.
func (l *Link) ClaimSlot(ctx context.Context) error {
	if !l.Own() {
		return nil
	}
	err := l.Workspace.Files().Create(ctx, l.Intent(), fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", l.Run, l.Slot))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// elsewhere names slots in the source's database that pipelines of this name made for ledgers in other
// places. These slots keep WAL until they are dropped.
func (l *Link) elsewhere(ctx context.Context) (string, error) {
	if !l.Own() {
		return "", nil
	}
	conn, done, err := l.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	slots, err := l.slots(ctx, conn)
	return strings.Join(l.namesakes(slots), ", "), err
}

// Begun returns an error before the first full load: there is nothing to go on from.
func (l *Link) Begun(ctx context.Context) error {
	if l.Ledger.State().Origin != nil {
		return nil
	}
	if err := l.LostLedger(ctx); err != nil {
		return err
	}
	e := failure.New(failure.Conflict, "nothing was loaded yet: %s has no ledger", l.Workspace.Files().Root())
	others, err := l.elsewhere(ctx)
	if err != nil {
		return err
	}
	if others != "" {
		return e.WithHint("run `ingest full-load` first. If catalog, schema or volume were changed: "+
			"a pipeline of this name reads %s for a ledger in another place. To continue it, restore the former settings. "+
			"To end it, run `ingest drop` with the former settings: until then its slot keeps WAL", others)
	}
	return e.WithHint("run `ingest full-load` first")
}
