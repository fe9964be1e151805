package ui

import (
	"sync"
	"time"
)

// Phase is a part of a run that a Progress shows in a line of its own, above the
// items. All methods may be called from any goroutine and do nothing on a nil
// *Phase.
type Phase struct {
	progress *Progress
	title    func() string
	began    time.Time

	mu       sync.Mutex
	expected map[string]Expected
	tables   int
	weight   int64 // of all expected items
	done     int
	rows     int64 // of items that are done
	bytes    int64
	passed   int64 // weight of items that are done
	reached  int64 // with whole: the share
	whole    int64
	note     string
	quiet    bool
	logged   outlook
	moved    rate // rows
	share    rate // units of share
}

// Expected is an item that a phase will work on.
type Expected struct {
	Name   string
	Rows   int64 // an estimate; 0 or less: unknown
	Weight int64 // its part of the phase, for example its bytes; 0 or less: very little
}

// Phase begins a part of the run. The title is asked for whenever it is shown,
// without locks.
func (p *Progress) Phase(title func() string) *Phase {
	if p == nil {
		return nil
	}
	ph := &Phase{progress: p, title: title, began: p.now(), expected: map[string]Expected{}, share: rate{window: shareWindow}}
	ph.moved.add(ph.began, 0)
	ph.share.add(ph.began, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.phases = append(p.phases, ph)
	}
	return ph
}

// Titled returns a title that stays the same.
func Titled(title string) func() string { return func() string { return title } }

// Expect adds items that the phase will work on. They are counted, and give the
// phase its share and its time left.
func (ph *Phase) Expect(items []Expected) {
	if ph == nil {
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	for _, e := range items {
		e.Name, e.Weight = Plain(e.Name), max(1, e.Weight)
		if _, twice := ph.expected[e.Name]; twice {
			continue
		}
		ph.expected[e.Name] = e
		ph.tables++
		ph.weight += e.Weight
	}
}

// Reach sets the share of a phase that is not measured by its items.
func (ph *Phase) Reach(done, whole int64) {
	if ph == nil {
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.reached, ph.whole = min(done, whole), whole
}

// Note sets a text that is shown after the title.
func (ph *Phase) Note(note string) {
	if ph == nil {
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.note = Plain(note)
}

// Unending says that the phase has no end to wait for. Its line is logged only
// when something has changed.
func (ph *Phase) Unending() {
	if ph == nil {
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.quiet = true
}

// Start begins an item of the phase. It is one of the expected items, or rows is
// an estimate; 0 or less means that none is known.
func (ph *Phase) Start(name string, rows int64) *Item {
	if ph == nil {
		return nil
	}
	ph.mu.Lock()
	e, known := ph.expected[Plain(name)]
	ph.mu.Unlock()
	if known && rows <= 0 {
		rows = e.Rows
	}
	return ph.progress.start(&Item{phase: ph, name: Plain(name), expected: rows, weight: e.Weight})
}

// Passed counts an expected item as done that was never started.
func (ph *Phase) Passed(name string) {
	if ph != nil {
		ph.count(&Item{name: Plain(name), weight: ph.weightOf(Plain(name))})
	}
}

func (ph *Phase) weightOf(name string) int64 {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	return ph.expected[name].Weight
}

// Done ends the phase and its items: they are shown no more.
func (ph *Phase) Done() {
	if ph == nil {
		return
	}
	p := ph.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	var active []*Item
	for _, i := range p.active {
		if i.phase != ph {
			active = append(active, i)
		}
	}
	var phases []*Phase
	for _, other := range p.phases {
		if other != ph {
			phases = append(phases, other)
		}
	}
	p.active, p.phases = active, phases
}

// count adds an item that is done.
func (ph *Phase) count(i *Item) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.done++
	ph.rows += i.rows.Load()
	ph.bytes += i.bytes.Load()
	ph.passed += i.weight
}

// outlook is what a phase shows at one moment.
type outlook struct {
	title, note  string
	done, tables int
	rows, bytes  int64
	rate         float64 // rows a second
	elapsed      time.Duration

	share           float64
	left            time.Duration
	shared, leaving bool // whether share and left are known
}

// shareWindow is the time over which the time left of a phase is estimated. Tables
// end at different times, so it is longer than that of an item.
const shareWindow = time.Minute

// shareUnits are what a share is counted in for its rate.
const shareUnits = 1e9

// look sums up the phase with its active items.
func (ph *Phase) look(active []*Item) outlook {
	title, now := ph.title(), ph.progress.now()
	ph.mu.Lock()
	defer ph.mu.Unlock()
	o := outlook{
		title: Plain(title), note: ph.note, done: ph.done, tables: ph.tables, rows: ph.rows, bytes: ph.bytes, elapsed: now.Sub(ph.began),
	}
	passed := float64(ph.passed)
	for _, i := range active {
		if i.phase != ph {
			continue
		}
		rows := i.rows.Load()
		o.rows += rows
		o.bytes += i.bytes.Load()
		if share, ok := (sight{rows: rows, expected: i.expected}).share(); ok {
			passed += share * float64(i.weight)
		}
	}
	o.rate = ph.moved.add(now, o.rows)
	switch {
	case ph.whole > 0:
		o.share, o.shared = float64(ph.reached)/float64(ph.whole), true
	case ph.weight > 0:
		o.share, o.shared = passed/float64(ph.weight), true
	}
	o.share = min(o.share, 0.99) // a phase that is shown is not done
	if o.shared {
		pace := ph.share.add(now, int64(o.share*shareUnits))
		o.left, o.leaving = timeLeft((1-o.share)*shareUnits, pace)
	}
	return o
}
