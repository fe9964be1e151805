package ledger

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// compactedTwice has checkpoints of entries 7 and 13, packs of 1 to 7 and 8 to
// 13, and the files of entries 11 to 15.
func compactedTwice(t *testing.T) (h *history, all *State) {
	t.Helper()
	h = newHistory()
	l := begun(t, h, 4)
	h.record()
	compact(t, l, nil)
	grow(t, l, 6)
	h.record()
	compact(t, l, nil)
	grow(t, l, 2)
	h.record()
	want(t, "files", slices.Sorted(maps.Keys(h.files)), []string{
		FileName(11), FileName(12), FileName(13), FileName(14), FileName(15), CheckpointName(7), CheckpointName(13),
		PackName(1, 7), PackName(8, 13),
	})
	return h, open(t, h.all, "all").State()
}

// openLogged opens the ledger and returns its warnings.
func openLogged(t testing.TB, h *history) (*Ledger, string, error) {
	t.Helper()
	var warned bytes.Buffer
	log := slog.New(slog.NewTextHandler(&warned, nil))
	l, err := Open(t.Context(), h, Options{Run: "r", Version: "1.0.0", Now: clock, Log: log, kept: keptInTests})
	return l, warned.String(), err
}

// One changed byte anywhere in the newest checkpoint is detected and reported.
// The previous checkpoint and the packs give the same state.
func TestDamagedCheckpointIsNamedAndDoneWithout(t *testing.T) {
	good, all := compactedTwice(t)
	name := CheckpointName(13)
	for i := range good.files[name] {
		if i%7 != 0 && i > 200 || i%stride() != 0 {
			continue // the other bytes are detected in the same way
		}
		h := &history{good.copied(), nil}
		h.files[name][i] ^= 1
		l, warned, err := openLogged(t, h)
		if err != nil || !strings.Contains(warned, name) {
			t.Fatalf("byte %d: %v, warned of %q", i, err, warned)
		}
		if i%49 == 0 {
			same(t, "without the newest checkpoint", l.State(), all)
		}
	}
	cut := &history{good.copied(), nil}
	cut.files[name] = cut.files[name][:100]
	cut.files[CheckpointName(7)] = nil
	l, warned, err := openLogged(t, cut)
	if err != nil || !strings.Contains(warned, name) || !strings.Contains(warned, CheckpointName(7)) {
		t.Fatalf("%v, warned of %q", err, warned)
	}
	same(t, "without any checkpoint", l.State(), all)
	unfolds(t, "without any checkpoint", l, all)
	if l.Compact(t.Context(), nil); openKeeping(t, cut, "again").covered != 15 {
		t.Error("the compaction wrote no new checkpoint")
	}
}

