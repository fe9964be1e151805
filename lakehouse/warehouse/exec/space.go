//go:build cgo

package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

func (t definer) createSchema(c *store.Catalog, st *sparksql.CreateSpace) error {
	schema := strings.ToLower(st.Name[len(st.Name)-1])
	if err := store.CheckName(schema); err != nil {
		return err
	}
	if store.OwnSchema(schema) && schema != "information_schema" {
		return sparksql.Unsupported("a schema named %s", sparksql.QuoteSpark(schema))
	}
	ok, err := c.HasSchema(t.Ctx, t.Conn, schema)
	if err != nil {
		return err
	}
	if ok || schema == "information_schema" {
		if st.IfNotExists {
			return nil
		}
		return sparksql.Errorf("42P06", "SCHEMA_ALREADY_EXISTS", "Cannot create schema %s because it already exists. Choose a different name, "+
			"drop the existing schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema.",
			sparksql.QuoteName([]string{c.Name, schema}))
	}
	if err := t.Exec("CREATE SCHEMA " + c.Alias + "." + sparksql.QuoteDuckDB(schema)); err != nil {
		return err
	}
	return t.Exec("INSERT INTO "+c.Hidden("schemas")+" VALUES (?, ?)", schema, st.Comment)
}

func (t definer) dropSchema(c *store.Catalog, st *sparksql.DropSpace) error {
	schema := strings.ToLower(st.Name[len(st.Name)-1])
	if err := t.needSchema(c, schema); err != nil {
		if st.IfExists && refusal.Of(err).HasClass("SCHEMA_NOT_FOUND") {
			return nil
		}
		return err
	}
	list, err := c.List(t.Ctx, t.Conn, schema)
	if err != nil {
		return err
	}
	volumes, err := t.files.Names(c.Name, schema)
	if err != nil {
		return err
	}
	if len(list)+len(volumes) > 0 && !st.Cascade {
		return sparksql.Errorf("2BP01", "SCHEMA_NOT_EMPTY", "Cannot drop a schema %s because it contains objects. Use DROP SCHEMA ... "+
			"CASCADE to drop the schema and all its objects.", sparksql.QuoteName([]string{c.Name, schema}))
	}
	for _, m := range list {
		if err := t.drop(c, m); err != nil {
			return err
		}
	}
	for _, v := range volumes {
		dir := filepath.Join(t.files.Dir, c.Name, schema, v)
		if err := volume.Remove(dir); err != nil {
			return err
		}
	}
	if err := t.Exec("DROP SCHEMA " + c.Alias + "." + sparksql.QuoteDuckDB(schema) + " CASCADE"); err != nil {
		return err
	}
	if err := t.Exec("DELETE FROM "+c.Hidden("functions")+" WHERE schema_name = ?", schema); err != nil {
		return err
	}
	return t.Exec("DELETE FROM "+c.Hidden("schemas")+" WHERE name = ?", schema)
}

// volume finds where a volume is, or would be.
func (t *statement) volume(name []string) (dir, full string, err error) {
	c, schema, volume, err := t.complete(t.space, name)
	if err != nil {
		return "", "", err
	}
	if err := t.needSchema(c, schema); err != nil {
		return "", "", err
	}
	if err := store.CheckName(volume); err != nil {
		return "", "", err
	}
	dir, err = t.files.Path("/Volumes/" + c.Name + "/" + schema + "/" + volume)
	return dir, sparksql.QuoteName([]string{c.Name, schema, volume}), err
}

func (t definer) createVolume(st *sparksql.CreateSpace) error {
	dir, full, err := t.volume(st.Name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if st.IfNotExists {
			return nil
		}
		return sparksql.Errorf("42000", "VOLUME_ALREADY_EXISTS", "Volume %s already exists. Choose a different name, "+
			"drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.", full)
	}
	if err != nil {
		return err
	}
	return volume.SetComment(dir, st.Comment)
}

func (t definer) dropVolume(st *sparksql.DropSpace) error {
	dir, full, err := t.volume(st.Name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if st.IfExists {
			return nil
		}
		return sparksql.Errorf("42704", "VOLUME_NOT_FOUND", "The volume %s cannot be found.", full)
	}
	return volume.Remove(dir)
}
