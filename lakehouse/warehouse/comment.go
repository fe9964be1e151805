//go:build cgo

package warehouse

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"ingest/lakehouse/warehouse/sparksql"
)

// SchemaComment is the comment of a schema, "" if it has none.
func (w *Warehouse) SchemaComment(ctx context.Context, catalog, schema string) (comment string, err error) {
	c, err := w.catalog(catalog)
	if err != nil {
		return "", err
	}
	err = w.reading(ctx, func(t *txn) error {
		return t.conn.QueryRowContext(ctx, "SELECT coalesce(max(comment), '') FROM "+c.meta("schemas")+" WHERE name = ?", schema).Scan(&comment)
	})
	return comment, err
}

// CommentOnSchema replaces the comment of a schema.
func (w *Warehouse) CommentOnSchema(ctx context.Context, catalog, schema, comment string) error {
	c, err := w.catalog(catalog)
	if err != nil {
		return err
	}
	return w.writing(ctx, c, func(t *txn) error {
		return t.commentOn(&sparksql.CommentOn{What: "SCHEMA", Name: []string{catalog, schema}, Comment: comment})
	})
}

// commentFile holds the comment of the volume in a directory. It is beside the
// directory, under a name that no volume has.
func commentFile(dir string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir))
}

// VolumeComment is the comment of a volume, "" if it has none.
func (w *Warehouse) VolumeComment(catalog, schema, volume string) (string, error) {
	dir, err := w.volumePath("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(commentFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// CommentOnVolume replaces the comment of a volume; "" removes it.
func (w *Warehouse) CommentOnVolume(catalog, schema, volume, comment string) error {
	dir, err := w.volumePath("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return err
	}
	return keepComment(dir, comment)
}

func keepComment(dir, comment string) error {
	if comment != "" {
		return os.WriteFile(commentFile(dir), []byte(comment), 0o644)
	}
	if err := os.Remove(commentFile(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
