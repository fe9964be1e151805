package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sampleLedger appends one entry of each kind with every field set.
func sampleLedger(t *testing.T) (*memory, []*Entry) {
	t.Helper()
	store := newMemory()
	l := open(t, store, "20260304T050607Z-1a2b")
	l.state.Ledger = "5f0c3c1e-8a4f-4c61-9d2e-0123456789ab" // otherwise random
	var entries []*Entry
	last := time.Date(2026, 3, 4, 5, 6, 0, 123456000, time.UTC)
	list := schema.Type{Kind: schema.List, Elem: &schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}}
	columns := []schema.Column{column("id"), {
		Name: "prices", Number: 3, Type: list,
		Postgres: schema.PostgresType{OID: 1231, Typmod: 655366, Name: "numeric(10,2)[]", Base: 1231, BaseTypmod: 655366, Class: "b",
			Elem: &schema.PostgresType{OID: 1700, Typmod: 655366, Name: "numeric(10,2)", Base: 1700, BaseTypmod: 655366, Class: "b", Delim: ","}},
	}}
	add(t, l, origin(0x16B374D848))
	b := begin(0x16B374E000, orders, schema.TableName{Schema: "Sales <&>", Name: `odd"name.`})
	b.Tables[0].Hides = &Hidden{}
	b.Tables[1].Hides = &Hidden{Masks: map[string]schema.Mask{"email": {Kind: schema.MaskFixed, Fixed: "***"}}, Excluded: []string{"card"}}
	add(t, l, b)
	d := done(2, orders, columns...)
	d.Partitions, d.Rescued = []uint32{16390, 16391}, map[string]int64{"prices": 1}
	add(t, l, d)
	add(t, l, &Abandoned{Begin: 2, Tables: []schema.TableName{{Schema: "Sales <&>", Name: `odd"name.`}}, Reason: "permission denied"})
	c := changes(0x16B374D848, 0x17B0000000, orders)
	c.LastCommit, c.Unsettled = &last, []uint64{4294967299}
	c.Tables[0].Segments[0].VisibleIn = nil
	c.Tables[0].Columns, c.Tables[0].Rescued = columns, map[string]int64{"prices": 2}
	c.Tables[0].Generation, c.Tables[0].Excluded = 2, []string{"card"}
	text := "1e400"
	c.Tables[0].Births = []Birth{
		{Number: 3, Column: "prices", Was: "price", From: "price", Type: list, LSN: 0x16B374F000, Seq: 1},
		{Number: 4, Column: "vat", Type: schema.Type{
			Kind: schema.Decimal, Precision: 4, Scale: 2,
		}, Value: json.RawMessage(`"19.00"`), LSN: 0x16B374F000, Seq: 1},
		{
			Number: 5, Column: "limit", Type: schema.Type{Kind: schema.Decimal, Precision: 38, Scale: 10}, Rescued: &text, LSN: 0x16B374F000, Seq: 1,
		},
	}
	c.Ahead = []TableAhead{{
		Table: orders, Begin: 2, Columns: columns[:1],
		Births: []Birth{{Number: 1, Column: "id", Was: "no", From: "no", Type: schema.Type{Kind: schema.Int64}}},
	}}
	c.Reload = []ReloadMark{
		{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`},
		{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`, Generation: 2},
	}
	add(t, l, c)
	add(t, l, &End{Reason: "dropped by ingest drop"})
	add(t, l, &Origin{System: "7000000000000000001", Timeline: 1, Database: "shop", DatabaseOID: 16401, Publications: []string{},
		Changes: ChangesNone, ConsistentPoint: 0x17B0000100})
	for n := int64(1); n <= l.state.Head; n++ {
		var e Entry
		if err := strict(store.files[FileName(n)], &e); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, &e)
	}
	return store, entries
}

// The golden files document the format. A difference is a format change and
// needs a new format number.
func TestEntriesAreWrittenAsDocumented(t *testing.T) {
	store, entries := sampleLedger(t)
	for _, e := range entries {
		t.Run(string(e.Kind), func(t *testing.T) {
			got := store.files[FileName(e.Number)]
			golden := filepath.Join("testdata", string(e.Kind)+".json")
			if e.Origin != nil && !e.Origin.Replicates() {
				golden = filepath.Join("testdata", "origin-none.json")
			}
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("format changed (-want +got):\n%s", diff)
			}
		})
	}
}

