package loads

import "time"

// Past is what one load did, or several that followed one another.
type Past struct {
	First time.Time `json:"first"` // when the first of them ended
	Last  time.Time `json:"last"`  // when the last of them ended
	Loads int       `json:"loads"`
	Entry int64     `json:"entry"` // newest entry that a table has rows of
	Rows  int64     `json:"rows"`
	// Tables that were loaded from a snapshot, that got changes, whose current state or history alone
	// was brought forward, and that were quarantined. Several loads count a table several times.
	Snapshots   int `json:"snapshots,omitempty"`
	Changed     int `json:"changed,omitempty"`
	Kept        int `json:"kept,omitempty"`
	Quarantined int `json:"quarantined,omitempty"`
}

// The newest loads are recorded one by one. Older ones are added up by the hour, and forgotten after
// two weeks or more. A file of the cache has at most about 70 kB of them.
const (
	singlePast = 30
	pastSpan   = time.Hour
	mostPast   = singlePast + 24*14
)

// Note records a load.
func (c *Cache) Note(p Past) {
	c.Past = append(c.Past, p)
	// Those before the newest were added up when they became old, so only the newest old one is new.
	if old := len(c.Past) - singlePast - 1; old > 0 {
		before, next := &c.Past[old-1], c.Past[old]
		if before.First.Truncate(pastSpan).Equal(next.First.Truncate(pastSpan)) {
			before.add(next)
			c.Past = append(c.Past[:old], c.Past[old+1:]...)
		}
	}
	if n := len(c.Past) - mostPast; n > 0 {
		c.Past = append([]Past(nil), c.Past[n:]...)
	}
}

func (p *Past) add(o Past) {
	p.Last, p.Entry = o.Last, max(p.Entry, o.Entry)
	p.Loads += o.Loads
	p.Rows += o.Rows
	p.Snapshots += o.Snapshots
	p.Changed += o.Changed
	p.Kept += o.Kept
	p.Quarantined += o.Quarantined
}
