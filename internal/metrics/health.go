package metrics

import (
	"fmt"
	"strings"
	"time"
)

// Health is how long a healthy run may do nothing. Finding nothing to do counts as doing something.
type Health struct {
	Staging, Loading Allowance
}

// Allowance is the longest time between two successes of an activity that has an interval. Without an
// interval the activity is not watched.
type Allowance struct {
	Interval, Least time.Duration
}

// The least allowances. Staging may have to wait for a server that restarts, and for one call that
// decodes much WAL. A load may wait ten minutes for another run, and then for a warehouse that starts.
const (
	leastStaging = 5 * time.Minute
	leastLoading = 15 * time.Minute
)

// HealthOf is the rule for a run with these intervals. A run that loads nothing has no interval for it.
func HealthOf(staging, loading time.Duration) Health {
	return Health{Allowance{staging, leastStaging}, Allowance{loading, leastLoading}}
}

// Longest is three intervals, and at least Least.
func (a Allowance) Longest() time.Duration { return max(3*a.Interval, a.Least) }

// Healthy reports whether the run is healthy, with a sentence for people.
func (r *Record) Healthy() (ok bool, sentence string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.healthy()
}

func (r *Record) healthy() (ok bool, sentence string) {
	now := r.now()
	var works []string
	for _, one := range []struct {
		what, done, key string
		since           time.Time
		allowed         Allowance
	}{
		{"staging", "staged", "staging.entry_interval", r.staging, r.health.Staging},
		{"loading", "loaded", "load.interval", r.loading, r.health.Loading},
	} {
		if one.allowed.Interval == 0 {
			continue
		}
		age := now.Sub(one.since).Round(time.Second)
		if age <= one.allowed.Longest() {
			works = append(works, fmt.Sprintf("%s worked %s ago", one.what, age))
			continue
		}
		sentence := fmt.Sprintf("nothing was %s for %s; with %s = %s the limit is %s", one.done, age, one.key,
			one.allowed.Interval, one.allowed.Longest())
		if r.because != nil && r.failed.After(one.since) {
			sentence += ". The newest error is: " + strings.Join(strings.Fields(r.because.Error()), " ")
		}
		return false, sentence
	}
	return true, strings.Join(works, ", and ")
}
