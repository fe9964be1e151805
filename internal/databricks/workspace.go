package databricks

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"sync"

	sdklog "github.com/databricks/databricks-sdk-go/logger"
	"github.com/databricks/databricks-sdk-go/useragent"
	sqllog "github.com/databricks/databricks-sql-go/logger"
)

// Workspace is a signed-in connection to a workspace, and what a pipeline uses
// there.
type Workspace struct {
	*connection
	config    Config
	files     *Files
	warehouse *Warehouse
}

// Open signs in. It asks once who the user is, so that wrong credentials are
// reported at once. It checks that the catalog exists, because this program
// never creates one. If the host or the credentials are wrong, it takes at most
// seconds. It uses no SQL warehouse.
func Open(ctx context.Context, c Config) (*Workspace, error) {
	c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	tameClients(c.Version, c.Log)
	ctx, cancel := context.WithTimeout(ctx, c.SignInTimeout)
	defer cancel()

	conn := &connection{log: c.Log, redact: &redactor{}}
	conn.transport = &restTransport{base: newBaseTransport(false), deadline: ctx}
	conn.redact.add(c.Token, c.ClientSecret)
	if err := conn.resolve(&c); err != nil {
		return nil, err
	}
	if err := conn.signIn(ctx, c.SignInTimeout); err != nil {
		return nil, err
	}
	w := &Workspace{connection: conn, config: c}
	if err := w.Place().findCatalog(ctx); err != nil {
		return nil, err
	}
	conn.transport.signedIn.Store(true)
	root := "/Volumes/" + c.Catalog + "/" + c.Schema + "/" + c.Volume + "/" + c.Pipeline
	w.files = &Files{api: w.client.Files, root: root, pause: c.RetryPause, redact: w.redact, log: c.Log}
	w.warehouse = newWarehouse(conn, c)
	w.log.Debug("signed in to Databricks", "host", w.Host(), "user", w.user, "method", w.AuthMethod())
	return w, nil
}

// Catalog is the configured catalog's name.
func (w *Workspace) Catalog() string { return w.config.Catalog }

// Schema is the configured schema's name.
func (w *Workspace) Schema() string { return w.config.Schema }

// Table is a table of the configured schema.
func (w *Workspace) Table(name string) Table {
	return Table{Catalog: w.config.Catalog, Schema: w.config.Schema, Name: name}
}

// Place is the schema and the volume of the pipeline.
func (w *Workspace) Place() *Place {
	return &Place{c: w.connection, catalog: w.config.Catalog, schema: w.config.Schema, volume: w.config.Volume}
}

// Schemas are the schemas of the configured catalog.
func (w *Workspace) Schemas() *Schemas {
	return &Schemas{c: w.connection, catalog: w.config.Catalog}
}

// Pipelines lists the pipelines that have a directory in the volume.
func (w *Workspace) Pipelines(ctx context.Context) ([]string, error) {
	volume := *w.files
	volume.root = path.Dir(w.files.root)
	entries, err := volume.List(ctx, "")
	var names []string
	for _, e := range entries {
		if e.Dir {
			names = append(names, e.Name)
		}
	}
	return names, err
}

// Tables describes tables.
func (w *Workspace) Tables() *Tables { return &Tables{c: w.connection} }

// Files is the pipeline's directory in the volume.
func (w *Workspace) Files() *Files { return w.files }

// Warehouse is the configured SQL warehouse. Until the first statement, nothing
// is sent to it and it is not looked up.
func (w *Workspace) Warehouse() *Warehouse { return w.warehouse }

// Close ends the warehouse's sessions and the idle connections.
func (w *Workspace) Close() {
	w.warehouse.Close()
	w.transport.base.CloseIdleConnections()
}

var tame sync.Once

// tameClients sets the package variables of both client libraries, once per
// process. It sets the user agent and stops both from writing to stderr. The
// SQL driver's messages contain whole statements.
func tameClients(version string, log *slog.Logger) {
	tame.Do(func() {
		useragent.WithProduct(product, version)
		sdklog.DefaultLogger = sdkLog{log}
		if err := sqllog.SetLogLevel("disabled"); err != nil {
			panic(fmt.Sprintf("databricks: turn the SQL driver's log off: %v", err))
		}
	})
}

// sdkLog logs the SDK's warnings at the debug level, because the SDK also warns
// about harmless things, such as a host without metadata.
type sdkLog struct{ log *slog.Logger }

func (l sdkLog) Enabled(_ context.Context, level sdklog.Level) bool { return level >= sdklog.LevelWarn }
func (l sdkLog) Tracef(context.Context, string, ...any)             {}
func (l sdkLog) Debugf(context.Context, string, ...any)             {}
func (l sdkLog) Infof(context.Context, string, ...any)              {}
func (l sdkLog) Warnf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "databricks sdk: "+fmt.Sprintf(format, v...))
}
func (l sdkLog) Errorf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "databricks sdk: "+fmt.Sprintf(format, v...))
}
