package databricks

import (
	"context"
	"errors"
	"net/url"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Schemas are the schemas of the configured catalog.
type Schemas struct {
	c       *connection
	catalog string
}

// List lists the schemas that the user can see.
func (s *Schemas) List(ctx context.Context) ([]string, error) {
	all, err := s.c.client.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: s.catalog})
	if err != nil {
		return nil, failure.New(failure.Destination, "list the schemas of catalog %s: %w", s.catalog, s.c.redact.err(err))
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names, nil
}

// Remove drops a schema with all of its contents, without a warehouse. A
// missing schema is not an error.
func (s *Schemas) Remove(ctx context.Context, name string) error {
	full := s.catalog + "." + name
	err := s.drop(ctx, full)
	if err == nil {
		return nil
	}
	// Some services do not drop a schema with its contents. Empty it first.
	if emptied := s.empty(ctx, name); emptied != nil {
		err = errors.Join(err, emptied)
	} else {
		err = s.drop(ctx, full)
	}
	if err == nil {
		return nil
	}
	return failure.New(failure.Destination, "remove schema %s: %w", full, s.c.redact.err(err)).
		WithHint("DROP SCHEMA IF EXISTS %s.%s CASCADE", Quote(s.catalog), Quote(name))
}

func (s *Schemas) drop(ctx context.Context, full string) error {
	err := s.c.client.Schemas.Delete(ctx, catalog.DeleteSchemaRequest{FullName: url.PathEscape(full), Force: true})
	if errors.Is(err, apierr.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Schemas) empty(ctx context.Context, name string) error {
	volumes, err := s.c.client.Volumes.ListAll(ctx, catalog.ListVolumesRequest{CatalogName: s.catalog, SchemaName: name})
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := s.c.client.Volumes.DeleteByName(ctx, url.PathEscape(v.FullName)); err != nil && !errors.Is(err, apierr.ErrNotFound) {
			return err
		}
	}
	tables, err := s.c.client.Tables.ListAll(ctx, catalog.ListTablesRequest{CatalogName: s.catalog, SchemaName: name})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := s.c.client.Tables.DeleteByFullName(ctx, url.PathEscape(t.FullName)); err != nil && !errors.Is(err, apierr.ErrNotFound) {
			return err
		}
	}
	return nil
}
