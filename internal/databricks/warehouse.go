package databricks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	dbsql "github.com/databricks/databricks-sql-go"
	"github.com/databricks/databricks-sql-go/driverctx"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Warehouse runs statements on the configured SQL warehouse. The first
// statement finds the warehouse and opens a session. This starts a stopped
// warehouse. Sessions use the time zone UTC, ANSI mode, and the configured
// catalog and schema as the current ones.
type Warehouse struct {
	c          *connection
	config     Config
	base       http.RoundTripper // carries the requests; nil: the workspace's
	statements atomic.Int64
	connecting atomic.Int64 // sessions that are being opened
	running    atomic.Int64 // statements

	mu        sync.Mutex
	db        *sql.DB // nil before the first statement
	transport *sqlTransport
	id        string // the warehouse's name in errors
	path      string // its HTTP path
}

func newWarehouse(c *connection, config Config) *Warehouse {
	return &Warehouse{c: c, config: config}
}

// Statements is the number of sent statements.
func (h *Warehouse) Statements() int { return int(h.statements.Load()) }

// Starting reports whether statements wait for a session and none is running:
// the warehouse is starting, unless it answers in a moment.
func (h *Warehouse) Starting() bool { return h.connecting.Load() > 0 && h.running.Load() == 0 }

// Used reports whether any statement was sent.
func (h *Warehouse) Used() bool { return h.Statements() > 0 }

// Close ends the sessions if the warehouse can be reached. If it cannot, the
// warehouse drops them on its own. No statement may be running.
func (h *Warehouse) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db == nil {
		return
	}
	h.transport.closing.Store(true)
	if err := h.db.Close(); err != nil {
		h.c.log.Debug("close SQL sessions", "error", h.c.redact.err(err))
	}
	h.db = nil
}

// Find looks up the warehouse without waking it. So a wrong id or name is
// reported before any statement.
func (h *Warehouse) Find(ctx context.Context) error {
	_, err := h.open(ctx)
	return err
}

// Name is the found warehouse: its id, and its name if it was looked up.
func (h *Warehouse) Name() string { return h.name() }

// Exec runs one statement and waits for its end. It never retries: see
// Retryable and OutcomeUnknown.
func (h *Warehouse) Exec(ctx context.Context, statement string) error {
	return h.again(func() error {
		c, err := h.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		ctx, ex := withExchange(ctx)
		return h.run(ctx, ex, statement, func(ctx context.Context) error {
			_, err := c.ExecContext(ctx, statement)
			return err
		})
	})
}

// Tag adds a query tag to the statements that run with the context. The
// warehouse's query history shows it.
func Tag(ctx context.Context, name, value string) context.Context {
	tags := map[string]string{}
	if outer, _ := ctx.Value(tagsKey).(map[string]string); outer != nil {
		maps.Copy(tags, outer)
	}
	tags[name] = value
	return context.WithValue(ctx, tagsKey, tags)
}

// again repeats something once, on a new session, if the warehouse no longer
// knew the session. database/sql would retry too, but without checking whether
// the statement had been accepted. That is why this package manages its own
// connections.
func (h *Warehouse) again(do func() error) error {
	err := do()
	if sessionLost(err) {
		h.c.log.Debug("the SQL session has ended; opening another")
		err = do()
	}
	return err
}

// run counts, times and classifies one statement. ctx carries ex.
func (h *Warehouse) run(ctx context.Context, ex *exchange, statement string, do func(context.Context) error) error {
	h.statements.Add(1)
	h.running.Add(1)
	defer h.running.Add(-1)
	if own, _ := ctx.Value(tagsKey).(map[string]string); own != nil {
		// A statement's tags may replace the session's (?), so they include
		// these.
		all := h.config.queryTags()
		maps.Copy(all, own)
		ctx = driverctx.NewContextWithQueryTags(ctx, all)
	}
	ctx = driverctx.NewContextWithQueryIdCallback(ctx, ex.named)
	began := time.Now()
	err := do(ctx)
	took := time.Since(began).Round(time.Millisecond)
	if err == nil {
		h.c.log.Debug("statement", "sql", firstLine(statement), "query", ex.state().queryID, "took", took)
		return nil
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(err, ctx.Err())
	}
	failed := newStatementError(h.c.redact, statement, ex.state(), err)
	h.c.log.Debug("statement failed", "sql", failed.Statement, "query", failed.QueryID, "class", failed.Class,
		"sqlstate", failed.SQLState, "outcome", failed.Outcome, "took", took)
	return hinted(failed)
}

// connect returns a session. It waits for a warehouse that is starting.
func (h *Warehouse) connect(ctx context.Context) (*sql.Conn, error) {
	h.connecting.Add(1)
	defer h.connecting.Add(-1)
	db, err := h.open(ctx)
	if err != nil {
		return nil, err
	}
	began, pause := time.Now(), h.config.RetryPause
	for {
		ctx, ex := withExchange(ctx)
		c, err := db.Conn(ctx)
		if err == nil {
			return c, nil
		}
		wire := ex.state()
		if !retryStatus(wire.status) || time.Since(began) > h.config.StartTimeout {
			return nil, h.connectError(wire, err)
		}
		h.c.log.Info("waiting for the SQL warehouse to start", "warehouse", h.name(), "waited", time.Since(began).Round(time.Second))
		select {
		case <-ctx.Done():
			return nil, h.connectError(wire, errors.Join(err, ctx.Err()))
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Second)
	}
}

