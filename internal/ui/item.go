package ui

import (
	"cmp"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Item is one piece of work that a Progress shows. All methods may be called
// from any goroutine and do nothing on a nil *Item.
type Item struct {
	progress *Progress
	phase    *Phase // nil: it belongs to no phase
	name     string
	expected int64
	weight   int64 // its part of the phase
	began    time.Time

	rows, bytes atomic.Int64

	mu   sync.Mutex
	rate rate
}

// Add counts rows and bytes that are done. It costs two additions.
func (i *Item) Add(rows, bytes int64) {
	if i == nil {
		return
	}
	i.rows.Add(rows)
	i.bytes.Add(bytes)
}

// Done ends the item, whether it was finished or not: it is shown no more. Its
// phase counts it as done. A second call does nothing.
func (i *Item) Done() {
	if i != nil {
		i.progress.remove(i)
	}
}

// sight is what an item shows at one moment.
type sight struct {
	rows, bytes, expected int64
	rate                  float64 // rows a second
}

func (i *Item) look() sight {
	rows := i.rows.Load()
	i.mu.Lock()
	defer i.mu.Unlock()
	return sight{
		rows: rows, bytes: i.bytes.Load(), expected: i.expected,
		rate: i.rate.add(i.progress.now(), rows),
	}
}

// share is the part that is done. An estimate can be wrong: an item that is
// shown is not done, so the share stays below 1.
func (s sight) share() (float64, bool) {
	if s.expected <= 0 {
		return 0, false
	}
	return min(float64(s.rows)/float64(s.expected), 0.99), true
}

// left is the time that the rest takes at the present rate. There is none when
// the estimate is reached or nothing moves.
func (s sight) left() (time.Duration, bool) {
	return timeLeft(float64(s.expected-s.rows), s.rate)
}

// timeLeft is how long the rest takes, in whole seconds, and at least one: what
// is shown is not done.
func timeLeft(rest, rate float64) (time.Duration, bool) {
	if rest <= 0 || rate <= 0 {
		return 0, false
	}
	seconds := rest / rate
	if seconds > (math.MaxInt64 / 2 / float64(time.Second)) {
		return 0, false
	}
	return max(time.Second, time.Duration(seconds*float64(time.Second)).Round(time.Second)), true
}

func shareText(share float64, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d%%", int(share*100))
}

func leftText(left time.Duration, ok bool) string {
	if !ok {
		return ""
	}
	return Duration(left).String() + " left"
}

// rateWindow is the time over which a rate is taken: long enough to be steady,
// short enough to show a stall.
const rateWindow = 10 * time.Second

// rate is the speed over the last window, from samples a second apart.
type rate struct {
	window  time.Duration // 0: rateWindow
	samples []sample      // oldest first
}

type sample struct {
	at   time.Time
	rows int64
}

// add takes a sample and returns rows a second since the oldest one kept.
func (r *rate) add(now time.Time, rows int64) float64 {
	if n := len(r.samples); n == 0 || now.Sub(r.samples[n-1].at) >= time.Second {
		r.samples = append(r.samples, sample{now, rows})
	}
	// The newest sample that is older than the window is where it begins.
	window := cmp.Or(r.window, rateWindow)
	for len(r.samples) > 1 && now.Sub(r.samples[1].at) >= window {
		r.samples = r.samples[1:]
	}
	elapsed := now.Sub(r.samples[0].at).Seconds()
	if elapsed <= 0 {
		return 0
	}
	return float64(rows-r.samples[0].rows) / elapsed
}
