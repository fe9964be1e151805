package postgres

import (
	"cmp"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/ingest-tool/ingest/internal/finding"
)

// Warning reports that a slot that fits its ledger may soon be lost, or is a burden; nil if it is
// neither.
func (s *Slot) Warning() *finding.Finding {
	var left string
	if s.SafeBytes != nil {
		left = fmt.Sprintf("the server loses it after %s more of WAL (safe_wal_size)", humanize.Bytes(uint64(max(0, *s.SafeBytes))))
	}
	kept := humanize.Bytes(uint64(max(0, s.KeptBytes)))
	switch s.WALStatus {
	case "unreserved":
		return &finding.Finding{
			Level: finding.Warning, Subject: "slot",
			What: fmt.Sprintf("%s is about to be lost (wal_status = unreserved): it keeps %s of WAL, more than max_slot_wal_keep_size allows",
				s.Name, kept),
			Why:    cmp.Or(left, "the server loses it at its next checkpoint") + "; then every table needs a full load",
			Remedy: "run `ingest cdc` now, and raise max_slot_wal_keep_size",
		}
	case "extended":
		return &finding.Finding{
			Level: finding.Warning, Subject: "slot",
			What:   fmt.Sprintf("%s keeps %s of WAL, more than max_wal_size (wal_status = extended)", s.Name, kept),
			Why:    cmp.Or(left, "no limit is set (max_slot_wal_keep_size): it can fill the server's disk"),
			Remedy: "run `ingest cdc`; if that does not help, an open transaction keeps the WAL: `ingest check` names it",
		}
	}
	return nil
}
