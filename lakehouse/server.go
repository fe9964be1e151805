//go:build cgo

package lakehouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

const (
	defaultTokenTTL = time.Hour
	defaultAutoStop = 10 * time.Minute
	// closeGrace is how long Close lets requests finish by themselves.
	closeGrace = 2 * time.Second
)

// Server is a running workspace. Its methods may be called from any goroutine.
type Server struct {
	options    Options
	log        *slog.Logger
	lock       *dirLock
	store      *store
	auth       *authority
	files      *volumeFiles
	secrets    *secretScopes
	dashboards *dashboards
	own        *workspaceFiles
	jobs       *jobBoard
	grants     *objectPermissions
	results    *statementBoard
	sql        *sqlEndpoint
	statements *statementLog
	ended      *endedStatements
	warehouse  *warehouse.Warehouse

	listener net.Listener
	url      string
	mux      *http.ServeMux
	http     *http.Server
	cancel   context.CancelFunc // ends the context of every request
	served   chan error         // the end of the accept loop
	gate     *gate
	requests atomic.Int64
	close    func() error
}

// Open opens the directory, makes what is missing in it, listens, and serves
// until Close; ctx bounds the opening only. The caller owns the Server.
func Open(ctx context.Context, o Options) (*Server, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open local workspace: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, o Options) (_ *Server, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{options: o, log: o.Log, gate: newGate(), served: make(chan error, 1)}
	s.close = sync.OnceValue(s.end)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.openParts(ctx); err != nil {
		return nil, err
	}
	s.results = newStatementBoard(s.warehouse, s.sql, o.Now)
	certificate, err := openCertificate(s.store, o.Now())
	if err != nil {
		return nil, err
	}
	plain, err := listenLoopback(ctx, o.Listen)
	if err != nil {
		return nil, err
	}
	// HTTP/2 would need the HTTP server to make the TLS connection itself.
	s.listener = &listener{plain,
		&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}
	s.url = "http://" + s.listener.Addr().String()
	s.mux = s.routes()
	s.serve()
	return s, nil
}

