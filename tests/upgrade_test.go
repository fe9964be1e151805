//go:build cgo && unix

package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// sinceFormat1 are the fields that entries of format 1 did not have.
var sinceFormat1 = []string{"generation", "hides", "witness", "witnesses", "database_oid"}

// TestPipelineOfTheVersionBefore: a pipeline of ledger format 1 continues where it was, and what the format does not have is
// added.
func TestPipelineOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(shopTables, `CREATE TABLE a (id int PRIMARY KEY, n int, email text)`, `INSERT INTO a VALUES (1, 1, 'one')`)...)
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	w.exec(`ALTER TABLE a ALTER n TYPE text`, `INSERT INTO a VALUES (2, 'two', 'two')`)
	w.must("cdc", "--stage-only") // marked, and not loaded yet
	w.toFormat1()
	w.write(2, 20)
	w.exec(`INSERT INTO a VALUES (3, 'three', 'three')`)
	w.must("cdc")
	if r := w.want(3, "status", "--exit-code"); !strings.Contains(r.stdout, `column "n" changed its type`) {
		t.Errorf("%s\nwant that the mark of the version before holds", r)
	}
	w.must("full-load", "--tables", "a")
	w.exec(`INSERT INTO a VALUES (4, 'four', 'four')`)
	w.must("cdc")
	w.must("status", "--exit-code")
	w.must("verify", "--full")
	w.compare("item", "event", "a")
	w.chained()
	kinds := map[int]int{}
	for _, e := range w.entries() {
		kinds[e.Format]++
	}
	if kinds[1] < 4 || kinds[ledger.Format] < 4 || len(kinds) != 2 {
		t.Errorf("entries by format: %v, want some of 1, then of %d", kinds, ledger.Format)
	}
}

// TestPipelineOfFormat2: a pipeline that a version without births made goes on. What
// that version marked stays marked, and what comes then needs no full load.
func TestPipelineOfFormat2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, v text)`, `INSERT INTO a VALUES (1, 'one')`)
	w.must("full-load")
	w.must("views")
	w.exec(`INSERT INTO a VALUES (2, 'two')`)
	w.must("cdc")
	w.toFormat(2)
	w.exec(`ALTER TABLE a ADD n int NOT NULL DEFAULT 7`, `ALTER TABLE a RENAME v TO w`, `INSERT INTO a VALUES (3, 'three', 3)`)
	w.must("cdc")
	w.must("status", "--exit-code")
	w.must("verify", "--full")
	if got := fmt.Sprint(w.sql("SELECT id, w, n FROM bronze.a_current ORDER BY id").Rows); got != "[[1 one 7] [2 two 7] [3 three 3]]" {
		t.Errorf("the view has %s", got)
	}
	w.chained()
	kinds := map[int]int{}
	for _, e := range w.entries() {
		kinds[e.Format]++
	}
	if kinds[2] < 4 || kinds[ledger.Format] < 1 || len(kinds) != 2 {
		t.Errorf("entries by format: %v, want some of 2, then of %d", kinds, ledger.Format)
	}
}

// toFormat1 writes the ledger as a version of format 1 has it.
func (w *world) toFormat1() {
	w.t.Helper()
	w.toFormat(1)
}

// toFormat writes the ledger as a version of an older format has it.
func (w *world) toFormat(format int) {
	w.t.Helper()
	previous := ""
	for n := int64(1); ; n++ {
		name := filepath.Join(w.root(), ledger.FileName(n))
		raw, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			return
		}
		var entry map[string]any
		if err == nil {
			err = json.Unmarshal(raw, &entry)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if format == 1 {
			without(entry)
		}
		entry["format"], entry["previous"] = format, previous
		if raw, err = json.MarshalIndent(entry, "", " "); err == nil {
			err = os.WriteFile(name, raw, 0o600)
		}
		if err != nil {
			w.t.Fatal(fmt.Errorf("entry %d: %w", n, err))
		}
		sum := sha256.Sum256(raw)
		previous = hex.EncodeToString(sum[:])
	}
}

// without takes the fields that format 1 did not have out of a JSON value.
func without(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range sinceFormat1 {
			delete(v, name)
		}
		for _, inner := range v {
			without(inner)
		}
	case []any:
		for _, inner := range v {
			without(inner)
		}
	}
}

// TestPipelineOfFormat3: a pipeline of the format before that of ledgers without a slot goes on.
func TestPipelineOfFormat3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	w.toFormat(3)
	w.write(2, 10)
	w.must("cdc")
	w.must("full-load", "--tables", "item")
	w.write(3, 10)
	w.must("cdc")
	w.same()
	kinds := map[int]int{}
	for _, e := range w.entries() {
		kinds[e.Format]++
	}
	if kinds[3] < 4 || kinds[ledger.Format] < 3 || len(kinds) != 2 {
		t.Errorf("entries by format: %v, want some of 3, then of %d", kinds, ledger.Format)
	}
}
