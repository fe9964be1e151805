//go:build cgo && unix

package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
)

// grownOld adds n entries to the pipeline, each with an update of item's row 5000 that changed nothing. The ledger has them,
// compacted; the table has their rows; and the slot is past them. There are no packs, which only a repair reads.
func (w *world) grownOld(n int64) (first int64) {
	w.t.Helper()
	const width = 8 // bytes of WAL of an entry
	w.exec(`UPDATE item SET note = 'aged' WHERE id = 5000`)
	w.must("cdc")
	entries := w.entries()
	first = int64(len(entries)) + 1
	head, start := first+n-1, w.position()
	at := start + pglogrepl.LSN(width*(n-1))

	// The newest entry. The files of those before it only have to be there.
	newest := entries[first-2]
	c := *newest.Changes
	newest.Number, newest.Previous, newest.Changes = head, strings.Repeat("ab", sha256.Size), &c
	c.Start, c.End = at, at+width
	c.Tables = slices.DeleteFunc(slices.Clone(c.Tables), func(t ledger.TableChanges) bool { return t.Table.Name != "item" })
	c.Tables[0].Segments = []ledger.Segment{
		{Path: "segments/aged/public.item/1.parquet", Rows: 1, Bytes: 1, Checksum: "ab", First: at, Last: at},
	}
	raw := w.json(newest)
	w.oldCheckpoint(&newest, sha256.Sum256(raw), first)
	for number := max(first, head-ledger.Kept+1); number <= head; number++ {
		w.place(ledger.FileName(number), raw)
	}

	for range 2 { // the second one puts the first one's end on disk
		w.exec(fmt.Sprintf(`SELECT pg_logical_emit_message(true, 'test', repeat('x', %d))`, width*n+8192))
	}
	w.ask(`SELECT count(pg_replication_slot_advance(slot_name, $1::text::pg_lsn))::text FROM pg_replication_slots
		WHERE database = current_database()`, c.End.String())
	w.byHand(fmt.Sprintf("INSERT INTO $ SELECT t.id, amount, note, big, 'update', %d + %d * r.id, 1, %d + %d * r.id, "+
		"`_commit_ts`, `_xid`, NULL, NULL, NULL, %d + r.id, `_loaded_ts` "+
		"FROM $ t CROSS JOIN range(%d) r WHERE t.id = 5000 AND `_entry` = %d", start, width, start, width, first, n, first-1))
	return first
}

// oldCheckpoint writes the checkpoint of the newest entry, which folds item's
// rows from the entry first on, one in each.
func (w *world) oldCheckpoint(newest *ledger.Entry, checksum [sha256.Size]byte, first int64) {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), w.target.Files(), ledger.Options{Run: "20260101T000000Z-aaaaaa", Version: "0.0.0", Now: time.Now})
	if err == nil {
		_, err = l.Compact(w.t.Context(), nil)
	}
	var young map[string]any
	if err == nil {
		var raw []byte
		if raw, err = w.target.Files().Read(w.t.Context(), ledger.CheckpointName(first-1)); err == nil {
			err = json.Unmarshal(raw, &young)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	state := l.State()
	for _, t := range young["tables"].([]any) {
		if t := t.(map[string]any); t["table"] == "public.item" {
			folded := ledger.FoldedChanges{First: state.Head, Last: newest.Number - 1, Columns: newest.Changes.Tables[0].Columns}
			for _, part := range state.Tables[newest.Changes.Tables[0].Table].Changes {
				folded.First = min(folded.First, part.Entry)
				for _, s := range part.Segments {
					folded.Rows += s.Rows
				}
			}
			folded.Rows += newest.Number - first
			folded.Ops = map[schema.Op]int64{schema.OpUpdate: folded.Rows}
			t["folded"] = []ledger.FoldedChanges{folded}
			part := map[string]any{"entry": newest.Number, "start": newest.Changes.Start.String(), "end": newest.Changes.End.String()}
			if err := json.Unmarshal(w.json(newest.Changes.Tables[0]), &part); err != nil {
				w.t.Fatal(err)
			}
			t["changes"] = []any{part}
		}
	}
	young["number"], young["checksum"], young["position"] = newest.Number, hex.EncodeToString(checksum[:]), newest.Changes.End.String()
	young["digest"] = strings.Repeat("0", 2*sha256.Size)
	raw := w.json(young)
	digest := sha256.Sum256(raw)
	w.place(ledger.CheckpointName(newest.Number),
		bytes.Replace(raw, []byte(young["digest"].(string)), []byte(hex.EncodeToString(digest[:])), 1))
}

func (w *world) json(v any) []byte {
	w.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// place writes a file of the pipeline's directory.
func (w *world) place(name string, data []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.root(), name), data, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// TestRowsOfManyEntries: a table with rows of many entries passes verify, a load that counts all of it, and a load after a lost
// answer. A missing row is still found.
func TestRowsOfManyEntries(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	first := w.grownOld(databricks.MaxResultRows + 500)
	before := len(w.server.Statements())
	w.must("verify", "--full")
	w.must("load", "--tables", "item")
	w.removeCache()
	w.behind()
	w.must("cdc")
	w.behind()
	lost := false
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if sql, ok := statement(r); ok && strings.HasPrefix(sql, "COPY INTO") && strings.Contains(sql, "`item`") && !lost {
			lost = true
			return &lakehouse.Fault{Kind: lakehouse.LoseResponse, Reset: true}
		}
		return nil
	})
	w.must("cdc")
	w.on(nil)
	if !lost {
		t.Error("no answer was lost")
	}
	for _, sql := range w.server.Statements()[before:] {
		if len(sql) > 20_000 {
			t.Errorf("a statement has %d bytes: %.200s", len(sql), sql)
		}
	}
	w.must("verify")
	w.byHand(fmt.Sprintf("DELETE FROM $ WHERE `_entry` = %d", first+1000))
	if r := w.want(3, "verify"); !strings.Contains(r.stdout, "does not hold what was loaded") {
		t.Errorf("%s\nwant that a row is missing", r)
	}
}
