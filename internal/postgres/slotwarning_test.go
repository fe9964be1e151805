package postgres

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/finding"
)

// The warning about a slot that fits but may soon be lost.
func TestSlotsThatAreAboutToBeLost(t *testing.T) {
	left := int64(5e6)
	for what, c := range map[string]struct {
		slot      Slot
		what, why string
	}{
		"well": {Slot{WALStatus: "reserved", SafeBytes: &left}, "", ""},
		"unreserved": {Slot{WALStatus: "unreserved"}, "is about to be lost",
			"the server loses it at its next checkpoint; then every table"},
		"unreserved, with a limit": {Slot{WALStatus: "unreserved", SafeBytes: &left}, "is about to be lost", "after 5.0 MB more of WAL"},
		"extended":                 {Slot{WALStatus: "extended"}, "more than max_wal_size", "no limit is set"},
		"extended, with a limit":   {Slot{WALStatus: "extended", SafeBytes: &left}, "more than max_wal_size", "after 5.0 MB more of WAL"},
		"lost, which another says": {Slot{WALStatus: "lost"}, "", ""},
	} {
		w := c.slot.Warning()
		if w == nil {
			w = &finding.Finding{}
		}
		if (w.Remedy == "") != (c.what == "") || (w.What == "") != (c.what == "") || !strings.Contains(w.What, c.what) ||
			!strings.Contains(w.Why, c.why) {
			t.Errorf("%s: %+v", what, w)
		}
	}
}
