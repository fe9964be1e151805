// Package origin ties a ledger to its source. It decides which slot and publications a pipeline reads,
// whether the source and the slot belong to the ledger, and whether there was a ledger that is lost.
// It makes the slot and the first entry of a ledger. It knows tables only by name.
package origin

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Names are the slot and the publications that a pipeline reads.
type Names struct {
	Slot         string
	Publications postgres.Publications

	Config   *config.Config
	Database string // the source's; "" without a source
}

// Replicates reports whether the pipeline is to read changes.
func (n *Names) Replicates() bool { return n.Config.Source.Replicates() }

// Reads are the publications that the pipeline reads: none for snapshots alone, although a slot that it
// had before may still have some.
func (n *Names) Reads() postgres.Publications {
	if !n.Replicates() {
		return postgres.Publications{}
	}
	return n.Publications
}

// FirstNames are the names of a pipeline that has no ledger, in a database where no pipeline left
// anything.
func FirstNames(c *config.Config, database string) *Names {
	n := &Names{Config: c, Database: database}
	n.choose(nil)
	n.configure(nil)
	return n
}

// choose decides the names: those of the configuration, else those that the ledger's origin names,
// else derived ones.
func (n *Names) choose(origin *ledger.Origin) {
	base := n.derived()
	n.Slot, n.Publications = base, publicationsOf(base)
	if origin != nil {
		n.Slot = origin.Slot
		n.Publications = postgres.Publications{All: origin.Publications[0]}
		if len(origin.Publications) > 1 {
			n.Publications.Inserts = origin.Publications[1]
		}
	}
}

// configure sets the names that the configuration has.
func (n *Names) configure(origin *ledger.Origin) {
	n.Slot = cmp.Or(n.Config.Source.Slot, n.Slot)
	if pub := n.Config.Source.Publication; pub != "" {
		n.Publications = publicationsOf(pub)
		if origin != nil && len(origin.Publications) == 1 {
			n.Publications.Inserts = ""
		}
	}
}

// adopt sets the names of an existing slot and existing publications.
func (n *Names) adopt(base string, slots []postgres.NamedSlot, have map[string]*postgres.PublicationInfo) {
	if left := n.leftSlots(slots); len(left) > 0 {
		n.Slot = left[0]
	}
	if older := n.derivedBefore(); have[base] == nil && have[older] != nil {
		n.Publications = publicationsOf(older)
	}
}

// leftSlots are the slots of the source's database with names derived for this pipeline, now or by an
// earlier version.
func (n *Names) leftSlots(slots []postgres.NamedSlot) (names []string) {
	for _, s := range slots {
		if s.Database == n.Database && (s.Name == n.derivedBefore() || isDerived(s.Name, n.derived())) {
			names = append(names, s.Name)
		}
	}
	return names
}

// isDerived reports whether a name is base, or base with a number. A numbered name was made because a
// slot of another database had the name.
func isDerived(name, base string) bool {
	number, found := strings.CutPrefix(name, base)
	return found && (number == "" || number[0] == '_' && strings.Trim(number[1:], "0123456789") == "")
}

// free gives the slot another name if a slot of another database already has its name. It does not
// touch that other slot. taken reports that the name changed.
func (n *Names) free(slots []postgres.NamedSlot) (taken bool, err error) {
	// A physical slot belongs to no database.
	foreign := func(name string) bool {
		return slices.ContainsFunc(slots, func(s postgres.NamedSlot) bool {
			return s.Name == name && s.Database != "" && s.Database != n.Database
		})
	}
	if !foreign(n.Slot) {
		return false, nil
	}
	if !n.Own() {
		return false, failure.New(failure.Conflict, "slot %s is in another database of the same cluster, and is left alone", n.Slot).
			WithHint("set source.slot to a name that no slot has, or leave it out; then run the command again")
	}
	name := n.derived()
	for i := 2; foreign(name); i++ {
		name = fmt.Sprintf("%s_%d", n.derived(), i)
	}
	n.Slot = name
	return true, nil
}

// Own reports that the slot's name was derived from the ledger's place, so no other pipeline has it.
func (n *Names) Own() bool { return n.Config.Source.Slot == "" }

// derivedFor reports that an existing slot's name was derived for this pipeline.
func (n *Names) derivedFor(slot *postgres.Slot) bool {
	return slot != nil && slot.Database == n.Database && n.Own()
}

// Intent is a file that announces that this pipeline is about to make the slot. A run that is killed
// between making the slot and the origin leaves the file. The next run then knows that the slot is its
// own and was never read.
func (n *Names) Intent() string { return "slots/" + n.Slot + ".json" }

func publicationsOf(name string) postgres.Publications {
	return postgres.Publications{All: name, Inserts: name + "_inserts"}
}

