package replicate

import (
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/load/kept"
)

// KeptStatus is the cached state of a table that is kept beside a log.
type KeptStatus struct {
	Kind       kept.Kind  `json:"kind"`
	View       string     `json:"view"`          // that people read
	Data       string     `json:"data"`          // the table
	State      string     `json:"state"`         // kept, behind, not made, quarantined
	Entry      int64      `json:"entry"`         // ledger entry up to which it contains the log
	Waiting    int64      `json:"waiting_entry"` // ledger entry up to which it has work; equal to entry if none waits
	Quarantine string     `json:"quarantine,omitempty"`
	Since      *time.Time `json:"quarantined_since,omitempty"`
	Remedy     string     `json:"remedy,omitempty"`
}

const keptQuarantined = "quarantined"

func keptStatuses(states []kept.State) []KeptStatus {
	var out []KeptStatus
	for _, s := range states {
		k := KeptStatus{Kind: s.Kind, View: s.View.Display(), Data: s.Data.Display(), State: "kept", Entry: s.Entry, Waiting: s.Reach}
		switch {
		case s.Quarantine != nil:
			k.State, k.Quarantine, k.Since, k.Remedy = keptQuarantined, s.Quarantine.Reason, &s.Quarantine.Since, s.Quarantine.Hint
		case s.Snapshot == "":
			k.State = "not made"
		case s.Behind:
			k.State = "behind"
		}
		out = append(out, k)
	}
	return out
}

// keptBad reports that something beside the table's log needs attention.
func (t *TableStatus) keptBad() bool {
	return slices.ContainsFunc(t.Kept, func(k KeptStatus) bool { return k.State == keptQuarantined })
}
