//go:build unix

// Package pgserver runs private PostgreSQL servers, for the demo and for tests: found on this machine or
// brought, initialised, started on a free port of 127.0.0.1, and gone without a trace in the end, also when
// this process is killed.
//
// It knows nothing of replication or of what is done with the server: it must not import any other package
// of this module.
package pgserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout = time.Minute
	// stopGrace is how long a stop waits for clients' sessions to end cleanly.
	stopGrace = 10 * time.Second
	pollEvery = 20 * time.Millisecond
)

// Options say which server to start. The zero value is a server of the newest version found, in a
// temporary directory.
type Options struct {
	Major    int               // 0: what INGEST_TEST_PG says, or the newest that is installed, or else can be brought
	Least    int               // the oldest major version that will do where Major is 0
	BinDir   string            // holds the binaries to use, whatever else is installed; "": none in particular
	Dir      string            // kept after Stop and used again; "": a temporary one, removed by Stop
	Settings map[string]string // of postgresql.conf, over this package's own; ALTER SYSTEM goes over both
	Log      *slog.Logger      // nil: none
	// Iterations of the password's hash, which each connection repeats; 0: PostgreSQL's 4096. Some drivers
	// accept no fewer. The password is random, so that tests need no more than one.
	Iterations int
}

// Mode is a way to end a server (PostgreSQL documentation, 19.5).
type Mode int

const (
	Fast      Mode = iota // sessions are ended, everything is written out
	Immediate             // as in a crash: the next start recovers from the log
)

// Server is a running PostgreSQL server that belongs to this process. Its methods may be called from
// several goroutines.
type Server struct {
	bin      Installation
	acc      account
	home     *home
	settings map[string]string
	log      *slog.Logger
	port     int
	password string
	rounds   int // of the password's hash

	mu      sync.Mutex // held while the server is started or stopped
	proc    *process
	stopped bool
}

// Start starts a server and returns when it takes connections. The server belongs to the caller, who calls
// Stop; the context bounds the start only. A failed start leaves nothing behind, and its error ends with the
// last lines of the server's log.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL server: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, opts Options) (*Server, error) {
	settings, err := mergeSettings(opts.Settings)
	if err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	for _, dir := range removeStale() {
		log.Info("removed the directory of a PostgreSQL server whose process was killed", "dir", dir)
	}
	acc, err := serverAccount()
	if err != nil {
		return nil, err
	}
	bin, err := installationFor(ctx, opts)
	if err != nil {
		return nil, err
	}
	h, err := openHome(opts.Dir, acc)
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, acc: acc, home: h, settings: settings, log: log, rounds: cmp.Or(opts.Iterations, defaultIterations)}
	if err := s.bringUp(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	if err := Note(bin.Version, ""); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	log.Info("started PostgreSQL server", "version", bin.Version, "port", s.port, "dir", h.dir)
	return s, nil
}

// installationFor is bound to the version of the cluster that the directory already holds.
func installationFor(ctx context.Context, opts Options) (Installation, error) {
	major := opts.Major
	if opts.Dir != "" {
		existing, err := clusterMajor(filepath.Join(opts.Dir, "data"))
		if err != nil {
			return Installation{}, err
		}
		if existing != 0 && major != 0 && existing != major {
			return Installation{}, fmt.Errorf("%s holds data of PostgreSQL %d, not %d; ask for that version or remove the directory",
				opts.Dir, existing, major)
		}
		major = max(major, existing)
	}
	if opts.BinDir == "" {
		return chooseInstallation(ctx, major, opts.Least)
	}
	bin, err := inspectBinDir(ctx, opts.BinDir)
	if err == nil && major != 0 && bin.Major != major {
		err = fmt.Errorf("%s holds PostgreSQL %d, not %d", opts.BinDir, bin.Major, major)
	}
	return bin, err
}

// bringUp initialises the cluster where there is none, and starts the server on a free port; once more on
// another one if somebody takes it in between.
func (s *Server) bringUp(ctx context.Context) error {
	major, err := clusterMajor(s.home.data())
	if err != nil {
		return err
	}
	if major == 0 {
		if err := initCluster(ctx, s.bin, s.home, s.acc, s.rounds); err != nil {
			return fmt.Errorf("initialise cluster: %w", err)
		}
	}
	password, err := os.ReadFile(s.home.passwordFile())
	if err != nil {
		return fmt.Errorf("read server's password: %w", err)
	}
	s.password = strings.TrimSpace(string(password))
	for attempt := 1; ; attempt++ {
		if s.port, err = freePort(); err != nil {
			return err
		}
		err = s.launch(ctx)
		var failed *startError
		if !errors.As(err, &failed) || !failed.portTaken() || attempt == 5 {
			return err
		}
	}
}

// startError is a server program's end before it took connections.
type startError struct {
	cause error
	log   string // what the server logged since it was started
}

func (e *startError) Error() string {
	return fmt.Sprintf("%v; the server's log ends with:\n%s", e.cause, lastLines(e.log, 20))
}

func (e *startError) Unwrap() error { return e.cause }

