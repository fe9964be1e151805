//go:build cgo && unix

package tests

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse"
)

// TestLogsThatEndGoSideBySide: before full loads replace logs, the histories are brought to the end of these logs, several tables
// in parallel, and each in the log's order.
func TestLogsThatEndGoSideBySide(t *testing.T) {
	t.Parallel()
	w := keeping(t, shopTables...)
	w.must("full-load")
	for i := range 2 { // two logs that end, one behind the other
		w.exec(`UPDATE item SET note = note || '.'`, `UPDATE event SET at = coalesce(at, '') || '.'`)
		w.must("cdc", "--stage-only")
		if i == 0 {
			w.must("full-load", "--stage-only")
		}
	}
	w.exec(`UPDATE item SET note = note || '!'`, `UPDATE event SET at = at || '!'`)
	var mu sync.Mutex
	sent, both := map[string]int{}, make(chan struct{})
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		sql, ok := statement(r)
		if !ok || !strings.HasPrefix(sql, "MERGE INTO") || !strings.Contains(sql[:min(len(sql), 80)], "_history_data`") {
			return nil
		}
		table := "item"
		if strings.Contains(sql[:80], "event_history") {
			table = "event"
		}
		mu.Lock()
		if sent[table]++; len(sent) == 2 && sent["item"]+sent["event"] == 2 {
			close(both)
		}
		mu.Unlock()
		waitFor(t, both, "the other table's statement")
		return nil
	})
	w.must("full-load")
	w.on(nil)
	if sent["item"] != sent["event"] || sent["item"] < 4 {
		t.Errorf("statements for the histories: %v, want as many for each, and two logs that end", sent)
	}
	w.must("cdc")
	w.keptSound()
	for _, table := range []string{"item", "event"} {
		if n := w.lines("SELECT count(*) FROM (SELECT id FROM bronze." + table + "_history GROUP BY id HAVING count(*) >= 4)"); n == "0" {
			t.Errorf("no row of %s has a period for each of its changes", table)
		}
	}
	w.must("verify", "--full")
}