// complete fills in defaults and refuses invalid options.
func (o *Options) complete() error {
	if o.Dir == "" {
		return errors.New("no directory is given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = dir
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = defaultTokenTTL
	}
	if o.TokenTTL < time.Second {
		return fmt.Errorf("token lifetime %v: at least a second is needed", o.TokenTTL)
	}
	if o.AutoStop == 0 {
		o.AutoStop = defaultAutoStop
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// openParts opens everything that does not listen.
func (s *Server) openParts(ctx context.Context) error {
	o := s.options
	var err error
	if s.store, err = openStore(o.Dir); err != nil {
		return err
	}
	signIn, err := openCredentials(s.store, o)
	if err != nil {
		return err
	}
	s.auth = &authority{credentials: signIn, ttl: o.TokenTTL, now: o.Now}
	s.files = &volumeFiles{store: s.store, racyCreate: o.Switches.RacyCreate}
	if s.secrets, err = openSecrets(s.store, o.Now); err != nil {
		return err
	}
	if s.dashboards, err = openDashboards(s.store, o.Now); err != nil {
		return err
	}
	if err := s.openJobs(); err != nil {
		return err
	}
	if s.statements, err = openStatementLog(s.store, o.Now); err != nil {
		return err
	}
	s.ended = &endedStatements{}
	s.sql = &sqlEndpoint{cold: o.Cold, autoStop: o.AutoStop, now: o.Now}
	s.warehouse, err = warehouse.Open(ctx, warehouse.Options{
		Dir:         filepath.Join(o.Dir, "catalogs"),
		VolumesDir:  filepath.Join(o.Dir, "Volumes"),
		Catalogs:    o.Catalogs,
		Log:         o.Log,
		MemoryLimit: o.MemoryLimit,
		Threads:     o.Threads,
		OnStatement: s.logStatement,
		OnEnd:       s.ended.add,
		Refuse:      s.refuseStatement,
		Presign:     s.presign,
		Switches: warehouse.Switches{
			CopyMemoryLostOnReplace: o.Switches.CopyMemoryLostOnReplace,
			CopyMemoryLostOnRestore: o.Switches.CopyMemoryLostOnRestore,
			CTASWithoutRow:          o.Switches.CTASWithoutRow,
			PropertiesLostOnReplace: o.Switches.PropertiesLostOnReplace,
			PoliciesLostOnReplace:   o.Switches.PoliciesLostOnReplace,
			LateCommit:              o.Switches.LateCommit,
			NewRowsNoConflict:       o.Switches.NewRowsNoConflict,

			NoSchemaEvolutionOfViews: o.Switches.NoSchemaEvolutionOfViews,
			NoArrow:                  o.Switches.NoArrow,
		},
	})
	return err
}

// openJobs opens the workspace files, the jobs that run them, and the permissions on both.
func (s *Server) openJobs() error {
	var err error
	if s.own, err = openWorkspaceFiles(s.store, localUser, s.auth.ClientID); err != nil {
		return err
	}
	s.grants = &objectPermissions{store: s.store, files: s.own, boards: s.dashboards, exists: s.auth.knows}
	s.jobs, err = openJobs(&jobBoard{
		store: s.store, now: s.options.Now, log: s.log, dir: s.options.Dir, url: s.URL,
		token: s.auth.tokenOf, exists: s.auth.knows, forget: s.grants.forget,
	})
	if err != nil {
		return err
	}
	s.grants.board = s.jobs
	s.secrets.forget = func(scope string) { s.grants.forget(scopeKey(scope)) }
	return openPermissions(s.grants)
}

// listenLoopback listens on address. Every address of the host must be loopback.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: the local workspace listens on loopback only, for instance 127.0.0.1:0", address)
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// serve starts the accept loop.
func (s *Server) serve() {
	requests, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	go func() { s.served <- s.http.Serve(s.listener) }()
}

func (s *Server) logStatement(sql string) {
	if err := s.statements.add(sql); err != nil {
		s.log.Error("statement log", "error", err)
	}
}

func (s *Server) refuseStatement(sql string) *warehouse.Error {
	if s.options.Refuse == nil {
		return nil
	}
	r := s.options.Refuse(sql)
	if r == nil {
		return nil
	}
	return &warehouse.Error{SQLState: r.SQLState, Class: r.Class, Message: r.Message}
}

// URL is where the workspace listens, for instance http://127.0.0.1:41234: the
// host of a client's configuration.
func (s *Server) URL() string { return s.url }

// PageURL is the address of the workspace's page, with the key that opens it.
func (s *Server) PageURL() string { return s.url + "/?key=" + s.pageKey() }

// Token is the personal access token.
func (s *Server) Token() string { return s.auth.Token }

// ClientID is the OAuth client (the service principal's application id).
func (s *Server) ClientID() string { return s.auth.ClientID }

// ClientSecret is the secret of ClientID.
func (s *Server) ClientSecret() string { return s.auth.ClientSecret }

// WarehouseID names the one SQL warehouse.
func (s *Server) WarehouseID() string { return warehouseID }

// HTTPPath is where that warehouse takes statements.
func (s *Server) HTTPPath() string { return httpPath }

// Statements are the SQL texts that the SQL warehouse has received since Open, in order. They are
// read from statements.sql; statements that cannot be read are logged and skipped.
func (s *Server) Statements() []string {
	texts, err := s.statements.all()
	if err != nil {
		s.log.Error("statement log", "error", err)
	}
	return texts
}

// Wakeups counts how often the SQL warehouse was started, by a statement or by
// a call.
func (s *Server) Wakeups() int { return s.sql.count() }

// Requests counts the requests received.
func (s *Server) Requests() int64 { return s.requests.Load() }

// ExpireTokens makes every OAuth token issued so far invalid, for tests.
func (s *Server) ExpireTokens() { s.auth.expireAll() }

// Close accepts no more requests, waits a moment for active ones, ends the rest, and releases the directory. When it returns,
// nothing that the server started is left. Later calls return the result of the first.
func (s *Server) Close() error { return s.close() }

func (s *Server) end() error {
	s.jobs.close() // while requests are served, so that tasks can end well
	s.gate.close()
	s.http.SetKeepAlivesEnabled(false)
	err := s.listener.Close()
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-s.gate.empty:
	case <-grace.C:
	}
	s.results.close()
	s.cancel()
	err = errors.Join(err, ignoreClosed(s.http.Close()))
	<-s.gate.empty
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, ignoreClosed(served))
	}
	if err = errors.Join(err, s.release()); err != nil {
		return fmt.Errorf("close local workspace: %w", err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// release closes the parts that were opened.
func (s *Server) release() error {
	var errs []error
	if s.warehouse != nil {
		errs = append(errs, s.warehouse.Close())
	}
	if s.statements != nil {
		errs = append(errs, s.statements.close())
	}
	if s.store != nil {
		errs = append(errs, s.store.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}