// Each case is one kind of damage to a ledger and what the error must name.
func TestDamageIsNamed(t *testing.T) {
	good, _ := compactedTwice(t)
	other, _ := compactedTwice(t)
	remove := func(names ...string) func(*history) {
		return func(h *history) {
			for _, name := range names {
				delete(h.files, name)
			}
		}
	}
	change := func(name, from, to string) func(*history) {
		return func(h *history) { h.files[name] = bytes.Replace(h.files[name], []byte(from), []byte(to), 1) }
	}
	newer := func(h *history) {
		name := CheckpointName(13)
		old := digestIn(h.files[name])
		raw := bytes.Replace(h.files[name], []byte(`"format":6`), []byte(`"format":7`), 1)
		h.files[name] = bytes.Replace(raw, []byte(old), []byte(digestOf(bytes.Replace(raw, []byte(old), []byte(noDigest), 1))), 1)
	}
	for what, c := range map[string]struct {
		damage func(*history)
		names  []string
		hint   string
	}{
		"an entry behind the checkpoint is missing": {remove(FileName(14)), []string{FileName(14), "missing"}, "backup"},
		"a kept entry is missing":                   {remove(FileName(12)), []string{FileName(12), "missing"}, "backup"},
		"the newest kept entries are missing": {remove(FileName(12), FileName(13)),
			[]string{FileName(13), "older than its checkpoints"}, "older copy"},
		"an older copy of the entries was put back": {remove(FileName(13), FileName(14), FileName(15)),
			[]string{FileName(13), "older than its checkpoints", "entry 13"}, PackDirectory},
		"all entries are gone": {remove(FileName(11), FileName(12), FileName(13), FileName(14), FileName(15)),
			[]string{FileName(13)}, "older copy"},
		"only packs are there": {remove(FileName(11), FileName(12), FileName(13), FileName(14), FileName(15),
			CheckpointName(7), CheckpointName(13)), []string{FileName(13)}, "older copy"},
		"an entry behind the checkpoint was changed": {change(FileName(14), `"rows": 2`, `"rows": 3`),
			[]string{FileName(15), FileName(14)}, "backup"},
		"an entry behind the checkpoint is no JSON": {change(FileName(14), `{`, `[`), []string{FileName(14)}, "backup"},
		"an entry behind the checkpoint is of a newer": {change(FileName(14), `"format": 4`, `"format": 5`),
			[]string{FileName(14), "format 5"}, "newer one"},
		"the checkpoint's entry was changed": {change(FileName(13), `"rows": 2`, `"rows": 3`),
			[]string{FileName(13), CheckpointName(13)}, "backup"},
		"the checkpoint is of a newer version": {newer, []string{CheckpointName(13), "format 7"}, "newer one"},
		"the checkpoint is another ledger's": {func(h *history) { h.files[CheckpointName(13)] = other.files[CheckpointName(13)] },
			[]string{FileName(13), CheckpointName(13)}, "backup"},
		"the checkpoint is damaged and its pack missing": {func(h *history) { remove(PackName(8, 13))(h); h.files[CheckpointName(13)] = nil },
			[]string{FileName(8), "checkpoint than 7"}, "backup"},
		"the checkpoint and its pack are damaged": {
			func(h *history) { h.files[PackName(8, 13)][50] ^= 1; h.files[CheckpointName(13)] = nil }, []string{PackName(8, 13)}, "backup",
		},
		"the checkpoint is damaged and its pack another's": {func(h *history) {
			h.files[PackName(8, 13)] = other.files[PackName(8, 13)]
			h.files[CheckpointName(13)] = nil
		}, []string{PackName(8, 13), FileName(8)}, "backup"},
	} {
		t.Run(what, func(t *testing.T) {
			h := &history{good.copied(), nil}
			c.damage(h)
			before := maps.Clone(h.files)
			_, _, err := openLogged(t, h)
			wantConflict(t, err, c.names...)
			if hint := failure.HintOf(err); !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q does not say %q", hint, c.hint)
			}
			want(t, "files", h.files, before)
		})
	}
}