// derived is the default name of slot and publication. It contains the source's database, since slots
// belong to the cluster. It contains the place of the ledger, so that pipelines of several catalogs
// can read one database. With a suffix of nine bytes it is still a valid name.
func (n *Names) derived() string {
	return "ingest_" + slotPart(n.Config.Pipeline, 20) + "_" + slotPart(n.Database, 17) + "_" + hashOf(n.place(), n.Database)
}

// derivedBefore is what earlier versions derived: the same for all databases.
func (n *Names) derivedBefore() string {
	return "ingest_" + slotPart(n.Config.Pipeline, 30) + "_" + hashOf(n.place())
}

// place is where the ledger is. It ignores case, as Unity Catalog does.
func (n *Names) place() string {
	d := n.Config.Destination
	return strings.ToLower(strings.Join([]string{d.Catalog, d.Schema, d.Volume, n.Config.Pipeline}, "/"))
}

// hashDigits is the number of digits of hashOf.
const hashDigits = 8

// hashOf is a hash of the parts, in hexadecimal digits.
func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:hashDigits/2])
}

// slotPart keeps the characters that a slot's name may contain, and at most most bytes of them.
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

// namesakes are other slots of the source's database with names derived for a pipeline of the same
// name.
func (n *Names) namesakes(slots []postgres.NamedSlot) (names []string) {
	for _, s := range slots {
		if s.Database == n.Database && s.Name != n.Slot && (sameButHash(s.Name, n.derived()) || sameButHash(s.Name, n.derivedBefore())) {
			names = append(names, s.Name)
		}
	}
	return names
}

// sameButHash reports whether a name was derived for a pipeline of the same name: at most the hash of
// the place differs from derived.
func sameButHash(name, derived string) bool {
	prefix := derived[:len(derived)-hashDigits]
	hash, found := strings.CutPrefix(name, prefix)
	return found && len(hash) >= hashDigits && isDerived(name, prefix+hash[:hashDigits]) &&
		strings.Trim(hash[:hashDigits], "0123456789abcdef") == ""
}

// same returns an error unless the configuration names the slot and the publications of the ledger's
// origin. Another name does not mean that data is lost: nothing was read through it yet.
func (n *Names) same(state *ledger.State) error {
	o := state.Origin
	if state.Ended || len(o.Publications) == 0 {
		return nil
	}
	if n.Slot != o.Slot {
		return failure.New(failure.Conflict, "the ledger belongs to slot %q, but source.slot is %q: nothing is lost", o.Slot, n.Slot).
			WithHint("set source.slot to %q, or leave it out. If that slot is gone, `ingest full-load --repair` makes %q and loads all tables again",
				o.Slot, n.Slot)
	}
	if n.Publications.All != o.Publications[0] {
		return failure.New(failure.Conflict, "the ledger belongs to publication %q, but source.publication is %q: nothing is lost",
			o.Publications[0], n.Publications.All).
			WithHint("set source.publication to %q, or leave it out. To read through another one, begin the pipeline again: `ingest drop --yes`, "+
				"then `ingest full-load`", o.Publications[0])
	}
	return nil
}

// KeepsSlot refuses to load snapshots alone for a ledger that has a slot: the server keeps all WAL since
// a slot was read.
func (n *Names) KeepsSlot(state *ledger.State) error {
	if n.Replicates() || state.Ended || !state.Origin.Replicates() {
		return nil
	}
	return failure.New(failure.Conflict,
		"the ledger has slot %s, and source.changes is \"none\": a slot that is not read keeps WAL without limit",
		state.Origin.Slot).
		WithHint("set source.changes to \"replication\", or leave it out. To go on with snapshots alone: `ingest drop --yes` " +
			"drops the slot and keeps the tables, then `ingest full-load` loads them again")
}

// gone is namesGone for the server's slots and the database's publications.
func (n *Names) gone(o *ledger.Origin, slots []postgres.NamedSlot, names map[uint32]string) bool {
	if n.Slot != o.Slot && slices.Contains(slots, postgres.NamedSlot{Name: o.Slot, Database: n.Database}) {
		return false
	}
	return n.Publications.All == o.Publications[0] || publicationLost(o, o.Publications[0], names)
}

// mustGo returns why the slot must stay, or nil. ours means that it is this pipeline's. root is where
// the ledger is.
func (n *Names) mustGo(slot *postgres.Slot, root string, ours bool) error {
	switch {
	case slot.Database != "" && slot.Database != n.Database:
		return failure.New(failure.Conflict, "slot %s belongs to database %q, and is left alone", n.Slot, slot.Database).
			WithHint("run the command again: it chooses another name")
	case !ours:
		return failure.New(failure.Conflict, "slot %s exists, but %s has no ledger that it belongs to", n.Slot, root).
			WithHint("if another pipeline uses it, set source.slot to another name; if it is unused: SELECT pg_drop_replication_slot('%s')", n.Slot)
	case slot.Active:
		return failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", n.Slot, slot.ActivePID, slot.Holder).
			WithHint("end that session (SELECT pg_terminate_backend(%d)), then run the command again", slot.ActivePID)
	}
	return nil
}
