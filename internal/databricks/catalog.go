package databricks

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/workspace"

	"ingest/internal/failure"
	"ingest/internal/schema"
)

// Missing lists which of schema and volume are missing. It creates nothing.
func (w *Workspace) Missing(ctx context.Context) ([]string, error) {
	schemaName, volumeName := w.schemaName(), w.volumeName()
	missing, err := w.schemaMissing(ctx)
	if err != nil {
		return nil, w.catalogError("schema", schemaName, w.mayMakeSchema(), err)
	}
	if missing {
		return []string{"schema " + schemaName, "volume " + volumeName}, nil
	}
	missing, err = w.volumeMissing(ctx)
	if err != nil {
		return nil, w.catalogError("volume", volumeName, w.mayMakeVolume(), err)
	}
	if missing {
		return []string{"volume " + volumeName}, nil
	}
	return nil, nil
}

func (w *Workspace) schemaName() string { return w.config.Catalog + "." + w.config.Schema }

func (w *Workspace) volumeName() string { return w.schemaName() + "." + w.config.Volume }

func (w *Workspace) schemaMissing(ctx context.Context) (bool, error) {
	_, err := w.client.Schemas.GetByFullName(ctx, url.PathEscape(w.schemaName()))
	if errors.Is(err, apierr.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func (w *Workspace) volumeMissing(ctx context.Context) (bool, error) {
	_, err := w.client.Volumes.ReadByName(ctx, url.PathEscape(w.volumeName()))
	if errors.Is(err, apierr.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// mayMakeSchema and mayMakeVolume describe the privileges that creating one
// needs.
func (w *Workspace) mayMakeSchema() string {
	return "GRANT CREATE SCHEMA, USE CATALOG ON CATALOG " + Quote(w.config.Catalog)
}

func (w *Workspace) mayMakeVolume() string {
	return "GRANT USE SCHEMA, CREATE VOLUME ON SCHEMA " + Quote(w.config.Catalog) + "." + Quote(w.config.Schema)
}

// Prepare creates the schema and the volume if they are missing, without a
// warehouse. It returns what it created. Several processes may run it at once.
func (w *Workspace) Prepare(ctx context.Context) (made []string, err error) {
	missing, err := w.schemaMissing(ctx)
	if missing {
		_, err = w.client.Schemas.Create(ctx, catalog.CreateSchema{CatalogName: w.config.Catalog, Name: w.config.Schema})
		made, err = noteMade(made, "schema "+w.schemaName(), err)
	}
	if err != nil {
		return made, w.catalogError("schema", w.schemaName(), w.mayMakeSchema(), err)
	}
	missing, err = w.volumeMissing(ctx)
	if missing {
		_, err = w.client.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{
			CatalogName: w.config.Catalog, SchemaName: w.config.Schema, Name: w.config.Volume,
			VolumeType: catalog.VolumeTypeManaged,
			Comment:    "Segments and ledger of " + product + ": what they hold decides what is loaded, change nothing by hand",
		})
		made, err = noteMade(made, "volume "+w.volumeName(), err)
	}
	if err != nil {
		return made, w.catalogError("volume", w.volumeName(), w.mayMakeVolume(), err)
	}
	return made, nil
}

// noteMade appends what was created, unless somebody else created it first.
func noteMade(made []string, what string, err error) ([]string, error) {
	switch {
	case err == nil:
		return append(made, what), nil
	case errors.Is(err, apierr.ErrResourceConflict):
		return made, nil
	}
	// Some services of Unity Catalog answer 400 with this code.
	if api, ok := errors.AsType[*apierr.APIError](err); ok {
		switch api.ErrorCode {
		case "SCHEMA_ALREADY_EXISTS", "VOLUME_ALREADY_EXISTS", "ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS":
			return made, nil
		}
	}
	return made, err
}

func (w *Workspace) catalogError(what, name, grant string, err error) error {
	f := failure.New(failure.Destination, "prepare %s %s: %w", what, name, w.redact.err(err))
	if errors.Is(err, apierr.ErrPermissionDenied) {
		return f.WithHint("%s TO %s", grant, Quote(w.user))
	}
	return f
}

// Secret reads a Databricks secret. Later error texts never contain its value.
func (w *Workspace) Secret(ctx context.Context, scope, key string) (string, error) {
	answer, err := w.client.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: scope, Key: key})
	if err != nil {
		f := failure.New(failure.Destination, "read secret %s/%s: %w", scope, key, w.redact.err(err))
		switch {
		case errors.Is(err, apierr.ErrNotFound) && w.noScope(ctx, scope):
			return "", f.WithHint("there is no scope %s: `databricks secrets list-scopes` names those that you see; `databricks secrets create-scope %[1]s` makes it, "+
				"`databricks secrets put-secret %[1]s %[2]s` puts the value in, and `databricks secrets list-secrets %[1]s` shows it", scope, key)
		case errors.Is(err, apierr.ErrNotFound):
			return "", f.WithHint("scope %s has no key %s: `databricks secrets list-secrets %[1]s` names its keys; `databricks secrets put-secret %[1]s "+
				"%[2]s` puts the value in", scope, key)
		case errors.Is(err, apierr.ErrPermissionDenied):
			return "", f.WithHint("databricks secrets put-acl %s %s READ", scope, w.user)
		}
		return "", f
	}
	value, err := base64.StdEncoding.DecodeString(answer.Value)
	if err != nil {
		return "", failure.New(failure.Destination, "read secret %s/%s: its value is not base64", scope, key)
	}
	w.redact.add(string(value))
	return string(value), nil
}

// noScope reports whether no scope of that name is visible.
func (w *Workspace) noScope(ctx context.Context, scope string) bool {
	scopes, err := w.client.Secrets.ListScopesAll(ctx)
	return err == nil && !slices.ContainsFunc(scopes, func(s workspace.SecretScope) bool { return s.Name == scope })
}

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

// TableInfo describes a table without a warehouse. If the table does not exist,
// NotFound(err) is true.
func (w *Workspace) TableInfo(ctx context.Context, t Table) (*TableInfo, error) {
	info, err := w.client.Tables.GetByFullName(ctx, url.PathEscape(t.Display()))
	if err != nil {
		f := failure.New(failure.Destination, "describe table %s: %w", t.Display(), w.redact.err(err))
		if errors.Is(err, apierr.ErrPermissionDenied) {
			return nil, f.WithHint("GRANT SELECT ON TABLE %s TO %s", t, Quote(w.user))
		}
		return nil, f
	}
	return newTableInfo(info), nil
}

// Tables describes the tables of a schema by their names in folded case. It
// reads one page of tables per request, and columns only if columns is set. It
// leaves out tables on which the user has no privilege. If the schema does not
// exist, NotFound(err) is true.
func (w *Workspace) Tables(ctx context.Context, catalogName, schemaName string, columns bool) (map[string]*TableInfo, error) {
	tables := w.client.Tables.List(ctx, catalog.ListTablesRequest{
		CatalogName: catalogName, SchemaName: schemaName, OmitColumns: !columns, OmitUsername: true,
		// Without this, one answer has all tables.
		ForceSendFields: []string{"MaxResults"},
	})
	found := map[string]*TableInfo{}
	for tables.HasNext(ctx) {
		t, err := tables.Next(ctx)
		if err != nil {
			return nil, failure.New(failure.Destination, "list the tables of %s.%s: %w", catalogName, schemaName, w.redact.err(err))
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

// TableProperties returns the properties of a schema's tables. It reads them as
// Tables does.
func (w *Workspace) TableProperties(ctx context.Context, catalogName, schemaName string) (map[string]map[string]string, error) {
	tables, err := w.Tables(ctx, catalogName, schemaName, false)
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]string{}
	for name, t := range tables {
		found[name] = t.Properties
	}
	return found, nil
}
