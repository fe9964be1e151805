package replicate

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// A drop drops a slot of the source's database, but not one that another session uses.
func TestSlotsThatADropDrops(t *testing.T) {
	for what, c := range map[string]struct {
		slot *postgres.Slot
		want bool
		says string
	}{
		"none":                {},
		"ours":                {&postgres.Slot{Database: "shop"}, true, ""},
		"read by this run":    {&postgres.Slot{Database: "shop", Active: true, Own: true}, true, ""},
		"read by another":     {&postgres.Slot{Name: "s", Database: "shop", Active: true, ActivePID: 7}, false, "slot s is in use by pid 7"},
		"of another database": {&postgres.Slot{Database: "store"}, false, ""},
		"of no database":      {&postgres.Slot{}, false, ""},
	} {
		slot, err := mayDrop(c.slot, "shop")
		said := ""
		if err != nil {
			said = err.Error()
		}
		if failuretest.Reason(t, what, said, c.says); (slot != nil) != c.want {
			t.Errorf("%s: drops %+v", what, slot)
		}
	}
}
