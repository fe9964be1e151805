package ledger

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// resealed returns a checkpoint with some text replaced and a new, correct
// checksum.
func resealed(t *testing.T, raw []byte, fromTo ...string) []byte {
	t.Helper()
	for i := 0; i < len(fromTo); i += 2 {
		if !bytes.Contains(raw, []byte(fromTo[i])) {
			t.Fatalf("the checkpoint does not hold %s", fromTo[i])
		}
		raw = bytes.Replace(raw, []byte(fromTo[i]), []byte(fromTo[i+1]), 1)
	}
	raw = bytes.Replace(raw, []byte(digestIn(raw)), []byte(noDigest), 1)
	return bytes.Replace(raw, []byte(noDigest), []byte(digestOf(raw)), 1)
}

// A checkpoint with a correct checksum is refused if it lacks required fields
// or names another number.
func TestIncompleteCheckpointIsRefused(t *testing.T) {
	h, _ := compactedTwice(t)
	raw := h.files[CheckpointName(13)]
	var says struct {
		Ledger, Checksum string
		Origin           json.RawMessage
	}
	if err := json.Unmarshal(raw, &says); err != nil {
		t.Fatal(err)
	}
	if _, err := decodeCheckpoint(13, resealed(t, raw)); err != nil {
		t.Fatalf("as it was written: %v", err)
	}
	for what, fromTo := range map[string][2]string{
		"the number of another": {`"number":13`, `"number":12`},
		"no ledger":             {`"ledger":"` + says.Ledger + `"`, `"ledger":""`},
		"no checksum":           {`"checksum":"` + says.Checksum + `"`, `"checksum":""`},
		"no origin":             {`"origin":` + string(says.Origin), `"origin":null`},
	} {
		if _, err := decodeCheckpoint(13, resealed(t, raw, fromTo[:]...)); err == nil {
			t.Errorf("%s: it is believed", what)
		}
	}
}

// Files with other names next to the checkpoints and packs are ignored.
func TestFilesOfOtherNamesAreIgnored(t *testing.T) {
	h, all := compactedTwice(t)
	for _, name := range []string{
		"99.json", "x.json", "-1.json", CheckpointName(0)[len(CheckpointDirectory)+1:], CheckpointName(99)[len(CheckpointDirectory)+1:] + ".part",
	} {
		h.files[CheckpointDirectory+"/"+name] = []byte("not a checkpoint")
	}
	for _, name := range []string{
		"14-99.tar.gz", "x-y.tar.gz", "1-x.tar.gz", PackName(9, 8)[len(PackDirectory)+1:], PackName(0, 20)[len(PackDirectory)+1:],
		PackName(14, 99)[len(PackDirectory)+1:] + ".part",
	} {
		h.files[PackDirectory+"/"+name] = []byte("not a pack")
	}
	l, warned, err := openLogged(t, h)
	if err != nil || warned != "" {
		t.Fatalf("%v, warned of %q", err, warned)
	}
	same(t, "with other files", l.State(), all)
	unfolds(t, "with other files", l, all)
	if _, err := walked(t, l, l.State()); err != nil {
		t.Error(err)
	}
}

// A checkpoint that another run's compaction removes after it was listed is
// skipped.
func TestCheckpointThatWasRemovedMeanwhile(t *testing.T) {
	h, all := compactedTwice(t)
	h.read = func(name string) error {
		if name == CheckpointName(13) {
			return fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
		}
		return nil
	}
	l, _, err := openLogged(t, h)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "from the checkpoint before", l.State(), all)
}

// If packs and entry files hold the same entries, either is used.
func TestEntriesAreReadFromWhereTheyAre(t *testing.T) {
	good, all := compactedTwice(t)
	filed := func(h *history) {
		for n := int64(1); n <= 13; n++ {
			h.files[FileName(n)] = h.all.files[FileName(n)]
		}
	}
	for what, c := range map[string]struct {
		change func(h *history)
		warns  []string
	}{
		"no checkpoint": {func(h *history) {
			delete(h.files, CheckpointName(13))
			delete(h.files, CheckpointName(7))
		}, []string{"no checkpoint of the ledger can be read"}},
		"no checkpoint, and no file is missing": {func(h *history) {
			filed(h)
			delete(h.files, CheckpointName(13))
			delete(h.files, CheckpointName(7))
		}, nil},
		"the checkpoint is damaged, its pack too, and no file is missing": {func(h *history) {
			filed(h)
			h.files[CheckpointName(13)] = nil
			h.files[PackName(8, 13)] = nil
		}, []string{CheckpointName(13), "a pack of the ledger is damaged", PackName(8, 13)}},
		"the checkpoint is damaged, its pack gone, and no file is missing": {func(h *history) {
			filed(h)
			h.files[CheckpointName(13)] = nil
			delete(h.files, PackName(8, 13))
		}, []string{CheckpointName(13)}},
	} {
		t.Run(what, func(t *testing.T) {
			h := &history{good.copied(), good.all}
			c.change(h)
			l, warned, err := openLogged(t, h)
			if err != nil {
				t.Fatal(err)
			}
			same(t, what, l.State(), all)
			for _, want := range c.warns {
				if !strings.Contains(warned, want) {
					t.Errorf("warned of %q, not of %q", warned, want)
				}
			}
			if len(c.warns) == 0 && warned != "" {
				t.Errorf("warned of %q", warned)
			}
		})
	}
}