func (e *startError) portTaken() bool {
	return strings.Contains(e.log, "could not create any TCP/IP sockets") ||
		strings.Contains(e.log, "could not create listen socket")
}

// memoryInUse: backends of a killed server are still ending.
func (e *startError) memoryInUse() bool {
	return strings.Contains(e.log, "pre-existing shared memory block")
}

// launch starts the server program on s.port and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.launchOnce(ctx)
		var failed *startError
		if !errors.As(err, &failed) || !failed.memoryInUse() || !pause(ctx) {
			return err
		}
	}
}

func (s *Server) launchOnce(ctx context.Context) error {
	if err := writeConf(s.home, s.acc, s.port, s.settings); err != nil {
		return err
	}
	log, err := os.OpenFile(s.home.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin.BinDir, "postgres"), "-D", s.home.data())
	cmd.Dir, cmd.Env = s.home.data(), serverEnvironment()
	cmd.Stdout, cmd.Stderr = log, log
	s.proc, err = startProcess(cmd, s.acc)
	if err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.end(Immediate, 0)
		return &startError{cause: err, log: s.logSince(before)}
	}
	return nil
}

// awaitReady connects over the private socket, where no other server can answer. The server listens
// on both of its addresses before it answers on one.
func (s *Server) awaitReady(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.URL(superuser))
	if err != nil {
		return err
	}
	config.Host = s.home.socketDir
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			return conn.Close(ctx)
		}
		if !s.proc.running() {
			return fmt.Errorf("%s ended: %w", filepath.Join(s.bin.BinDir, "postgres"), s.proc.err)
		}
		if !pause(ctx) {
			return fmt.Errorf("wait for the server to take connections: %w (last answer: %w)", ctx.Err(), err)
		}
	}
}

// pause waits a moment, and reports false when the context ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pollEvery):
		return true
	}
}

func (s *Server) logSince(offset int64) string {
	content, err := os.ReadFile(s.home.logFile())
	if err != nil || int64(len(content)) < offset {
		return "(none)"
	}
	return string(content[offset:])
}

// Stop ends the server, and removes its directory if it is temporary. It always ends it: cleanly at first,
// and after ten seconds or the context's end by force, since a replication client that doesn't read can
// hold up a clean stop for ever. Stopping twice is no error.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	grace := stopGrace
	if ctx.Err() != nil {
		grace = 0
	} else if deadline, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(deadline))
	}
	s.end(Fast, grace)
	if err := s.home.close(); err != nil {
		return fmt.Errorf("stop PostgreSQL server: %w", err)
	}
	s.log.Info("stopped PostgreSQL server", "port", s.port)
	return nil
}

// end ends the program, if it runs: in the given mode within the grace, else in harder and harder ways.
func (s *Server) end(mode Mode, grace time.Duration) {
	if s.proc == nil {
		return
	}
	type step struct {
		signal syscall.Signal
		grace  time.Duration
	}
	steps := []step{{syscall.SIGQUIT, stopGrace}, {syscall.SIGKILL, stopGrace}}
	if mode == Fast {
		steps = append([]step{{syscall.SIGINT, grace}}, steps...)
	}
	for _, step := range steps {
		if err := s.proc.signal(step.signal); err != nil {
			s.log.Warn("signal PostgreSQL server", "pid", s.proc.pid, "signal", step.signal, "error", err)
		}
		select {
		case <-s.proc.done:
			return
		case <-time.After(step.grace):
		}
	}
}

// Restart ends the server in the given mode, if it runs, and starts it again on the same port and data.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("restart PostgreSQL server: it was stopped for good")
	}
	s.end(mode, stopGrace)
	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL server: %w", err)
	}
	return nil
}

// Kill ends the server's main process with SIGKILL, as the kernel does when memory runs out; its sessions end by
// themselves. Restart brings the server back.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	if err := s.proc.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill PostgreSQL server: %w", err)
	}
	<-s.proc.done
	return nil
}

// URL is the connection string of the database (of the database postgres for ""), over TCP, as superuser,
// password included.
func (s *Server) URL(database string) string {
	if database == "" {
		database = superuser
	}
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}).String()
}

// Port is the TCP port on 127.0.0.1; it stays the same over restarts.
func (s *Server) Port() int { return s.port }

// SocketDir is the directory of the server's Unix socket.
func (s *Server) SocketDir() string { return s.home.socketDir }

// Superuser is the role that the cluster was made with.
func (s *Server) Superuser() string { return superuser }

// Password is the superuser's, for TCP and the socket alike.
func (s *Server) Password() string { return s.password }

// DataDir is the cluster's directory.
func (s *Server) DataDir() string { return s.home.data() }

// LogFile is what the server logs to.
func (s *Server) LogFile() string { return s.home.logFile() }

// Version is the server's, such as "15.18".
func (s *Server) Version() string { return s.bin.Version }

// Major is the server's major version, such as 15.
func (s *Server) Major() int { return s.bin.Major }

// PID is the server's main process; after a restart it is another one.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.pid
}
