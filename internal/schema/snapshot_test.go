package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotReadsBack(t *testing.T) {
	for _, text := range []string{"10:10:", "10:20:10,14", "18446744073709551614:18446744073709551615:"} {
		var s Snapshot
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if s.String() != text {
			t.Errorf("%q reads back as %q", text, s)
		}
	}
	unsorted, err := ParseSnapshot("10:20:14,10")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{10, 14}, unsorted.Xip); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "10", "10:20", "10:20::", "x:20:", "20:10:", "10:20:x", "10:20:10,", "-1:20:"} {
		if s, err := ParseSnapshot(text); err == nil {
			t.Errorf("%q is read as %s", text, s)
		}
	}
}

// A running id may be missing from Xip if it is not below Xmax.
func TestSnapshotVisible(t *testing.T) {
	s := Snapshot{Xmin: 10, Xmax: 20, Xip: []uint64{10, 14}}
	for id, want := range map[uint64]bool{9: true, 10: false, 11: true, 14: false, 19: true, 20: false, 21: false, 1 << 40: false} {
		if got := s.Visible(id); got != want {
			t.Errorf("%d is visible: %v, want %v", id, got, want)
		}
	}
}

func TestWidenXID(t *testing.T) {
	const epoch = 1 << 32
	for _, tt := range []struct {
		reference uint64
		xid       uint32
		want      uint64
	}{
		{100, 90, 90}, {100, 110, 110},
		{epoch + 5, 0xfffffffe, epoch - 2}, // begun before the ids wrapped
		{epoch - 2, 5, epoch + 5},          // begins after they wrap
		{7*epoch + 100, 90, 7*epoch + 90},
		{3*epoch + 1<<31, 1, 3*epoch + 1},
	} {
		if got := WidenXID(tt.reference, tt.xid); got != tt.want {
			t.Errorf("id %d near %d: %d, want %d", tt.xid, tt.reference, got, tt.want)
		}
	}
}

func TestSnapshotCovers(t *testing.T) {
	for _, tt := range []struct {
		snapshot, older string
		want            bool
	}{
		{"10:20:10,12", "10:20:10,12", true},
		{"10:20:10", "10:20:10,12", true},  // 12 ended in between
		{"12:25:12", "10:20:10,12", true},  // and others began
		{"10:20:10,12", "10:20:10", false}, // 12 ended before the older one
		{"10:20:10,12", "12:25:12", false}, // it is the younger one
		{"10:20:10", "20:20:", false},      // 10 ended
		{"20:20:", "5:21:5", false},        // 20 ended
		{"10:20:15", "10:15:", true},       // 15 had not begun
	} {
		snapshot, err := ParseSnapshot(tt.snapshot)
		if err != nil {
			t.Fatal(err)
		}
		older, err := ParseSnapshot(tt.older)
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshot.Covers(older); got != tt.want {
			t.Errorf("%s covers %s: %v, want %v", tt.snapshot, tt.older, got, tt.want)
		}
	}
}
