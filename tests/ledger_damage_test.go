//go:build cgo && unix

package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// TestLedgerDamage damages an entry. Every command names its file and the fix, ends with 12 and writes nothing; status still
// shows what it can. Once the file is restored, everything continues.
func TestLedgerDamage(t *testing.T) {
	format := fmt.Sprintf(`"format": %d`, ledger.Format)
	const n = 4 // in the middle of six
	stranger := loaded(t)
	foreign := stranger.entry(n)
	for name, c := range map[string]struct {
		spoil func(w *world, raw []byte) []byte // nil removes the file
		says  string
		hint  string
	}{
		"cut off": {func(_ *world, raw []byte) []byte { return raw[:len(raw)/2] }, "unexpected end of JSON input", "put the file back"},
		"emptied": {func(*world, []byte) []byte { return []byte{} }, "unexpected end of JSON input", "put the file back"},
		"garbage": {func(*world, []byte) []byte { return bytes.Repeat([]byte{0, 0xff, '{'}, 100) }, "invalid character", "put the file back"},
		"one value": {func(_ *world, raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"rows": `), []byte(`"rows": 1`), 1)
		}, "", "put the file back"},
		"another entry": {func(w *world, _ []byte) []byte { return w.entry(n + 1) },
			fmt.Sprintf("its content is that of entry %d", n+1), "put the file back"},
		"missing": {func(*world, []byte) []byte { return nil },
			"the entry is missing, but later ones are there", "put the file back"},
		"of another pipeline": {func(*world, []byte) []byte { return foreign }, "", "put the file back"},
		"newer": {func(_ *world, raw []byte) []byte {
			return bytes.Replace(raw, []byte(format), []byte(`"format": 99`), 1)
		},
			"has format 99, and this version reads up to", "use the version of ingest that wrote it, or a newer one"},
		"unknown field": {func(_ *world, raw []byte) []byte {
			return bytes.Replace(raw, []byte(format), []byte(format+`, "shiny": true`), 1)
		},
			"shiny", "put the file back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			path := filepath.Join(w.root(), ledger.FileName(n))
			whole := w.entry(n)
			spoilt := c.spoil(w, bytes.Clone(whole))
			if bytes.Equal(spoilt, whole) {
				t.Fatal("nothing was spoilt")
			}
			err := os.Remove(path)
			if spoilt != nil {
				err = os.WriteFile(path, spoilt, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.behind()
			tables, files, slots := w.picture("item", "event"), w.files(""), w.slots()
			w.allName(c.says, c.hint)
			if diff := cmp.Diff(tables, w.picture("item", "event")); diff != "" {
				t.Errorf("the tables were changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(files, w.files("")); diff != "" || w.slots() != slots {
				t.Errorf("something was written: %s (slots %s, then %s)", diff, slots, w.slots())
			}
			if err := os.WriteFile(path, whole, 0o644); err != nil {
				t.Fatal(err)
			}
			w.sound()
		})
	}
}

// allName insists that every command names the file, the damage and the fix, and that status still shows what it can.
func (w *world) allName(says, hint string) {
	w.t.Helper()
	for _, command := range [][]string{{"cdc"}, {"load"}, {"load", "--repair"}, {"full-load"}, {"full-load", "--repair"}, {"verify"},
		{"status"}, {"status", "--exit-code"}} {
		r := w.want(12, command...)
		message, remedy, _ := strings.Cut(r.stderr[strings.Index(r.stderr, "Error: "):], "\nHint: ")
		if !strings.Contains(message, "ledger/0000000000000000000") || !strings.Contains(message, says) || !strings.Contains(remedy, hint) {
			w.t.Errorf("%s\nwant the file, %q, and the hint %q", r, says, hint)
		}
		if command[0] == "status" && (!strings.Contains(r.stdout, "public.item") || !strings.Contains(r.stdout, "slot      ingest_")) {
			w.t.Errorf("%s\nwant what slot and loads/ say", r)
		}
	}
}

// entry reads an entry's bytes.
func (w *world) entry(n int64) []byte {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.root(), ledger.FileName(n)))
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// TestLedgerDamagedForGood follows the hint where there is no backup: the entry
// and all later ones are moved away, and one command loads all tables again.
func TestLedgerDamagedForGood(t *testing.T) {
	for _, n := range []int64{1, 3, 5, 6} {
		t.Run(fmt.Sprint("entry ", n), func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			if err := os.Truncate(filepath.Join(w.root(), ledger.FileName(n)), 10); err != nil {
				t.Fatal(err)
			}
			r := w.want(12, "cdc")
			if !strings.Contains(r.stderr, "move it and all later entries out of ledger: then `"+reloadAll+"`") {
				t.Error(r)
			}
			for i := int64(6); i >= n; i-- {
				if err := os.Rename(filepath.Join(w.root(), ledger.FileName(i)), filepath.Join(t.TempDir(), "away")); err != nil {
					t.Fatal(err)
				}
			}
			w.behind()
			w.want(12, "cdc")
			w.healedBy(r, reloadAll)
		})
	}
}
