package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
)

// manySnapshots returns the state of a ledger in which n tables share one
// snapshot. Two of the tables also have a newer one.
func manySnapshots(t *testing.T, n int) *State {
	t.Helper()
	l := open(t, newMemory(), "20260304T050607Z-1a2b")
	add(t, l, origin(10))
	var tables []schema.TableName
	for i := range n {
		tables = append(tables, table(fmt.Sprintf("table_%04d", i)))
	}
	first := add(t, l, begin(15, tables...)).Number
	for _, name := range tables {
		add(t, l, done(first, name, column("id")))
	}
	second := add(t, l, begin(20, tables[:2]...)).Number
	for _, name := range tables[:2] {
		add(t, l, done(second, name, column("id")))
	}
	return l.State()
}

// A checkpoint stores what the tables of one snapshot share only once. It grows
// linearly with the number of tables, not quadratically.
func TestCheckpointNamesABeginOnce(t *testing.T) {
	s := manySnapshots(t, 300)
	raw, err := encodeCheckpoint(s, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	// Both are also open: changes that their snapshots show may still arrive.
	if n := strings.Count(string(raw), `"fence"`); n != 2+len(s.Open) {
		t.Errorf("%d begin entries are in the checkpoint, want 2 and %d open ones", n, len(s.Open))
	}
	got, err := decodeCheckpoint(s.Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	s.Packed, s.PackedChecksum = s.Head, s.Checksum // as after decoding
	if diff := cmp.Diff(s.Sorted(), got.Sorted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// sealed returns a checkpoint's form with the digest of its bytes.
func sealed(t *testing.T, form map[string]any) []byte {
	t.Helper()
	form["digest"] = noDigest
	raw, err := marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(raw, []byte(noDigest), []byte(digestOf(raw)), 1)
}

func TestCheckpointOfFormat1IsRead(t *testing.T) {
	s := manySnapshots(t, 5)
	raw, err := encodeCheckpoint(s, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]any
	if err := json.Unmarshal(raw, &form); err != nil {
		t.Fatal(err)
	}
	begins := map[float64]any{}
	for _, b := range form["begins"].([]any) {
		b := b.(map[string]any)
		begins[b["number"].(float64)] = b["begin"]
	}
	delete(form, "begins")
	lacking := sealed(t, form)
	for _, one := range form["tables"].([]any) {
		one := one.(map[string]any)
		one["begin"] = begins[one["snapshot"].(map[string]any)["begin"].(float64)]
	}
	form["format"] = 1
	got, err := decodeCheckpoint(s.Head, sealed(t, form))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Sorted(), got.Sorted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := decodeCheckpoint(s.Head, lacking); err == nil || !strings.Contains(err.Error(), "it lacks entry") {
		t.Errorf("a checkpoint without its begin entries: %v", err)
	}
}
