package stage

import (
	"fmt"
	"slices"
	"testing"
)

// If the open segments take too much memory, the largest one gives some up. It
// ends its row group if that frees enough. Otherwise the whole segment ends,
// unless it is being written: then the others end. No row is lost.
func TestOpenSegmentsThatMakeRoom(t *testing.T) {
	const kept, grouped, finished = "kept", "without a row group", "finished"
	const few, some, many = 1_000, 2_000, 40_000
	for name, c := range map[string]struct {
		rows []int // by output; the first is being written
		room bool  // all segments are within the budget
		want []string
	}{
		"they fit":                   {[]int{few, many}, true, []string{kept, kept}},
		"another is large":           {[]int{few, many, some}, false, []string{kept, grouped, kept}},
		"it is large itself":         {[]int{many, few}, false, []string{grouped, kept}},
		"another is wide":            {[]int{few, some, few}, false, []string{kept, finished, kept}},
		"it is wide itself":          {[]int{some, few, few}, false, []string{kept, finished, finished}},
		"it is the only one":         {[]int{few}, false, []string{grouped}},
		"it is the only one, so far": {[]int{0}, false, []string{kept}},
	} {
		n := newNumbers(t, 1<<30, 1<<30)
		var outputs []*output
		var before []int64
		for i, rows := range c.rows {
			o := n.output(fmt.Sprintf("c%d", i))
			if err := n.e.encode(o, n.batch(o, 0, rows)); err != nil {
				t.Fatal(err)
			}
			outputs, before = append(outputs, o), append(before, o.held)
		}
		usual := n.e.budget
		if n.e.budget = n.e.held; !c.room {
			n.e.budget--
		}
		if err := n.e.bound(outputs[0]); err != nil {
			t.Fatal(err)
		}
		n.e.budget = usual
		for i, o := range outputs {
			got := finished
			if o.writer != nil && o.held == before[i] {
				got = kept
			} else if o.writer != nil {
				got = grouped
			}
			if got != c.want[i] || n.e.open[o] != (got != finished) {
				t.Errorf("%s: the segment of %d rows is %s, want %s", name, c.rows[i], got, c.want[i])
			}
		}
		for _, o := range outputs { // from here on the encoder's goroutine has them
			n.e.closeOutput(o, nil, 0, 0)
		}
		if err := n.e.wait(); err != nil {
			t.Fatal(err)
		}
		for i, o := range outputs {
			if list := n.segments(o); len(list) != 1 || !slices.Equal(n.read(list[0]), upTo(c.rows[i])) {
				t.Errorf("%s: segments %+v, want one with its %d rows", name, list, c.rows[i])
			}
		}
	}
}
