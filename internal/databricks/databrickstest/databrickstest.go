// Package databrickstest signs tests in to a local workspace.
package databrickstest

import (
	"cmp"
	"context"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// Complete fills empty fields of a configuration: the server's address, token
// and warehouse, and names for the rest.
func Complete(s *lakehouse.Server, c databricks.Config) databricks.Config {
	c.Host, c.Token = s.URL(), cmp.Or(c.Token, s.Token())
	c.Warehouse = cmp.Or(c.Warehouse, s.WarehouseID())
	c.Catalog, c.Schema, c.Volume = cmp.Or(c.Catalog, lakehousetest.Catalog), cmp.Or(c.Schema, "bronze"), cmp.Or(c.Volume, "ingest")
	c.Pipeline, c.RequestsPerSecond = cmp.Or(c.Pipeline, "test"), cmp.Or(c.RequestsPerSecond, 1000)
	return c
}

// Open signs in until the test ends. It creates no schema and no volume.
func Open(t testing.TB, s *lakehouse.Server, c databricks.Config) *databricks.Workspace {
	t.Helper()
	w, err := databricks.Open(t.Context(), Complete(s, c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Prepared signs in for all tests of a package. It creates the schema and the
// volume. The caller must close the client.
func Prepared(s *lakehouse.Server, c databricks.Config) (*databricks.Workspace, error) {
	ctx := context.Background()
	w, err := databricks.Open(ctx, Complete(s, c))
	if err != nil {
		return nil, err
	}
	_, err = w.Place().Prepare(ctx)
	return w, err
}
