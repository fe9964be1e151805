package stage

import (
	"encoding/binary"
	"testing"
	"time"
)

// Covers when the heartbeat of a following run is due.
func TestPulse(t *testing.T) {
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	never := pulse{next: began}
	beating := pulse{every: time.Minute, next: began.Add(time.Minute)}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {59 * time.Second, false}, {time.Minute, true}, {time.Minute + time.Second, false},
		{119 * time.Second, false}, {3 * time.Minute,
			true}, {3*time.Minute + 59*time.Second, false}} {
		if got := beating.due(began.Add(c.after)); got != c.want {
			t.Errorf("after %s: %v", c.after, got)
		}
		if never.due(began.Add(c.after)) {
			t.Errorf("after %s: it beats without an interval", c.after)
		}
	}
}

// The values of a large message are dropped with it, so that two such messages
// are never in memory.
func TestLargeMessagesAreForgotten(t *testing.T) {
	for size, kept := range map[int]bool{giveBack - 100: true, giveBack: false} {
		data := append([]byte{'I', 0, 0, 0, 7, 'N', 0, 1, 't'}, binary.BigEndian.AppendUint32(nil, uint32(size))...)
		c := &collector{tx: transaction{skip: true}}
		if err := c.receive(150, append(data, make([]byte, size)...)); err != nil {
			t.Fatal(err)
		}
		if got := c.msg.New[:1][0].Data != nil; got != kept {
			t.Errorf("a value of %d bytes is kept: %v", size, got)
		}
	}
}
