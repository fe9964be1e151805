package databricks

import (
	"context"
	"errors"
	"net/url"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Place is the schema and the volume that a pipeline uses.
type Place struct {
	c                       *connection
	catalog, schema, volume string
}

// findCatalog checks that the catalog exists.
func (p *Place) findCatalog(ctx context.Context) error {
	name := p.catalog
	_, err := p.c.client.Catalogs.GetByName(ctx, url.PathEscape(name))
	if err == nil {
		return nil
	}
	if gone := p.c.transport.unreachable.Load(); gone != nil {
		return p.c.unreachable(gone)
	}
	f := failure.New(failure.Destination, "find catalog %s: %w", name, p.c.redact.err(err))
	switch {
	case errors.Is(err, apierr.ErrNotFound):
		return f.WithHint("check the catalog's name; ingest does not create catalogs: CREATE CATALOG %s", Quote(name))
	case errors.Is(err, apierr.ErrPermissionDenied):
		return f.WithHint("GRANT USE CATALOG ON CATALOG %s TO %s", Quote(name), Quote(p.c.user))
	}
	return f
}

// Missing lists which of schema and volume are missing. It creates nothing.
func (p *Place) Missing(ctx context.Context) ([]string, error) {
	schemaName, volumeName := p.schemaName(), p.volumeName()
	missing, err := p.schemaMissing(ctx)
	if err != nil {
		return nil, p.catalogError("schema", schemaName, p.mayMakeSchema(), err)
	}
	if missing {
		return []string{"schema " + schemaName, "volume " + volumeName}, nil
	}
	missing, err = p.volumeMissing(ctx)
	if err != nil {
		return nil, p.catalogError("volume", volumeName, p.mayMakeVolume(), err)
	}
	if missing {
		return []string{"volume " + volumeName}, nil
	}
	return nil, nil
}

func (p *Place) schemaName() string { return p.catalog + "." + p.schema }

func (p *Place) volumeName() string { return p.schemaName() + "." + p.volume }

func (p *Place) schemaMissing(ctx context.Context) (bool, error) {
	_, err := p.c.client.Schemas.GetByFullName(ctx, url.PathEscape(p.schemaName()))
	if errors.Is(err, apierr.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func (p *Place) volumeMissing(ctx context.Context) (bool, error) {
	_, err := p.c.client.Volumes.ReadByName(ctx, url.PathEscape(p.volumeName()))
	if errors.Is(err, apierr.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// mayMakeSchema and mayMakeVolume describe the privileges that creating one
// needs.
func (p *Place) mayMakeSchema() string {
	return "GRANT CREATE SCHEMA, USE CATALOG ON CATALOG " + Quote(p.catalog)
}

func (p *Place) mayMakeVolume() string {
	return "GRANT USE SCHEMA, CREATE VOLUME ON SCHEMA " + Quote(p.catalog) + "." + Quote(p.schema)
}

// Prepare creates the schema and the volume if they are missing, without a
// warehouse. It returns what it created. Several processes may run it at once.
func (p *Place) Prepare(ctx context.Context) (made []string, err error) {
	missing, err := p.schemaMissing(ctx)
	if missing {
		_, err = p.c.client.Schemas.Create(ctx, catalog.CreateSchema{CatalogName: p.catalog, Name: p.schema})
		made, err = noteMade(made, "schema "+p.schemaName(), err)
	}
	if err != nil {
		return made, p.catalogError("schema", p.schemaName(), p.mayMakeSchema(), err)
	}
	missing, err = p.volumeMissing(ctx)
	if missing {
		_, err = p.c.client.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{
			CatalogName: p.catalog, SchemaName: p.schema, Name: p.volume,
			VolumeType: catalog.VolumeTypeManaged,
			Comment:    "Segments and ledger of " + product + ": they decide what is loaded, so do not change them by hand",
		})
		made, err = noteMade(made, "volume "+p.volumeName(), err)
	}
	if err != nil {
		return made, p.catalogError("volume", p.volumeName(), p.mayMakeVolume(), err)
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

func (p *Place) catalogError(what, name, grant string, err error) error {
	f := failure.New(failure.Destination, "prepare %s %s: %w", what, name, p.c.redact.err(err))
	if errors.Is(err, apierr.ErrPermissionDenied) {
		return f.WithHint("%s TO %s", grant, Quote(p.c.user))
	}
	return f
}