// If all entry files are lost, tar restores those that are in packs.
func TestEntriesArePutBackFromPacks(t *testing.T) {
	h, _ := compactedTwice(t)
	for _, n := range h.entries() {
		delete(h.files, FileName(n))
	}
	zipped, err := gzip.NewReader(bytes.NewReader(h.files[PackName(8, 13)]))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.files[Directory+"/"+header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
	delete(h.all.files, FileName(14))
	delete(h.all.files, FileName(15))
	same(t, "put back", openKeeping(t, h, "r").State(), open(t, h.all, "all").State())
}

func digestIn(raw []byte) string {
	_, after, _ := bytes.Cut(raw, []byte(`"digest":"`))
	return string(after[:len(noDigest)])
}

// Only Unfold needs a pack. The error names what is wrong with it.
func TestDamagedPackIsNamedWhenItIsNeeded(t *testing.T) {
	good, _ := compactedTwice(t)
	other, _ := compactedTwice(t)
	name := PackName(1, 7)
	for what, damage := range map[string]func(*history){
		"missing":          func(h *history) { delete(h.files, name) },
		"changed":          func(h *history) { h.files[name][len(h.files[name])/2] ^= 1 },
		"cut":              func(h *history) { h.files[name] = h.files[name][:len(h.files[name])-4] },
		"another ledger's": func(h *history) { h.files[name] = other.files[name] },
	} {
		t.Run(what, func(t *testing.T) {
			h := &history{good.copied(), nil}
			damage(h)
			l := openKeeping(t, h, "r")
			s := l.State()
			_, err := l.Unfold(t.Context(), s, s.Tables[orders], 0)
			wantConflict(t, err, PackDirectory)
			if _, err := l.Unfold(t.Context(), s, s.Tables[orders], 10); err != nil {
				t.Errorf("entries of the other pack: %v", err)
			}
		})
	}
	good.files[PackName(8, 13)] = other.files[PackName(8, 13)]
	l := openKeeping(t, good, "r")
	s := l.State()
	_, err := l.Unfold(t.Context(), s, s.Tables[orders], 10)
	wantConflict(t, err, PackName(8, 13), "checksum that the checkpoint names")
}

// Compact removes nothing before it has read back the pack and the checkpoint
// as written.
func TestCompactionRemovesNothingThatCannotBeReadBack(t *testing.T) {
	others := newHistory()
	compact(t, begun(t, others, 7), nil)
	for _, name := range []string{PackName(1, 10), CheckpointName(10)} {
		refuses(t, name, []byte("not what was written"))
		refuses(t, name, others.files[name])
	}
}

func refuses(t *testing.T, name string, instead []byte) {
	t.Helper()
	h := newHistory()
	l := begun(t, h, 7)
	h.record()
	h.create = func(created string) (bool, error) {
		if created == name {
			h.files[name] = instead
			return false, nil
		}
		return true, nil
	}
	_, err := l.Compact(t.Context(), nil)
	wantConflict(t, err, name)
	want(t, "entries", len(h.entries()), 10)
	delete(h.files, name)
	same(t, name, openKeeping(t, h, "again").State(), open(t, h.all, "all").State())
}

// A checkpoint's sums of changes must match the packs.
func TestCheckpointThatDisagreesWithItsPacksIsNotUnfolded(t *testing.T) {
	h, _ := compactedTwice(t)
	l := openKeeping(t, h, "r")
	s := l.State()
	s.Tables[orders].Folded[0].Rows++
	_, err := l.Unfold(t.Context(), s, s.Tables[orders], 0)
	wantConflict(t, err, PackDirectory, "other counts of public.orders")
}

// An entry whose file changed after it was read is not packed.
func TestCompactionProvesEveryEntry(t *testing.T) {
	for n := int64(1); n <= 10; n++ {
		h := newHistory()
		l := begun(t, h, 7)
		h.files[FileName(n)] = bytes.Replace(h.files[FileName(n)], []byte("1.0.0"), []byte("1.0.1"), 1)
		_, err := l.Compact(t.Context(), nil)
		wantConflict(t, err, FileName(n))
		want(t, "entries", len(h.entries()), 10)
	}
}

func TestGuardStopsTheCompaction(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 7)
	proofs := 0
	for at := 1; at <= 2; at++ {
		proofs = 0
		_, err := l.Compact(t.Context(), nil, guard(func() error {
			if proofs++; proofs == at {
				return errNetwork
			}
			return nil
		}))
		if err == nil || len(h.entries()) != 10 {
			t.Errorf("the lock is gone at proof %d: %v, entries %v", at, err, h.entries())
		}
	}
}

// A run that slept while others compacted does not append at a number that is
// free only because its file was removed.
func TestInvariant3OneLineBehindACompaction(t *testing.T) {
	h := newHistory()
	begun(t, h, 2)
	asleep := openKeeping(t, h, "asleep")
	deciding := asleep.State()
	grow(t, openKeeping(t, h, "r"), 8)
	h.record()
	compact(t, openKeeping(t, h, "r"), nil)
	if h.files[FileName(6)] != nil {
		t.Fatal("entry 6 was not removed")
	}
	c := changes(deciding.Position, deciding.Position+500, orders)
	if _, err := asleep.Append(t.Context(), deciding.Head, c); err == nil || asleep.State().Head != 13 {
		t.Errorf("append: %v, head %d", err, asleep.State().Head)
	}
	all := open(t, h.all, "all").State()
	same(t, "after the append", asleep.State(), all)
	same(t, "opened again", openKeeping(t, h, "again").State(), all)

	other := openKeeping(t, h, "other")
	grow(t, other, 5)
	compact(t, other, nil)
	want(t, "entries", h.entries(), []int64{16, 17, 18})
}
