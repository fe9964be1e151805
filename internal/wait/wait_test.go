package wait

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestForEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := For(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	if err := For(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

func TestBackoffGrowsToItsMostAndRestarts(t *testing.T) {
	b := Backoff{Random: func() float64 { return 0.5 }}
	var got []time.Duration
	for range 8 {
		got = append(got, b.Next())
	}
	b.Reset()
	got = append(got, b.Next())
	want := []time.Duration{1500, 3000, 6000, 12000, 24000, 48000, 60000, 60000, 1500}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	b := Backoff{Least: 10 * time.Millisecond, Most: 35 * time.Millisecond}
	seen := map[time.Duration]bool{}
	for i := range 1000 {
		d := b.Next()
		if d < b.Least || d > b.Most {
			t.Fatalf("%v is not from %v to %v", d, b.Least, b.Most)
		}
		seen[d] = true
		if i%4 == 3 {
			b.Reset()
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d different waits only", len(seen))
	}
}
