package wait

import (
	"context"
	"math/rand/v2"
	"time"
)

// For waits for d. It is ctx's error if that ends first.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Backoff says how long to wait before the next attempt: each time about twice
// as long, and never quite the same, so that those who failed together do not
// come back together. The zero value is ready. One goroutine uses it.
type Backoff struct {
	Least  time.Duration  // 0: a second
	Most   time.Duration  // 0: a minute
	Random func() float64 // from 0 to below 1; nil: math/rand

	failures int
}

// Next is the time to wait after one more failure: at least Least, at most
// Most.
func (b *Backoff) Next() time.Duration {
	least, most, random := b.Least, b.Longest(), b.Random
	if least <= 0 {
		least = time.Second
	}
	if random == nil {
		random = rand.Float64
	}
	step := least
	for range b.failures {
		if step >= most {
			break
		}
		step *= 2
	}
	b.failures++
	return min(most, step+time.Duration(random()*float64(step)))
}

// Longest is the most that Next gives.
func (b *Backoff) Longest() time.Duration {
	if b.Most <= 0 {
		return time.Minute
	}
	return b.Most
}

// Reset is for after a success: the next wait is a short one again.
func (b *Backoff) Reset() { b.failures = 0 }
