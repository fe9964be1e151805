package databricks

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	sdk "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/config"
	sdklog "github.com/databricks/databricks-sdk-go/logger"
	"github.com/databricks/databricks-sdk-go/useragent"
	sqllog "github.com/databricks/databricks-sql-go/logger"

	"ingest/internal/failure"
)

// Workspace is a signed-in connection to a workspace.
type Workspace struct {
	config    Config
	sdk       *config.Config
	client    *sdk.WorkspaceClient
	transport *restTransport
	redact    *redactor
	log       *slog.Logger
	user      string
	groups    []string // the user's groups, according to the workspace
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

	w := &Workspace{config: c, log: c.Log, redact: &redactor{}}
	w.transport = &restTransport{base: newBaseTransport(false), deadline: ctx}
	w.redact.add(c.Token, c.ClientSecret)
	if err := w.resolve(); err != nil {
		return nil, err
	}
	if err := w.signIn(ctx); err != nil {
		return nil, err
	}
	if err := w.findCatalog(ctx); err != nil {
		return nil, err
	}
	w.transport.signedIn.Store(true)
	root := "/Volumes/" + c.Catalog + "/" + c.Schema + "/" + c.Volume + "/" + c.Pipeline
	w.files = &Files{api: w.client.Files, root: root, pause: c.RetryPause, redact: w.redact, log: c.Log}
	w.warehouse = newWarehouse(w)
	w.log.Debug("signed in to Databricks", "host", w.Host(), "user", w.user, "method", w.AuthMethod())
	return w, nil
}

// resolve makes the SDK read environment and profile.
func (w *Workspace) resolve() error {
	w.sdk = w.config.sdk(w.transport)
	if err := w.sdk.EnsureResolved(); err != nil {
		return w.settingsError(err)
	}
	w.redact.add(w.sdk.Token, w.sdk.ClientSecret, w.sdk.Password, w.sdk.AzureClientSecret, w.sdk.GoogleCredentials, w.sdk.ActionsIDTokenRequestToken)
	if strings.Contains(w.sdk.Host, "@") { // parsers disagree about the end of a password
		return failure.New(failure.Usage, "the workspace's address (DATABRICKS_HOST, or host of a profile) has a user or a password in it, and is not shown").
			WithHint("want https://….cloud.databricks.com; the token goes into DATABRICKS_TOKEN")
	}
	if w.sdk.Host == "" && w.sdk.AzureResourceID == "" && w.sdk.Profile != "" {
		return failure.New(failure.Usage, "no Databricks workspace is configured: profile %q is named, and %s", w.sdk.Profile, missingProfile(w.sdk.ConfigFile)).
			WithHint("`databricks auth login --profile %s --host https://….cloud.databricks.com` makes the profile; or leave it out (destination.profile, "+
				"DATABRICKS_CONFIG_PROFILE) and export DATABRICKS_HOST and DATABRICKS_TOKEN", w.sdk.Profile)
	}
	if w.sdk.Host == "" && w.sdk.AzureResourceID == "" {
		return failure.New(failure.Usage, "no Databricks workspace is configured").
			WithHint("export DATABRICKS_HOST=https://….cloud.databricks.com, or name a profile of ~/.databrickscfg in DATABRICKS_CONFIG_PROFILE")
	}
	if w.sdk.InsecureSkipVerify {
		w.transport.base = newBaseTransport(true)
	}
	// With its default chain, the SDK tries all other methods after a refused
	// secret. Then it reports "cannot configure default credentials".
	if w.sdk.AuthType == "" {
		switch {
		case w.sdk.Token != "":
			w.sdk.AuthType = "pat"
		case w.sdk.ClientID != "" && w.sdk.ClientSecret != "":
			w.sdk.AuthType = "oauth-m2m"
		}
	}
	client, err := sdk.NewWorkspaceClient((*sdk.Config)(w.sdk))
	if err != nil {
		return failure.New(failure.Usage, "set up the Databricks client: %w", w.redact.err(err))
	}
	w.client = client
	return nil
}

// Host is the workspace's address with its scheme.
func (w *Workspace) Host() string {
	u, err := url.Parse(w.sdk.Host)
	if err != nil {
		return w.redact.text(w.sdk.Host)
	}
	return u.Redacted()
}

// User is the name of the signed-in user or the application id of the service
// principal.
func (w *Workspace) User() string { return w.user }

// AuthMethod is the SDK's name of the sign-in method: pat, oauth-m2m, ….
func (w *Workspace) AuthMethod() string { return w.sdk.AuthType }

// Catalog is the configured catalog's name.
func (w *Workspace) Catalog() string { return w.config.Catalog }

// Schema is the configured schema's name.
func (w *Workspace) Schema() string { return w.config.Schema }

// Table is a table of the configured schema.
func (w *Workspace) Table(name string) Table {
	return Table{Catalog: w.config.Catalog, Schema: w.config.Schema, Name: name}
}

// Files is the pipeline's directory in the volume.
func (w *Workspace) Files() *Files { return w.files }

// Warehouse is the configured SQL warehouse. Until the first statement, nothing
// is sent to it and it is not looked up.
func (w *Workspace) Warehouse() *Warehouse { return w.warehouse }

// Time is the workspace's own clock in its latest answer, in whole seconds. It
// is the zero time if no answer had one.
func (w *Workspace) Time() time.Time {
	told := w.transport.told.Load()
	if told == 0 {
		return time.Time{}
	}
	return time.Unix(told, 0).UTC()
}

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
