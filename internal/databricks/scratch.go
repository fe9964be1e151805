package databricks

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync"
)

// In is another schema and volume of the same catalog. It shares the sign-in
// and has its own sessions. Close its Warehouse, not the workspace.
func (w *Workspace) In(schemaName, volume, directory string) *Workspace {
	other := *w
	other.config.Schema, other.config.Volume, other.config.Pipeline = schemaName, volume, directory
	files := *w.files
	files.root = "/Volumes/" + w.config.Catalog + "/" + schemaName + "/" + volume + "/" + directory
	other.files = &files
	other.warehouse = newWarehouse(w.connection, other.config)
	return &other
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
	base := h.c.transport.base.Clone()
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return c.keep(conn)
	}
	apart = newWarehouse(h.c, h.config)
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
