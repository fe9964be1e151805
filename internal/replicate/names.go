package replicate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
)

// choose settles which slot and publications the pipeline reads: those of the
// configuration, else those that the ledger's origin names, else derived ones.
// Without a ledger, names that an earlier version derived count as long as they
// are in the source: what a lost ledger left is found by them.
func (p *Pipeline) choose(ctx context.Context) error {
	base, origin := p.derived(), p.goesOn()
	p.slot, p.pubs = base, publicationsOf(base)
	switch {
	case origin != nil:
		p.slot = origin.Slot
		p.pubs = postgres.Publications{All: origin.Publications[0]}
		if len(origin.Publications) > 1 {
			p.pubs.Inserts = origin.Publications[1]
		}
	case p.source != nil:
		if err := p.chooseLeft(ctx, base); err != nil {
			return err
		}
	}
	p.slot = cmp.Or(p.config.Source.Slot, p.slot)
	if pub := p.config.Source.Publication; pub != "" {
		p.pubs = publicationsOf(pub)
		if origin != nil && len(origin.Publications) == 1 {
			p.pubs.Inserts = ""
		}
	}
	return nil
}

// goesOn is the ledger's origin, nil if the pipeline has none to go on from. One
// that was dropped may begin again in another database.
func (p *Pipeline) goesOn() *ledger.Origin {
	if p.ledger == nil {
		return nil
	}
	state := p.ledger.State()
	o := state.Origin
	if o == nil || len(o.Publications) == 0 {
		return nil
	}
	if f := p.source; state.Ended && f != nil && o.Database != f.Facts.Database && o.DatabaseOID != f.Facts.DatabaseOID {
		return nil
	}
	return o
}

// chooseLeft takes the names of what is in the source's database already.
func (p *Pipeline) chooseLeft(ctx context.Context, base string) error {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	slots, err := p.slots(ctx, conn)
	if err != nil {
		return err
	}
	have, err := p.source.Publications(ctx, conn, []string{base, p.derivedBefore()})
	p.adopt(base, slots, have)
	return err
}

// adopt takes the names of a slot and of publications that are there.
func (p *Pipeline) adopt(base string, slots []postgres.NamedSlot, have map[string]*postgres.PublicationInfo) {
	if left := p.leftSlots(slots); len(left) > 0 {
		p.slot = left[0]
	}
	if older := p.derivedBefore(); have[base] == nil && have[older] != nil {
		p.pubs = publicationsOf(older)
	}
}

// leftSlots are the slots of the source's database whose names were derived for
// this pipeline, now or by an earlier version.
func (p *Pipeline) leftSlots(slots []postgres.NamedSlot) (names []string) {
	for _, s := range slots {
		if s.Database == p.source.Facts.Database && (s.Name == p.derivedBefore() || isDerived(s.Name, p.derived())) {
			names = append(names, s.Name)
		}
	}
	return names
}

// isDerived says whether a name is base, or base with a number: the numbered
// ones were made where a slot of another database had the name.
func isDerived(name, base string) bool {
	number, found := strings.CutPrefix(name, base)
	return found && (number == "" || number[0] == '_' && strings.Trim(number[1:], "0123456789") == "")
}

// freeSlot gives the slot another name where a slot of another database has the
// one that it would get. That one is left alone.
func (p *Pipeline) freeSlot(ctx context.Context, conn *pgx.Conn) error {
	slots, err := p.slots(ctx, conn)
	if err != nil {
		return err
	}
	return p.rename(slots)
}

// rename is freeSlot, of the server's slots.
func (p *Pipeline) rename(slots []postgres.NamedSlot) error {
	// A physical slot is of no database.
	foreign := func(name string) bool {
		return slices.ContainsFunc(slots, func(s postgres.NamedSlot) bool {
			return s.Name == name && s.Database != "" && s.Database != p.source.Facts.Database
		})
	}
	if !foreign(p.slot) {
		return nil
	}
	if p.config.Source.Slot != "" {
		return failure.New(failure.Conflict, "slot %s is in another database of the same cluster, and is left alone", p.slot).
			WithHint("set source.slot to a name that no slot has, or leave it out; then run the command again")
	}
	name := p.derived()
	for n := 2; foreign(name); n++ {
		name = fmt.Sprintf("%s_%d", p.derived(), n)
	}
	p.log.Warn("a slot of another database has the name: the new one gets another", "taken", p.slot, "slot", name)
	p.slot = name
	return nil
}

func publicationsOf(name string) postgres.Publications {
	return postgres.Publications{All: name, Inserts: name + "_inserts"}
}

// derived is what slot and publication are called where nothing else says it.
// The source's database is in it, since slots are the cluster's, and so is the
// place of the ledger, so that pipelines of several catalogs can read one
// database. With a suffix of nine bytes it still is a name.
func (p *Pipeline) derived() string {
	database := ""
	if p.source != nil {
		database = p.source.Facts.Database
	}
	return "ingest_" + slotPart(p.config.Pipeline, 20) + "_" + slotPart(database, 17) + "_" + hashOf(p.place(), database)
}

// derivedBefore is what earlier versions derived: the same for all databases.
func (p *Pipeline) derivedBefore() string {
	return "ingest_" + slotPart(p.config.Pipeline, 30) + "_" + hashOf(p.place())
}

// place is where the ledger is, without regard to case, as Unity Catalog takes it.
func (p *Pipeline) place() string {
	d := p.config.Destination
	return strings.ToLower(strings.Join([]string{d.Catalog, d.Schema, d.Volume, p.config.Pipeline}, "/"))
}

// hashDigits are the digits of hashOf.
const hashDigits = 8

// hashOf is a hash of the parts, in hexadecimal digits.
func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:hashDigits/2])
}

// slotPart keeps what a slot's name may hold, and no more than most bytes of it.
func slotPart(name string, most int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()[:min(b.Len(), most)]
}