// A ledger of an older format is read and continued in the current format.
func TestLedgerOfAnOlderFormatGoesOn(t *testing.T) {
	// Its changes lie beyond the snapshot's fence, so they count. Its mark
	// applies to every snapshot that begins before the mark.
	goesOn(t, "format1", 2, &ReloadMark{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`})
	goesOn(t, "format2", 2, &ReloadMark{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`})
	goesOn(t, "format3", 2, &ReloadMark{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`})
}

func goesOn(t *testing.T, format string, generation int64, reload *ReloadMark) {
	t.Helper()
	store := newMemory()
	for i, kind := range []Kind{KindOrigin, KindBegin, KindDone, KindAbandoned, KindChanges} {
		raw, err := os.ReadFile(filepath.Join("testdata", format, string(kind)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		store.files[FileName(int64(i+1))] = raw
	}
	l := open(t, store, "r")
	s := l.State().Tables[orders]
	want(t, "generation", s.Changes[0].Generation, generation)
	want(t, "reload", s.Reload, reload)
	add(t, l, begin(0x17B0000000, orders))
	add(t, l, done(6, orders, column("id")))
	s = open(t, store, "r2").State().Tables[orders]
	want(t, "columns", s.Columns, []schema.Column{column("id")})
	want(t, "reload after a newer snapshot", s.Reload, (*ReloadMark)(nil))
}

func TestEntriesRoundTrip(t *testing.T) {
	store, entries := sampleLedger(t)
	if len(entries) != 7 {
		t.Fatalf("%d entries, want one of each of 6 kinds, and two of origin", len(entries))
	}
	for _, e := range entries {
		line, err := marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if err := json.Indent(&again, line, "", " "); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(store.files[FileName(e.Number)]), again.String()); diff != "" {
			t.Errorf("%s: (-first +again)\n%s", e.Kind, diff)
		}
	}
	b := entries[1].Begin
	if b.Fence != 0x16B374E000 || b.Sort != 0x16B374DFFF || b.Snapshot.String() != "700:705:702" {
		t.Errorf("begin came back as %+v", b)
	}
	want := ReloadMark{Table: orders, LSN: 0x16B374F000, Reason: `column "prices" was renamed`}
	if diff := cmp.Diff(want, entries[4].Changes.Reload[0]); diff != "" {
		t.Error(diff)
	}
	if s := entries[4].Changes.Tables[0].Segments[0]; s.First != 0x16B374D848 || s.Last != 0x17AFFFFFFF {
		t.Errorf("segment came back as %+v", s)
	}
}

func TestEveryEntryIsWhatAppendReturned(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	for _, body := range []any{origin(10), begin(20, orders), done(2, orders, column("id")), changes(10, 30, orders), &End{Reason: "x"}} {
		e := add(t, l, body)
		var stored Entry
		if err := strict(store.files[FileName(e.Number)], &stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, &stored, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-returned +stored)\n%s", e.Kind, diff)
		}
	}
}

func TestLSNText(t *testing.T) {
	for _, lsn := range []pglogrepl.LSN{0, 1, 0x16B374D848, 0xFFFFFFFFFFFFFFFF} {
		text, err := lsnText(lsn).MarshalText()
		if err != nil || string(text) != lsn.String() {
			t.Errorf("%d is written as %s, %v", lsn, text, err)
		}
		var back lsnText
		if err := back.UnmarshalText(text); err != nil || pglogrepl.LSN(back) != lsn {
			t.Errorf("%s is read as %d, %v", text, back, err)
		}
	}
	for _, bad := range []string{"", "/", "16", "16/", "/16", "16/B374D848x", "16/B374D848 ", " 16/1", "16/1/2", "-1/0", "+1/0", "0x16/1",
		"1_6/1", "100000000/0", "0/100000000", "16/G"} {
		lsn := lsnText(77)
		if err := lsn.UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), "16/B374D848") {
			t.Errorf("%q is read as %s, %v", bad, pglogrepl.LSN(lsn), err)
		}
	}
}

// Every field of every entry is renamed or given a value of a wrong type. Each
// time the entry is refused and the error names the file.
func TestDamagedEntriesAreRefused(t *testing.T) {
	store, entries := sampleLedger(t)
	field := regexp.MustCompile(`(?m)^ *"([a-z_]+)":`)
	for _, e := range entries {
		name := FileName(e.Number)
		good := store.files[name]
		for _, at := range field.FindAllSubmatchIndex(good, -1) {
			renamed := bytes.Join([][]byte{good[:at[2]], []byte("unheard_of"), good[at[3]:]}, nil)
			wantDamaged(t, store, name, renamed, "renamed "+string(good[at[2]:at[3]]))
			retyped := bytes.Join([][]byte{good[:at[1]], []byte(` [[true]], "unheard_of":`), good[at[1]:]}, nil)
			wantDamaged(t, store, name, retyped, "retyped "+string(good[at[2]:at[3]]))
		}
	}
	changed := map[string]struct{ entry, from, to string }{
		"cut short":         {"changes", "\n}\n", "\n"},
		"two values":        {"changes", "\n}\n", "\n}\n{}"},
		"bad LSN":           {"changes", `"17/B0000000"`, `"17/B0000000z"`},
		"LSN as a number":   {"changes", `"17/B0000000"`, `17`},
		"LSN null":          {"origin", `"16/B374D848"`, `null`},
		"LSN missing":       {"begin", `"16/B374E000"`, `"0/0"`},
		"bad type":          {"done", `"ARRAY<DECIMAL(10,2)>"`, `"ARRAY<DECIMAL(40,2)>"`},
		"bad snapshot":      {"begin", `"700:705:702"`, `"700:70"`},
		"no snapshot":       {"begin", `"700:705:702"`, `"0:0:"`},
		"bad table name":    {"abandoned", `odd\"\"name.\"`, `odd\"name.`},
		"bad time":          {"changes", `"2026-03-04T05:06:00.123456Z"`, `"yesterday"`},
		"wrong number":      {"changes", `"number": 5`, `"number": 6`},
		"format 0":          {"changes", `"format": 4`, `"format": 0`},
		"format missing":    {"changes", `"format": 4,`, ``},
		"kind of another":   {"end", `"kind": "end"`, `"kind": "changes"`},
		"unknown kind":      {"end", `"kind": "end"`, `"kind": "finale"`},
		"another ledger":    {"end", `5f0c3c1e`, `00000000`},
		"no ledger":         {"origin", `5f0c3c1e-8a4f-4c61-9d2e-0123456789ab`, ``},
		"body missing":      {"end", `"reason": "dropped by ingest drop"`, `"reason": "x" }, "origin": { "slot": "s"`},
		"not UTF-8 in LSN":  {"origin", `"16/B374D848"`, "\"16/\xff\""},
		"negative in OID":   {"begin", `"oid": 16384`, `"oid": -1`},
		"more rows":         {"done", `"rows": 3,`, `"rows": 4,`},
		"previous of other": {"end", `"previous": "`, `"previous": "00`},
	}
	for what, c := range changed {
		for _, e := range entries[:6] { // one of each kind
			if string(e.Kind) != c.entry {
				continue
			}
			name := FileName(e.Number)
			bad := bytes.Replace(store.files[name], []byte(c.from), []byte(c.to), 1)
			if bytes.Equal(bad, store.files[name]) {
				t.Fatalf("%s: %s does not hold %s", what, c.entry, c.from)
			}
			// The later entries are removed, because their chain would also
			// reveal the damage.
			newest := store.copied()
			maps.DeleteFunc(newest.files, func(other string, _ []byte) bool { return other > name })
			wantDamaged(t, newest, name, bad, what)
		}
	}
}

func wantDamaged(t *testing.T, store *memory, name string, data []byte, what string) {
	t.Helper()
	s := store.copied()
	s.files[name] = data
	_, err := Open(context.Background(), s, Options{Run: "r", Now: clock})
	if err == nil {
		t.Errorf("%s %s: accepted", name, what)
		return
	}
	if failure.KindOf(err) != failure.Conflict || failure.HintOf(err) == "" || !strings.Contains(err.Error(), name) {
		t.Errorf("%s %s: %v (kind %d, hint %q)", name, what, err, failure.KindOf(err), failure.HintOf(err))
	}
}

func TestNewerFormatIsRefusedWithItsOwnHint(t *testing.T) {
	store, _ := sampleLedger(t)
	name := FileName(5)
	store.files[name] = []byte(`{"format": 5, "what": "this version cannot know"}`)
	_, err := Open(t.Context(), store, Options{Run: "r", Now: clock})
	if failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "format 5") {
		t.Errorf("error is %v", err)
	}
	if !strings.Contains(failure.HintOf(err), "newer") {
		t.Errorf("hint is %q", failure.HintOf(err))
	}
}

