package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/postgres/tunnel"
	"ingest/internal/shape"
	"ingest/internal/ui"
	"ingest/lakehouse"
)

// app holds what every command needs. It belongs to the goroutine that runs the
// command.
type app struct {
	process process
	flags   commonFlags

	// ui is set from the start; the others are set before RunE begins.
	ui       *ui.Output
	log      *slog.Logger
	config   *config.Config // nil for a command that is annotated as withoutConfig
	runID    string
	command  string // its name
	notifies bool   // its failures go to the webhook
	started  bool   // a command has begun: later errors are not usage errors

	// stop ends at the first signal. A command with safe points then ends at the
	// next one; its own context ends at the second signal. A command without safe
	// points does all its work under stop.
	stop context.Context

	local  *lakehouse.Server     // opened by openTarget where the configuration says so
	target *databricks.Workspace // opened by openTarget
	tunnel *tunnel.Tunnel        // made by openTunnel where the configuration says so
}

func newApp(p process, stop context.Context) *app {
	a := &app{process: p, stop: stop}
	a.ui = ui.NewOutput(ui.Options{Stdout: p.stdout, Stderr: p.stderr, Environment: a.variable})
	return a
}

// variable returns an environment variable; "" if it is not set.
func (a *app) variable(name string) string {
	value := ""
	for _, pair := range a.process.environment {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// openSource connects to Postgres once, to check that it answers. The URL may be
// in a Databricks secret; then it signs in to Databricks first.
func (a *app) openSource(ctx context.Context) (*postgres.Source, error) {
	if err := a.config.NeedSource(); err != nil {
		return nil, err
	}
	source := a.config.Source
	url := source.URL.Reveal()
	if source.URLSecret != "" {
		var err error
		if url, err = a.secret(ctx, source.URLSecret); err != nil {
			return nil, err
		}
		if _, err := config.ParseURL(strings.TrimSpace(url)); err != nil {
			return nil, failure.New(failure.Usage, "secret %s: %w", source.URLSecret, err)
		}
		url = strings.TrimSpace(url)
	}
	options := postgres.Options{URL: url, PasswordCommand: source.PasswordCommand, Run: a.runID, LockTimeout: source.LockTimeout, Log: a.log}
	if source.SSH.Host != "" {
		if err := a.openTunnel(ctx); err != nil {
			return nil, err
		}
		options.Dial = a.tunnel.Dial
	}
	options.DecodingWorkMem = strconv.FormatInt(int64(source.LogicalDecodingWorkMem)/1024, 10) + "kB"
	return postgres.Open(ctx, options)
}

// openTunnel prepares the tunnel through the SSH server. The tunnel connects with
// the first session.
func (a *app) openTunnel(ctx context.Context) error {
	if a.tunnel != nil {
		return nil
	}
	ssh := a.config.Source.SSH
	o := tunnel.Options{Address: ssh.Host, User: ssh.User, IdentityFile: ssh.IdentityFile, AgentSocket: a.variable("SSH_AUTH_SOCK"), KnownHosts: ssh.KnownHosts}
	if o.KnownHosts == "" {
		o.KnownHosts = filepath.Join(a.variable("HOME"), ".ssh", "known_hosts")
	}
	if ssh.IdentitySecret != "" {
		key, err := a.secret(ctx, ssh.IdentitySecret)
		if err != nil {
			return err
		}
		o.IdentityKey = []byte(key)
	}
	a.tunnel = tunnel.New(o)
	return nil
}

// openStandby connects to the standby that changes are read from. It returns nil
// if none is configured.
func (a *app) openStandby(ctx context.Context, source *postgres.Source) (*postgres.Source, error) {
	if address := a.config.Source.Standby; address != "" {
		return source.OpenStandby(ctx, address)
	}
	return nil, nil
}

// secret reads a Databricks secret, named scope/key.
func (a *app) secret(ctx context.Context, name string) (string, error) {
	target, err := a.openTarget(ctx)
	if err != nil {
		return "", err
	}
	scope, key, _ := strings.Cut(name, "/")
	return target.Secret(ctx, scope, key)
}

// maskKey reads the key of HMAC masks. It returns nil if none is configured.
func (a *app) maskKey(ctx context.Context) (shape.Key, error) {
	key := a.config.Mask.Key.Reveal()
	if from := a.config.Mask.KeySecret; from != "" {
		var err error
		if key, err = a.secret(ctx, from); err != nil {
			return nil, err
		}
		if len(key) < shape.MinKeyBytes {
			return nil, failure.New(failure.Usage, "secret %s has %d bytes; a mask key needs at least %d", from, len(key), shape.MinKeyBytes).
				WithHint("store a longer key: databricks secrets put-secret %s", strings.ReplaceAll(from, "/", " "))
		}
	}
	return shape.Key(key), nil
}

// openTarget signs in to Databricks. With destination.local it starts the local
// workspace and signs in there. Further calls return the same workspace; close
// closes it.
func (a *app) openTarget(ctx context.Context) (*databricks.Workspace, error) {
	if a.target != nil {
		return a.target, nil
	}
	if err := a.config.NeedDestination(); err != nil {
		return nil, err
	}
	d := a.config.Destination
	c := databricks.Config{
		Host: d.Host, Profile: d.Profile,
		Catalog: d.Catalog, Schema: d.Schema, Volume: d.Volume, Pipeline: a.config.Pipeline, Warehouse: d.Warehouse,
		Version: buildOf().Version, RunID: a.runID, RequestsPerSecond: d.RequestsPerSecond, Log: a.log,
	}
	if d.Local != "" {
		if err := a.openLocal(ctx); err != nil {
			return nil, err
		}
		c.Host, c.Profile, c.Token, c.Warehouse = a.local.URL(), "", a.local.Token(), a.local.WarehouseID()
	}
	target, err := databricks.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	a.target = target
	return target, nil
}

func (a *app) openLocal(ctx context.Context) error {
	if a.local != nil {
		return nil
	}
	d := a.config.Destination
	server, err := serveWorkspace(ctx, lakehouse.Options{Dir: d.Local, Catalogs: []string{d.Catalog}, Log: a.log})
	a.local = server
	return err
}

// serveWorkspace starts a local workspace. In a build without one it returns a
// usage error.
func serveWorkspace(ctx context.Context, o lakehouse.Options) (*lakehouse.Server, error) {
	if !localWorkspace {
		return nil, failure.New(failure.Usage, "this build of ingest has no local workspace").
			WithHint("use a build with cgo (CGO_ENABLED=1 go build ./cmd/ingest), or a Databricks workspace")
	}
	server, err := lakehouse.Open(ctx, o)
	if err != nil {
		return nil, failure.Wrap(failure.Destination, err)
	}
	return server, nil
}

// close closes what was opened, in reverse order.
func (a *app) close() error {
	if a.tunnel != nil {
		a.tunnel.Close()
	}
	if a.target != nil {
		a.target.Close()
	}
	if a.local != nil {
		return failure.Wrap(failure.Destination, a.local.Close())
	}
	return nil
}

// newRunID names a run by its start in UTC, so that names sort by time, and six
// random hexadecimal digits, so that names are unique.
func newRunID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
}
