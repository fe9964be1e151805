package ledger

import (
	"context"
	"fmt"
	"time"
)

// Two runs append to one ledger. The second one finds its place taken, reads what
// the first one wrote, and decides again.
func Example() {
	ctx := context.Background()
	store := newMemory() // a Volume's directory, in production
	open := func(run string) *Ledger {
		l, err := Open(ctx, store, Options{Run: run, Version: "1.0.0", Now: time.Now})
		if err != nil {
			panic(err)
		}
		return l
	}
	origin := func(slot string) *Origin {
		return &Origin{
			System: "7000000000000000001", Timeline: 1, Database: "chinook", Slot: slot, Publications: []string{"p"}, ConsistentPoint: 100,
		}
	}
	first, second := open("first"), open("second")
	entry, err := first.Append(ctx, 0, origin("ingest_chinook"))
	fmt.Println("first:", entry.Number, err)
	_, err = second.Append(ctx, 0, origin("another"))
	fmt.Println("second:", err != nil)
	state, err := second.Refresh(ctx)
	fmt.Println("the slot is", state.Origin.Slot, err)
	// Output:
	// first: 1 <nil>
	// second: true
	// the slot is ingest_chinook <nil>
}
