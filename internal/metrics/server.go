package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ingest-tool/ingest/internal/failure"
)

// server is the HTTP server of a run.
type server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed when the server has ended; nil before it serves
}

// listen takes the address. It listens on no other.
func listen(address string) (*server, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return &server{listener: l}, nil
	}
	why := err
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		why = operation.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failure.New(failure.Usage, "serve metrics on %s: another process listens there", address).
			WithHint("choose another address with --metrics, or find the process: ss -ltnp 'sport = :%s'", portOf(address))
	}
	return nil, failure.New(failure.Usage, "serve metrics on %s: %w", address, why).
		WithHint("choose another address of this machine: --metrics 127.0.0.1:9464")
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func (s *server) address() string { return s.listener.Addr().String() }

// serve answers until close.
func (s *server) serve(record *Record, registry *prometheus.Registry) {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		ok, sentence := record.Healthy()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, sentence+"\n")
	})
	s.http = &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.http.Serve(s.listener)
	}()
}

// drainFor is how long close waits for answers that are under way.
const drainFor = time.Second

// close ends the server and its connections.
func (s *server) close() error {
	if s.done == nil {
		return s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return err
}
