package ledger

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// PackDirectory holds the packs. A pack is a file with many entries.
const PackDirectory = Directory + "/packs"

// packEntries is the maximum number of entries in a pack.
const packEntries = 5000

// pack is the range of entries in a pack.
type pack struct{ first, last int64 }

// PackName returns the path of the pack of entries first to last, relative to
// the pipeline's root.
func PackName(first, last int64) string {
	return fmt.Sprintf("%s/%020d-%020d.tar.gz", PackDirectory, first, last)
}

func (p pack) name() string { return PackName(p.first, p.last) }

// encode returns a tar archive of the entries under their file names, so that
// tar can restore them.
func (p pack) encode(entries [][]byte) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for i, raw := range entries {
		h := tar.Header{
			Typeflag: tar.TypeReg, Name: path.Base(FileName(p.first + int64(i))), Mode: 0o644, Size: int64(len(raw)), Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := archive.Write(raw); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zipped.Close()
	return out.Bytes(), err
}

// decode returns the entries of a pack.
func (p pack) decode(raw []byte) ([][]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(zipped)
	var entries [][]byte
	for n := p.first; ; n++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) && n == p.last+1 {
			// The checksum of the archive follows its end.
			_, err = io.Copy(io.Discard, zipped)
			return entries, err
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		if h.Name != path.Base(FileName(n)) || n > p.last {
			return nil, fmt.Errorf("it holds %s where entry %d should be", h.Name, n)
		}
		entry, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		entries = append(entries, entry)
	}
}

// packs lists the existing packs. Packs may overlap after an interrupted
// compaction. The overlap has the same content.
func (l *Ledger) packs(ctx context.Context) ([]pack, error) {
	names, err := l.store.Names(ctx, PackDirectory)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's packs: %w", err)
	}
	var packs []pack
	for _, name := range names {
		before, after, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".tar.gz"), "-")
		first, errFirst := strconv.ParseInt(before, 10, 64)
		last, errLast := strconv.ParseInt(after, 10, 64)
		if p := (pack{first, last}); errFirst == nil && errLast == nil && first > 0 && first <= last && path.Base(p.name()) == path.Base(name) {
			packs = append(packs, p)
		}
	}
	return packs, nil
}

// holding returns the pack that contains entry n and extends farthest.
func holding(packs []pack, n int64) (pack, bool) {
	var best pack
	for _, p := range packs {
		if p.first <= n && n <= p.last && p.last > best.last {
			best = p
		}
	}
	return best, best.last > 0
}

// readPack returns the entries of a pack. Its error names the file.
func (l *Ledger) readPack(ctx context.Context, p pack) ([][]byte, error) {
	raw, err := l.store.Read(ctx, p.name())
	if err != nil {
		return nil, fmt.Errorf("read ledger pack %s: %w", p.name(), err)
	}
	entries, err := p.decode(raw)
	if err != nil {
		return nil, damaged(p.name(), err)
	}
	return entries, nil
}

// packed passes the bytes of the entries from first to through to each, in
// order. All of them must be in packs. It proves that they are one chain and
// that the last one has the given checksum.
func (l *Ledger) packed(ctx context.Context, first, through int64, checksum string, each func(n int64, raw []byte) error) error {
	packs, err := l.packs(ctx)
	if err != nil {
		return err
	}
	previous := ""
	for n := first; n <= through; {
		p, ok := holding(packs, n)
		if !ok {
			return damaged(PackDirectory, fmt.Errorf("no pack there holds entry %d", n))
		}
		entries, err := l.readPack(ctx, p)
		if err != nil {
			return err
		}
		for _, raw := range entries[n-p.first : min(p.last, through)-p.first+1] {
			link, err := linkOf(n, raw)
			if err == nil && previous != "" && link != previous {
				err = fmt.Errorf("entry %d names another checksum for its predecessor", n)
			}
			if err != nil {
				return damaged(p.name(), err)
			}
			if previous = digestOf(raw); n == through && previous != checksum {
				return damaged(p.name(), fmt.Errorf("entry %d does not have the checksum that the checkpoint names", n))
			}
			if err := each(n, raw); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// linkOf returns the checksum that entry n names for its predecessor.
func linkOf(n int64, raw []byte) (string, error) {
	var e struct {
		Number   int64
		Previous string
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return "", fmt.Errorf("entry %d: %w", n, err)
	}
	if e.Number != n {
		return "", fmt.Errorf("its content is that of entry %d, in the place of %d", e.Number, n)
	}
	return e.Previous, nil
}

// Unfold returns a copy of a table of the state with its changes one by one
// from entry from on. It reads them from all packs from there on. Older changes
// stay folded. Neither the state nor the table changes.
func (l *Ledger) Unfold(ctx context.Context, s *State, table *TableState, from int64) (*TableState, error) {
	t := *table
	i := slices.IndexFunc(t.Folded, func(f FoldedChanges) bool { return f.Last >= from })
	if i < 0 {
		return &t, nil
	}
	parts, err := l.parts(ctx, s, t.Table, max(from, t.Folded[i].First), t.Folded[len(t.Folded)-1].Last)
	if err != nil {
		return nil, err
	}
	ranges := make([]FoldedChanges, len(t.Folded))
	for i, f := range t.Folded {
		ranges[i] = f.clone()
	}
	for k := range parts {
		part := &parts[k]
		in := slices.IndexFunc(ranges, func(f FoldedChanges) bool { return f.First <= part.Entry && part.Entry <= f.Last })
		if in < 0 {
			return nil, damaged(PackDirectory, fmt.Errorf("entry %d has changes of %s that the checkpoint does not know", part.Entry, t.Table))
		}
		if part.Generation == 0 {
			part.Generation = ranges[in].Generation
		}
		ranges[in].without(part)
	}
	for i, f := range ranges {
		if f.Rows < 0 || f.First >= from && f.Rows != 0 {
			return nil, damaged(PackDirectory,
				fmt.Errorf("entries %d to %d have other counts of %s than the checkpoint", t.Folded[i].First, f.Last, t.Table))
		}
		ranges[i].Last = min(f.Last, from-1)
	}
	t.Folded = slices.DeleteFunc(ranges, func(f FoldedChanges) bool { return f.First >= from })
	t.Changes = slices.Concat(parts, t.Changes)
	return &t, nil
}

// parts reads a table's parts from packed entries.
func (l *Ledger) parts(ctx context.Context, s *State, table schema.TableName, first, last int64) ([]StagedChanges, error) {
	name, err := marshal(table)
	if err != nil {
		return nil, err
	}
	name = bytes.TrimSpace(name)
	var parts []StagedChanges
	err = l.packed(ctx, first, s.Packed, s.PackedChecksum, func(n int64, raw []byte) error {
		if n > last || !bytes.Contains(raw, name) {
			return nil
		}
		e := new(Entry)
		if err := strict(raw, e); err != nil {
			return fmt.Errorf("read ledger entry %d: %w", n, err)
		}
		if e.Changes == nil {
			return nil
		}
		for _, part := range e.Changes.Tables {
			if part.Table != table {
				continue
			}
			if k := len(parts); k > 0 && reflect.DeepEqual(parts[k-1].Columns, part.Columns) {
				part.Columns = parts[k-1].Columns // share one copy
			}
			parts = append(parts, StagedChanges{Entry: n, Start: e.Changes.Start, End: e.Changes.End, TableChanges: part})
		}
		return nil
	})
	return parts, err
}
