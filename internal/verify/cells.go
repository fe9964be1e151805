package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/schema"
)

// cells compares every cell. It reads both ends at once and hashes them into
// buckets. Then it reads the rows with different hashes again.
func (c *comparison) cells(ctx context.Context) (_ Result, err error) {
	dir, err := os.MkdirTemp(c.v.Spool, "verify-")
	if err != nil {
		return Result{}, fmt.Errorf("make a spool directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n := buckets(c.estimate(), c.v.Memory)
	source, err := newSpill(dir, "source", n)
	if err != nil {
		return Result{}, err
	}
	defer source.close()
	target, err := newSpill(dir, "target", n)
	if err != nil {
		return Result{}, err
	}
	defer target.close()

	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.sourceRows(gctx, 1, one(c.spilling(source))) })
	group.Go(func() error { return c.targetRows(gctx, c.spilling(target)) })
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	found, err := compare(source, target, c.unwritten != "")
	if err != nil {
		return Result{}, err
	}
	r := Result{Verdict: Equal, Mode: Cells, SourceRows: source.rows, TargetRows: target.rows, Differing: found.differing}
	c.v.Log.Debug("compared cells", "table", c.state.Table.String(), "buckets", n, "source", source.rows, "target", target.rows,
		"differing", found.differing)
	if found.differing == 0 {
		return r, nil
	}
	r.Verdict = Different
	r.Differences, err = c.name(ctx, found.first)
	return r, err
}

// estimate is the approximate number of rows of one end.
func (c *comparison) estimate() int64 {
	rows := c.state.Snapshot.Rows
	for _, folded := range c.state.Folded {
		rows += folded.Ops[schema.OpInsert]
	}
	for _, staged := range c.state.Changes {
		rows += staged.Rows[schema.OpInsert]
	}
	return max(rows, c.relation.Rows)
}

func (c *comparison) spilling(s *spill) func([][]byte) error {
	return func(cells [][]byte) error { return s.add(cells, c.key) }
}

// side holds the differing rows of one end, by the hash of their key.
type side map[hash][][]byte

// name reads the rows with the wanted keys again at both ends. It describes how
// they differ.
func (c *comparison) name(ctx context.Context, wanted map[hash]*unmatched) ([]Difference, error) {
	source, target := side{}, side{}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.sourceRows(gctx, 1, one(c.picking(source, wanted))) })
	group.Go(func() error { return c.targetRows(gctx, c.picking(target, wanted)) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	codecs, err := c.codecs()
	if err != nil {
		return nil, err
	}
	var out []Difference
	for key, u := range wanted {
		a, b := source[key], target[key]
		switch {
		case len(c.table.Key) == 0 || a == nil || b == nil:
			out = append(out, c.lacking(codecs, a, b, u)...)
		default:
			out = append(out, c.changed(codecs, a, b)...)
		}
	}
	slices.SortFunc(out, func(x, y Difference) int {
		return strings.Compare(x.Key+"\x00"+x.Column, y.Key+"\x00"+y.Column)
	})
	return out, nil
}

// picking copies wanted rows to a side, one for each key.
func (c *comparison) picking(to side, wanted map[hash]*unmatched) func([][]byte) error {
	var buf []byte
	return func(cells [][]byte) error {
		key := keyHash(&buf, cells, c.key)
		if wanted[key] == nil || to[key] != nil {
			return nil
		}
		row := make([][]byte, len(cells))
		for i, cell := range cells {
			row[i] = bytes.Clone(cell)
		}
		if to[key] = row; len(to) == len(wanted) {
			return errEnough
		}
		return nil
	}
}

// lacking describes a row that one end lacks or has fewer times.
func (c *comparison) lacking(codecs []*codec, a, b [][]byte, u *unmatched) []Difference {
	d := Difference{Kind: "missing"}
	row, times := a, u.source
	if u.source == 0 {
		d.Kind, row, times = "extra", b, u.target
	}
	if row == nil {
		return nil // the row has disappeared again; only a row of the target can do that
	}
	d.Key = c.describe(codecs, row)
	if times > 1 {
		d.What = fmt.Sprintf("%d times", times)
	}
	return []Difference{d}
}

// changed lists the cells that differ.
func (c *comparison) changed(codecs []*codec, a, b [][]byte) []Difference {
	var out []Difference
	for i := range a {
		if bytes.Equal(a[i], b[i]) && (a[i] == nil) == (b[i] == nil) {
			continue
		}
		out = append(out, Difference{
			Kind: "cell", Key: c.describe(codecs, a), Column: c.table.Columns[i].Name,
			Source: codecs[i].display(a[i]), Target: codecs[i].display(b[i]),
		})
	}
	return out
}

// describe identifies a row by its key.
func (c *comparison) describe(codecs []*codec, row [][]byte) string {
	var parts []string
	for _, i := range c.key {
		value := "NULL"
		if text := codecs[i].display(row[i]); text != nil {
			value = *text
		}
		parts = append(parts, c.table.Columns[i].Name+"="+value)
	}
	return strings.Join(parts, ", ")
}
