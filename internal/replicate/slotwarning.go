package replicate

import (
	"cmp"
	"fmt"

	"github.com/dustin/go-humanize"

	"ingest/internal/postgres"
)

// slotWarning says that a slot that fits the ledger is on its way to be lost,
// or is a burden; "" if it is neither.
func slotWarning(slot *postgres.Slot) (what, why, remedy string) {
	var left string
	if slot.SafeBytes != nil {
		left = fmt.Sprintf("the server loses it after %s more of WAL (safe_wal_size)", humanize.Bytes(uint64(max(0, *slot.SafeBytes))))
	}
	kept := humanize.Bytes(uint64(max(0, slot.KeptBytes)))
	switch slot.WALStatus {
	case "unreserved":
		return fmt.Sprintf("%s is about to be lost (wal_status = unreserved): it keeps %s of WAL, more than max_slot_wal_keep_size allows", slot.Name, kept),
			cmp.Or(left, "the server loses it at its next checkpoint") + "; then every table needs a full load",
			"run `ingest cdc` now, and raise max_slot_wal_keep_size"
	case "extended":
		return fmt.Sprintf("%s keeps %s of WAL, more than max_wal_size (wal_status = extended)", slot.Name, kept),
			cmp.Or(left, "no limit is set (max_slot_wal_keep_size): it can fill the server's disk"),
			"run `ingest cdc`; if that does not help, an open transaction keeps the WAL: `ingest check` names it"
	}
	return "", "", ""
}

// warnOfSlot logs what slotWarning says.
func (p *Pipeline) warnOfSlot(slot *postgres.Slot) {
	if what, why, remedy := slotWarning(slot); what != "" {
		p.log.Warn("slot "+what, "because", why, "remedy", remedy)
	}
}