func (h *Warehouse) name() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.id
}

// warehouseID is the last part of the HTTP path.
func (h *Warehouse) warehouseID() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.path[strings.LastIndex(h.path, "/")+1:]
}

// connectNoise matches what the driver puts before the cause: an address that
// the error already has, and the names of its own functions.
var connectNoise = regexp.MustCompile(`^error connecting: host=\S+ port=\d+, httpPath=\S+: (databricks: )?(request error: )?(open session request error: )?(Post "[^"]*": )?(request error after \d+ attempt\(s\): )?`)

// connectError is the error for a session that could not be opened. Nothing was
// run.
func (h *Warehouse) connectError(w wire, err error) error {
	text := connectNoise.ReplaceAllString(cleanMessage(h.c.redact.text(err.Error()), ""), "")
	refused := &StatementError{
		Statement: "a SQL session on warehouse " + h.name(), Message: text, Outcome: NotRun, status: w.status, err: h.c.redact.err(err),
	}
	f := failure.New(failure.Destination, "open %s: %w", refused.Statement, &connectFailure{refused, text})
	switch {
	case w.status == http.StatusUnauthorized:
		return f.WithHint("the token has expired: sign in again; for long runs, use a service principal's client id and secret")
	case w.status == http.StatusForbidden:
		return f.WithHint("give %s the permission CAN USE on the warehouse", h.c.user)
	case w.status == http.StatusNotFound, w.status == http.StatusBadRequest:
		return f.WithHint("the warehouse may have been deleted: `databricks warehouses list` shows those that you may use")
	case retryStatus(w.status):
		return f.WithHint("the warehouse did not start within %s: look at its state in SQL Warehouses", h.config.StartTimeout)
	}
	if contextEnded(err) {
		return f
	}
	return f.WithHint("check the network between here and %s", h.c.Host())
}

// connectFailure prints only the cause. It is classified like the
// StatementError.
type connectFailure struct {
	*StatementError
	text string
}

func (c *connectFailure) Error() string { return c.text }
func (c *connectFailure) Unwrap() error { return c.StatementError }

// open finds the warehouse and sets up the driver. It opens no session.
func (h *Warehouse) open(ctx context.Context) (*sql.DB, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db != nil {
		return h.db, nil
	}
	found, err := h.lookUp(ctx)
	if err != nil {
		return nil, err
	}
	db, transport, err := h.openDB(found.path)
	if err != nil {
		return nil, failure.New(failure.Destination, "set up the SQL driver for %s: %w", h.c.Host(), h.c.redact.err(err))
	}
	h.db, h.transport, h.id, h.path = db, transport, found.name, found.path
	return db, nil
}

func (h *Warehouse) openDB(httpPath string) (*sql.DB, *sqlTransport, error) {
	host, err := url.Parse(h.c.sdk.Host)
	if err != nil || host.Hostname() == "" {
		return nil, nil, fmt.Errorf("host %q is not an address", h.c.Host())
	}
	port := host.Port()
	if port == "" {
		port = map[string]string{"http": "80"}[host.Scheme]
	}
	if port == "" {
		port = "443"
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, nil, fmt.Errorf("host %q has no numeric port", h.c.Host())
	}
	name := host.Hostname()
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	base := h.base
	if base == nil {
		base = h.c.transport.base
	}
	transport := &sqlTransport{base: base, host: net.JoinHostPort(host.Hostname(), port)}
	connector, err := dbsql.NewConnector(
		dbsql.WithServerHostname(host.Scheme+"://"+name),
		dbsql.WithPort(number),
		dbsql.WithHTTPPath(httpPath),
		dbsql.WithAuthenticator(h.c.sdk),
		dbsql.WithTransport(transport),
		dbsql.WithInitialNamespace(h.config.Catalog, h.config.Schema),
		// In ANSI mode a value that does not fit is an error, not a NULL.
		dbsql.WithSessionParams(map[string]string{"timezone": "UTC", "ansi_mode": "true"}),
		dbsql.WithQueryTags(h.config.queryTags()),
		dbsql.WithUserAgentEntry(product+"/"+h.config.Version),
		dbsql.WithCloudFetch(false),
		dbsql.WithRetries(4, h.config.RetryPause, 30*time.Second),
	)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(10 * time.Minute)
	return db, transport, nil
}

// foundWarehouse is the warehouse that gets the statements.
type foundWarehouse struct{ name, path string }

// lookUp looks up the configured warehouse without waking it.
func (h *Warehouse) lookUp(ctx context.Context) (foundWarehouse, error) {
	wanted := h.config.Warehouse
	if wanted == "" {
		wanted = h.c.sdk.WarehouseID
	}
	if wanted == "" {
		wanted = h.config.Environment("DATABRICKS_HTTP_PATH")
	}
	if strings.Contains(wanted, "/") {
		id := wanted[strings.LastIndex(wanted, "/")+1:]
		return foundWarehouse{name: id, path: "/" + strings.TrimPrefix(wanted, "/")}, nil
	}
	all, err := h.listAll(ctx)
	if err != nil {
		return foundWarehouse{}, err
	}
	return chooseWarehouse(all, wanted)
}
