package databricks

import (
	"context"
	"errors"
	"net/url"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Column is a column of a table or of a result. Type is the type's text as
// Databricks writes it, in capitals.
type Column struct{ Name, Type string }

// TableInfo is Unity Catalog's description of a table.
type TableInfo struct {
	Columns    []Column // in order
	Properties map[string]string
	Kind       string // MANAGED, EXTERNAL, VIEW, …
	Query      string // the query, if it is a view
}

// Tables describes tables as Unity Catalog knows them, in any catalog and
// schema, without a warehouse.
type Tables struct{ c *connection }

// Info describes a table without a warehouse. If the table does not exist,
// NotFound(err) is true.
func (s *Tables) Info(ctx context.Context, t Table) (*TableInfo, error) {
	info, err := s.c.client.Tables.GetByFullName(ctx, url.PathEscape(t.Display()))
	if err != nil {
		f := failure.New(failure.Destination, "describe table %s: %w", t.Display(), s.c.redact.err(err))
		if errors.Is(err, apierr.ErrPermissionDenied) {
			return nil, f.WithHint("GRANT SELECT ON TABLE %s TO %s", t, Quote(s.c.user))
		}
		return nil, f
	}
	return newTableInfo(info), nil
}

// List describes the tables of a schema by their names in folded case. It
// reads one page of tables per request, and columns only if columns is set. It
// leaves out tables on which the user has no privilege. If the schema does not
// exist, NotFound(err) is true.
func (s *Tables) List(ctx context.Context, catalogName, schemaName string, columns bool) (map[string]*TableInfo, error) {
	tables := s.c.client.Tables.List(ctx, catalog.ListTablesRequest{
		CatalogName: catalogName, SchemaName: schemaName, OmitColumns: !columns, OmitUsername: true,
		// Without this, one answer has all tables.
		ForceSendFields: []string{"MaxResults"},
	})
	found := map[string]*TableInfo{}
	for tables.HasNext(ctx) {
		t, err := tables.Next(ctx)
		if err != nil {
			return nil, failure.New(failure.Destination, "list the tables of %s.%s: %w", catalogName, schemaName, s.c.redact.err(err))
		}
		found[schema.FoldCase(t.Name)] = newTableInfo(&t)
	}
	return found, nil
}

func newTableInfo(t *catalog.TableInfo) *TableInfo {
	info := &TableInfo{Properties: t.Properties, Kind: string(t.TableType), Query: t.ViewDefinition}
	for _, c := range t.Columns {
		info.Columns = append(info.Columns, Column{Name: c.Name, Type: upperType(c.TypeText)})
	}
	return info
}

// Properties returns the properties of a schema's tables. It reads them as
// List does.
func (s *Tables) Properties(ctx context.Context, catalogName, schemaName string) (map[string]map[string]string, error) {
	tables, err := s.List(ctx, catalogName, schemaName, false)
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]string{}
	for name, t := range tables {
		found[name] = t.Properties
	}
	return found, nil
}
