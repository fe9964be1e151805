package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// checkEvidence compares what a full load is about to go on from with what
// earlier runs left elsewhere: in loads/, in the source and in the tables. Where
// the ledger is lost, or older than what was loaded, that is an error; with
// repair, older says that every table needs a new snapshot. Nothing is written.
func (p *Pipeline) checkEvidence(ctx context.Context, relations []postgres.Relation, repair bool) (older bool, err error) {
	if p.ledger.State().Origin == nil {
		lost := p.lostLedger(ctx)
		if lost == nil {
			lost = p.orphans(ctx, relations)
		}
		if !repairable(lost, repair) {
			return false, lost
		}
		p.log.Warn("beginning a new ledger: every table needs a new snapshot", "because", lost)
		return true, nil
	}
	err = load.Older(ctx, p.workspace.Files(), p.ledger)
	if !repairable(err, repair) {
		return false, err
	}
	p.log.Warn("every table needs a new snapshot", "because", err)
	return true, nil
}

// repairable says that an error is one that a repair, which was asked for, ends.
func repairable(err error, repair bool) bool {
	return repair && failure.KindOf(err) == failure.Conflict
}

// ownSlot says that the slot's name was made of the ledger's place, so that no
// other pipeline has it.
func (p *Pipeline) ownSlot() bool { return p.config.Source.Slot == "" }

// lostLedger is an error if there is no ledger, but something says that there
// was one.
func (p *Pipeline) lostLedger(ctx context.Context) error {
	files := p.workspace.Files()
	lost := func(what string) error {
		return failure.New(failure.Conflict, "the ledger is lost: %s has none, but %s", files.Root(), what).
			WithHint("put the directory back from a backup of the Volume; nothing was changed. If there is none, `ingest full-load --repair` makes a new slot and loads all tables again")
	}
	names, err := files.Names(ctx, load.Directory)
	if err != nil && !databricks.NotFound(err) {
		return err
	}
	if len(names) > 0 {
		return lost(fmt.Sprintf("%s/%s says that tables were loaded", load.Directory, names[len(names)-1]))
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	slot, err := p.readSlot(ctx, conn)
	if err != nil || !p.derivedFor(slot) {
		return err
	}
	switch _, err := files.Read(ctx, p.intent()); {
	case err == nil:
		return nil // made by a run that was killed before it could say so
	case !databricks.NotFound(err):
		return err
	}
	return lost(fmt.Sprintf("slot %s, whose name says that it is this pipeline's, is there, at %s", p.slot, slot.Confirmed))
}

// derivedFor says that a slot's name, if it is there, was derived for this pipeline.
func (p *Pipeline) derivedFor(slot *postgres.Slot) bool {
	return slot != nil && slot.Database == p.source.Facts.Database && p.ownSlot()
}

// orphans is an error if a target of the relations says that it was loaded from
// a ledger that was in this pipeline's place.
func (p *Pipeline) orphans(ctx context.Context, relations []postgres.Relation) error {
	d := p.config.Destination
	tables, err := p.workspace.TableProperties(ctx, d.Catalog, d.Schema)
	if databricks.NotFound(err) || databricks.Denied(err) {
		return nil // the load says so
	}
	if err != nil {
		return err
	}
	for _, r := range relations {
		target := p.Target(r.Name)
		if properties := tables[schema.FoldCase(target.Name)]; properties[load.PropertyPipeline] == p.workspace.Files().Root() {
			return load.OrphanOf(target, properties)
		}
	}
	return nil
}

// claimSlot says that the slot of this pipeline's name, if it is there, belongs
// to no ledger any more and may be made anew.
func (p *Pipeline) claimSlot(ctx context.Context) error {
	if !p.ownSlot() {
		return nil
	}
	err := p.workspace.Files().Create(ctx, p.intent(), fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", p.opt.Run, p.slot))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// elsewhere names slots in the source's database that pipelines of this name
// made for ledgers in other places: they keep WAL until they are dropped.
func (p *Pipeline) elsewhere(ctx context.Context) (string, error) {
	if !p.ownSlot() {
		return "", nil
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	slots, err := p.slots(ctx, conn)
	return strings.Join(p.namesakes(slots), ", "), err
}

// namesakes are the slots of the source's database, but for the pipeline's, whose
// names were derived for a pipeline of its name.
func (p *Pipeline) namesakes(slots []postgres.NamedSlot) (names []string) {
	for _, s := range slots {
		if s.Database == p.source.Facts.Database && s.Name != p.slot && (sameButHash(s.Name, p.derived()) || sameButHash(s.Name, p.derivedBefore())) {
			names = append(names, s.Name)
		}
	}
	return names
}

// sameButHash says whether a name was derived for a pipeline of the same name:
// it differs from derived in the hash of the place at most.
func sameButHash(name, derived string) bool {
	prefix := derived[:len(derived)-hashDigits]
	hash, found := strings.CutPrefix(name, prefix)
	return found && len(hash) >= hashDigits && isDerived(name, prefix+hash[:hashDigits]) && strings.Trim(hash[:hashDigits], "0123456789abcdef") == ""
}