// If another run wrote a compaction's file first, the file is accepted if it
// has the same content in other bytes. The compaction stops if the file is
// about other entries.
func TestCompactionMeetsAnother(t *testing.T) {
	base := newHistory()
	begun(t, base, 4)
	other := &history{base.copied(), newMemory()}
	grow(t, openKeeping(t, other, "another"), 3)
	compact(t, openKeeping(t, other, "another"), nil)
	grow(t, openKeeping(t, base, "r"), 3)
	mine := &history{base.copied(), newMemory()}
	compact(t, openKeeping(t, mine, "r"), nil)

	pack, checkpoint := PackName(1, 10), CheckpointName(10)
	for what, c := range map[string]struct {
		name    string
		instead []byte
		refused bool
	}{
		"a checkpoint that another version wrote": {checkpoint,
			resealed(t, mine.files[checkpoint], `"version":"1.0.0"`, `"version":"1.0.1"`), false},
		"a pack that was compressed otherwise": {pack, recompressed(t, mine.files[pack]), false},
		"a checkpoint of other entries":        {checkpoint, other.files[checkpoint], true},
		"a pack of other entries":              {pack, other.files[pack], true},
	} {
		if bytes.Equal(c.instead, mine.files[c.name]) {
			t.Fatalf("%s: it is what this run writes", what)
		}
		h := &history{base.copied(), newMemory()}
		l := openKeeping(t, h, "r")
		h.create = func(created string) (bool, error) { // the other run is slightly faster
			if created == c.name {
				h.files[c.name] = c.instead
			}
			return true, nil
		}
		done, err := l.Compact(t.Context(), nil)
		if c.refused {
			wantConflict(t, err, c.name)
		} else if err != nil || done.Checkpoint != 10 || done.Removed == 0 {
			t.Errorf("%s: %+v, %v", what, done, err)
		}
	}
}

func recompressed(t *testing.T, raw []byte) []byte {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	tar, err := io.ReadAll(zipped)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(tar); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A damaged entry can be restored from its pack. A damaged pack must be
// restored from a backup, or the tables are loaded again. Each has its own
// hint.
func TestDamageOfAPackHasItsOwnHint(t *testing.T) {
	h, _ := compactedTwice(t)
	h.files[PackName(1, 7)] = nil
	l := openKeeping(t, h, "r")
	s := l.State()
	_, err := l.Unfold(t.Context(), s, s.Tables[orders], 0)
	if hint := failure.HintOf(err); !strings.Contains(hint, "full-load") || strings.Contains(hint, "archive") {
		t.Errorf("hint %q", hint)
	}
	h.files[FileName(14)] = nil
	_, err = tryKeeping(t, h, "r")
	if hint := failure.HintOf(err); !strings.Contains(hint, "archive") {
		t.Errorf("hint %q", hint)
	}
}

// A pack holds exactly the entries that its name says.
func TestPackHoldsTheFilesOfItsName(t *testing.T) {
	entries := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	raw, err := pack{2, 4}.encode(entries)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (pack{2, 4}).decode(raw); err != nil || !slices.EqualFunc(got, entries, bytes.Equal) {
		t.Errorf("as it was written: %q, %v", got, err)
	}
	for _, p := range []pack{{2, 3}, {2, 5}, {1, 3}, {1, 4}, {3, 5}} {
		if got, err := p.decode(raw); err == nil {
			t.Errorf("entries 2 to 4 as those of %d to %d: %q", p.first, p.last, got)
		}
	}
}

// The log does not use a key that cannot be a replica identity, such as a
// deferrable one, to identify rows.
func TestKeyThatIsNoIdentity(t *testing.T) {
	d := Done{Columns: []schema.Column{{Name: "id"}}, Identity: schema.Identity{Kind: schema.IdentityDefault}, PrimaryKey: []string{"id"}}
	if got := d.Key(); len(got) != 0 {
		t.Errorf("%v, want none", got)
	}
}

func TestKeyChange(t *testing.T) {
	for _, test := range []struct {
		was, now []string
		want     string
	}{
		{[]string{"id"}, []string{"id"}, ""},
		{[]string{"id", "code"}, []string{"code", "id"}, ""},
		{nil, nil, ""},
		{[]string{"id"}, []string{"code"}, "its key changed from (id) to (code)"},
		{[]string{"id"}, nil, "its key changed from (id) to none"},
		{nil, []string{"id", "code"}, "its key changed from none to (id, code)"},
	} {
		d := Done{PrimaryKey: test.was, Identity: schema.Identity{Kind: schema.IdentityFull}}
		for _, name := range test.was {
			d.Columns = append(d.Columns, schema.Column{Name: name})
		}
		before := slices.Clone(test.now)
		if got := d.KeyChange(test.now); got != test.want || !slices.Equal(before, test.now) {
			t.Errorf("from %v to %v: %q, want %q", test.was, test.now, got, test.want)
		}
	}
}
