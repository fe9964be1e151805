package vector

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestRepeats(t *testing.T) {
	for what, c := range map[string]struct {
		value func(i int) int64
		want  bool
	}{
		"one value":                       {func(int) int64 { return 7 }, true},
		"fifty values":                    {func(i int) int64 { return int64(i % 50) }, true},
		"all differ":                      {func(i int) int64 { return int64(i) }, false},
		"each twice":                      {func(i int) int64 { return int64(i / 2) }, false},
		"each four times":                 {func(i int) int64 { return int64(i / 4) }, false},
		"each eight times":                {func(i int) int64 { return int64(i / 8) }, true},
		"known after the first half":      {func(i int) int64 { return int64(i % 2048) }, true},
		"rows of a few long transactions": {func(i int) int64 { return int64(i / 1000) }, true},
	} {
		col := NewBatch(NewLayout([]Field{{Name: "n", Type: schema.Type{Kind: schema.Int64}}})).Columns[0]
		for i := range 4096 {
			col.AppendInt64(c.value(i))
		}
		if got := col.Repeats(4096); got != c.want {
			t.Errorf("%s: Repeats is %t", what, got)
		}
	}
}

func TestRepeatsOfFewOrNoValues(t *testing.T) {
	col := NewBatch(NewLayout([]Field{{Name: "n", Type: schema.Type{Kind: schema.Int64}}})).Columns[0]
	for range 15 {
		col.AppendInt64(1)
	}
	if col.Repeats(4096) {
		t.Error("fifteen values repeat")
	}
	col.Reset()
	for range 100 {
		col.AppendNull()
	}
	if col.Repeats(4096) {
		t.Error("NULLs repeat")
	}
}
