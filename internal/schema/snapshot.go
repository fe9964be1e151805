package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Snapshot is a Postgres snapshot as pg_current_snapshot() prints it, with 64-bit transaction ids. See
// "Transaction ID and Snapshot Information Functions" in the manual.
type Snapshot struct {
	Xmin, Xmax uint64
	Xip        []uint64 // ascending
}

// ParseSnapshot reads xmin:xmax:xip,xip,….
func ParseSnapshot(s string) (Snapshot, error) {
	bad := func() (Snapshot, error) {
		return Snapshot{}, fmt.Errorf("snapshot %q: want xmin:xmax:xip,…", s)
	}
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return bad()
	}
	var snap Snapshot
	var err error
	if snap.Xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return bad()
	}
	if snap.Xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil || snap.Xmax < snap.Xmin {
		return bad()
	}
	if parts[2] == "" {
		return snap, nil
	}
	for p := range strings.SplitSeq(parts[2], ",") {
		id, err := strconv.ParseUint(p, 10, 64)
		if err != nil {
			return bad()
		}
		snap.Xip = append(snap.Xip, id)
	}
	slices.Sort(snap.Xip)
	return snap, nil
}

// String prints the snapshot as Postgres does.
func (s Snapshot) String() string {
	ids := make([]string, len(s.Xip))
	for i, id := range s.Xip {
		ids[i] = strconv.FormatUint(id, 10)
	}
	return fmt.Sprintf("%d:%d:%s", s.Xmin, s.Xmax, strings.Join(ids, ","))
}

// MarshalText writes the snapshot as String does.
func (s Snapshot) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Snapshot) UnmarshalText(text []byte) error {
	parsed, err := ParseSnapshot(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Visible reports whether a committed transaction's rows are in the snapshot. An id at or above Xmax
// is never visible, whether it is in Xip or not.
func (s Snapshot) Visible(id uint64) bool {
	if id < s.Xmin {
		return true
	}
	if id >= s.Xmax {
		return false
	}
	_, running := slices.BinarySearch(s.Xip, id)
	return !running
}

// Covers reports whether every transaction that is visible in older is visible in s too. That is so if
// older was taken first, or if no transaction ended between the two.
func (s Snapshot) Covers(older Snapshot) bool {
	return older.Xmax <= s.Xmax && !slices.ContainsFunc(s.Xip, older.Visible)
}

// WidenXID adds the epoch to a 32-bit transaction id. The result is the 64-bit id nearest to reference
// with these low bits. Ids in use are never more than 2^31 apart.
func WidenXID(reference uint64, xid uint32) uint64 {
	return reference + uint64(int64(int32(xid-uint32(reference))))
}
