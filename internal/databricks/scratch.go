package databricks

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"

	"ingest/internal/failure"
)

// In is another schema and volume of the same catalog. It shares the sign-in
// and has its own sessions. Close its Warehouse, not the workspace.
func (w *Workspace) In(schemaName, volume, directory string) *Workspace {
	other := *w
	other.config.Schema, other.config.Volume, other.config.Pipeline = schemaName, volume, directory
	files := *w.files
	files.root = "/Volumes/" + w.config.Catalog + "/" + schemaName + "/" + volume + "/" + directory
	other.files = &files
	other.warehouse = newWarehouse(&other)
	return &other
}

// Schemas lists the catalog's schemas that the user can see.
func (w *Workspace) Schemas(ctx context.Context) ([]string, error) {
	all, err := w.client.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: w.config.Catalog})
	if err != nil {
		return nil, failure.New(failure.Destination, "list the schemas of catalog %s: %w", w.config.Catalog, w.redact.err(err))
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names, nil
}

// RemoveSchema drops a schema with all of its contents, without a warehouse. A
// missing schema is not an error.
func (w *Workspace) RemoveSchema(ctx context.Context, name string) error {
	full := w.config.Catalog + "." + name
	err := w.dropSchema(ctx, full)
	if err == nil {
		return nil
	}
	// Some services do not drop a schema with its contents. Empty it first.
	if emptied := w.emptySchema(ctx, name); emptied != nil {
		err = errors.Join(err, emptied)
	} else {
		err = w.dropSchema(ctx, full)
	}
	if err == nil {
		return nil
	}
	return failure.New(failure.Destination, "remove schema %s: %w", full, w.redact.err(err)).
		WithHint("DROP SCHEMA IF EXISTS %s.%s CASCADE", Quote(w.config.Catalog), Quote(name))
}

func (w *Workspace) dropSchema(ctx context.Context, full string) error {
	err := w.client.Schemas.Delete(ctx, catalog.DeleteSchemaRequest{FullName: url.PathEscape(full), Force: true})
	if errors.Is(err, apierr.ErrNotFound) {
		return nil
	}
	return err
}

func (w *Workspace) emptySchema(ctx context.Context, name string) error {
	volumes, err := w.client.Volumes.ListAll(ctx, catalog.ListVolumesRequest{CatalogName: w.config.Catalog, SchemaName: name})
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := w.client.Volumes.DeleteByName(ctx, url.PathEscape(v.FullName)); err != nil && !errors.Is(err, apierr.ErrNotFound) {
			return err
		}
	}
	tables, err := w.client.Tables.ListAll(ctx, catalog.ListTablesRequest{CatalogName: w.config.Catalog, SchemaName: name})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := w.client.Tables.DeleteByFullName(ctx, url.PathEscape(t.FullName)); err != nil && !errors.Is(err, apierr.ErrNotFound) {
			return err
		}
	}
	return nil
}

// TokenExpiry is when the present token of the sign-in expires. ok is false if
// the token does not say so. A personal access token does not.
func (w *Workspace) TokenExpiry(ctx context.Context) (at time.Time, ok bool) {
	token, err := w.sdk.GetTokenSource().Token(ctx)
	if err != nil || token.Expiry.IsZero() {
		return time.Time{}, false
	}
	return token.Expiry.UTC(), true
}

// RateLimits returns how many requests to the REST interface were answered with
// 429, and the headers about limits in any answers, by name.
func (w *Workspace) RateLimits() (refused int64, headers map[string]string) {
	return w.transport.limits.all()
}

// limits records what a service announces about its limits.
type limits struct {
	mu      sync.Mutex
	refused int64
	headers map[string]string
}

// limitHeaders are headers by which services announce limits.
var limitHeaders = []string{
	"Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Ratelimit",
	"Ratelimit-Limit", "Ratelimit-Policy",
}

func (l *limits) hear(resp *http.Response) {
	for _, name := range limitHeaders {
		value := resp.Header.Get(name)
		if value == "" {
			continue
		}
		l.mu.Lock()
		if l.headers == nil {
			l.headers = map[string]string{}
		}
		l.headers[name] = value
		l.mu.Unlock()
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		l.mu.Lock()
		l.refused++
		l.mu.Unlock()
	}
}

func (l *limits) all() (int64, map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	headers := map[string]string{}
	maps.Copy(headers, l.headers)
	return l.refused, headers
}

// Apart is the same warehouse over separate connections. leave cuts them and
// prevents new ones. To the warehouse, the client disappears without notice, as
// if its process was killed.
func (h *Warehouse) Apart() (apart *Warehouse, leave func()) {
	c := &cuttable{}
	base := h.w.transport.base.Clone()
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return c.keep(conn)
	}
	apart = newWarehouse(h.w)
	apart.base = base
	return apart, c.cut
}

// cuttable is a set of connections that end together.
type cuttable struct {
	mu    sync.Mutex
	gone  bool
	conns []net.Conn
}

func (c *cuttable) keep(conn net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}