// Random bytes as an entry never cause a panic. They are refused or applied
// completely.
func FuzzAccept(f *testing.F) {
	goldens, err := filepath.Glob("testdata/*.json")
	if err != nil || len(goldens) != 7 {
		f.Fatalf("golden files: %v, %v", goldens, err)
	}
	for _, name := range goldens {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		store := newMemory()
		l := open(t, store, "r")
		add(t, l, origin(10))
		add(t, l, begin(20, orders, items))
		// Seeds and mutations follow the ledger, whatever predecessor they
		// name.
		var probe struct {
			Number   int64
			Ledger   string
			Previous string
		}
		if json.Unmarshal(raw, &probe) == nil && probe.Number > 0 {
			l.state.Checksum, l.state.Ledger = probe.Previous, probe.Ledger
		} else {
			probe.Number = 3
		}
		before := l.State()
		err := l.accept(probe.Number, raw)
		switch {
		case err != nil && failure.KindOf(err) != failure.Conflict:
			t.Errorf("error of kind %d: %v", failure.KindOf(err), err)
		case err != nil && !cmp.Equal(before, l.State()):
			t.Errorf("a refused entry changed the state:\n%s", cmp.Diff(before, l.State()))
		case err == nil && l.state.Head != probe.Number:
			t.Errorf("accepted entry %d, but the head is %d", probe.Number, l.state.Head)
		}
	})
}
