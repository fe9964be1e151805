package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/tunnel"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/lakehouse"
)

// ends opens source and destination, and the pipeline between them, as the
// configuration says.
type ends struct {
	process process

	// These are set before RunE begins.
	config *config.Config // nil for a command that is annotated as withoutConfig
	log    *slog.Logger
	runID  string
	// makesLocal says that the command creates a missing local workspace.
	makesLocal bool

	// observer learns what the run does; nil without metrics.
	observer replicate.Observer

	local  *lakehouse.Server     // opened by openTarget where the configuration says so
	target *databricks.Workspace // opened by openTarget
	tunnel *tunnel.Tunnel        // made by openTunnel where the configuration says so
}

// openSource connects to Postgres once, to check that it answers. The URL may be
// in a Databricks secret; then it signs in to Databricks first.
func (e *ends) openSource(ctx context.Context) (*postgres.Source, error) {
	if err := e.config.NeedSource(); err != nil {
		return nil, err
	}
	source := e.config.Source
	url := source.URL.Reveal()
	if source.URLSecret != "" {
		var err error
		if url, err = e.secret(ctx, source.URLSecret); err != nil {
			return nil, err
		}
		if _, err := config.ParseURL(strings.TrimSpace(url)); err != nil {
			return nil, failure.New(failure.Usage, "secret %s: %w", source.URLSecret, err)
		}
		url = strings.TrimSpace(url)
	}
	options := postgres.Options{
		URL: url, PasswordCommand: source.PasswordCommand, Run: e.runID, LockTimeout: source.LockTimeout, Log: e.log, Alone: !source.Replicates(),
	}
	if source.SSH.Host != "" {
		if err := e.openTunnel(ctx); err != nil {
			return nil, err
		}
		options.Dial = e.tunnel.Dial
	}
	options.DecodingWorkMem = strconv.FormatInt(int64(source.LogicalDecodingWorkMem)/1024, 10) + "kB"
	return postgres.Open(ctx, options)
}

// openTunnel prepares the tunnel through the SSH server. The tunnel connects with
// the first session.
func (e *ends) openTunnel(ctx context.Context) error {
	if e.tunnel != nil {
		return nil
	}
	ssh := e.config.Source.SSH
	o := tunnel.Options{
		Address: ssh.Host, User: ssh.User, IdentityFile: ssh.IdentityFile, AgentSocket: e.process.variable("SSH_AUTH_SOCK"),
		KnownHosts: ssh.KnownHosts,
	}
	if o.KnownHosts == "" {
		o.KnownHosts = filepath.Join(e.process.variable("HOME"), ".ssh", "known_hosts")
	}
	if ssh.IdentitySecret != "" {
		key, err := e.secret(ctx, ssh.IdentitySecret)
		if err != nil {
			return err
		}
		o.IdentityKey = []byte(key)
	}
	e.tunnel = tunnel.New(o)
	return nil
}

// openStandby connects to the standby that changes are read from. It returns nil
// if none is configured.
func (e *ends) openStandby(ctx context.Context, source *postgres.Source) (*postgres.Source, error) {
	if address := e.config.Source.Standby; address != "" {
		return source.OpenStandby(ctx, address)
	}
	return nil, nil
}

// secret reads a Databricks secret, named scope/key.
func (e *ends) secret(ctx context.Context, name string) (string, error) {
	target, err := e.openTarget(ctx)
	if err != nil {
		return "", err
	}
	scope, key, _ := strings.Cut(name, "/")
	return target.Secret(ctx, scope, key)
}

// maskKey reads the key of HMAC masks. It returns nil if none is configured.
func (e *ends) maskKey(ctx context.Context) (shape.Key, error) {
	key := e.config.Mask.Key.Reveal()
	if from := e.config.Mask.KeySecret; from != "" {
		var err error
		if key, err = e.secret(ctx, from); err != nil {
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
func (e *ends) openTarget(ctx context.Context) (*databricks.Workspace, error) {
	if e.target != nil {
		return e.target, nil
	}
	if err := e.config.NeedDestination(); err != nil {
		return nil, err
	}
	d := e.config.Destination
	c := databricks.Config{
		Host: d.Host, Profile: d.Profile,
		Catalog: d.Catalog, Schema: d.Schema, Volume: d.Volume, Pipeline: e.config.Pipeline, Warehouse: d.Warehouse,
		Version: buildOf().Version, RunID: e.runID, RequestsPerSecond: d.RequestsPerSecond, Log: e.log, Environment: e.process.variable,
	}
	if d.Local != "" {
		if err := e.openLocal(ctx); err != nil {
			return nil, err
		}
		c.Host, c.Profile, c.Token, c.Warehouse = e.local.URL(), "", e.local.Token(), e.local.WarehouseID()
	}
	target, err := databricks.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	e.target = target
	return target, nil
}

func (e *ends) openLocal(ctx context.Context) error {
	if e.local != nil {
		return nil
	}
	d := e.config.Destination
	if localWorkspace {
		if err := e.checkLocal(); err != nil {
			return err
		}
	}
	server, err := serveWorkspace(ctx, lakehouse.Options{Dir: d.Local, Catalogs: []string{d.Catalog}, Log: e.log})
	e.local = server
	return err
}

// builtWithWorkspace returns a usage error in a build without a local workspace. Its hint fits each way in which such a build is
// installed: a release, a package, a container, or `go install` without a C++ compiler.
func builtWithWorkspace() error {
	if localWorkspace {
		return nil
	}
	return failure.New(failure.Usage, "this build of ingest has no local workspace").
		WithHint("to install a build that has it, with Go and a C++ compiler: " +
			"CGO_ENABLED=1 go install github.com/ingest-tool/ingest/cmd/ingest@latest (in a clone: make build); or use a Databricks workspace")
}

// serveWorkspace starts a local workspace. In a build without one it returns a
// usage error.
func serveWorkspace(ctx context.Context, o lakehouse.Options) (*lakehouse.Server, error) {
	if err := builtWithWorkspace(); err != nil {
		return nil, err
	}
	server, err := lakehouse.Open(ctx, o)
	if errors.Is(err, lakehouse.ErrServed) {
		return nil, failure.New(failure.Destination, "%w", err).WithHint("for several commands at once, serve the directory: "+
			"`ingest workspace --dir %s > workspace.env`. Then, in each shell, `. ./workspace.env`, and run the commands with `--local ''`",
			shellQuote(o.Dir))
	}
	if err != nil {
		return nil, failure.Wrap(failure.Destination, err)
	}
	return server, nil
}

// openPipeline opens source, destination and ledger. It fails if the ledger belongs
// to another source. The caller closes the pipeline. show may be nil.
func (e *ends) openPipeline(ctx context.Context, show *showing) (*replicate.Pipeline, error) {
	return e.openWith(ctx, replicate.Options{Watch: show.watch()})
}

func (e *ends) openWith(ctx context.Context, o replicate.Options) (*replicate.Pipeline, error) {
	source, err := e.openSource(ctx)
	if err != nil {
		return nil, err
	}
	key, err := e.maskKey(ctx)
	if err != nil {
		return nil, err
	}
	standby, err := e.openStandby(ctx, source)
	if err != nil {
		return nil, err
	}
	target, err := e.openTarget(ctx)
	if err != nil {
		return nil, err
	}
	o.Source, o.Standby, o.Workspace = source, standby, target
	return e.openBetween(ctx, key, o)
}

// openBetween opens the pipeline between an open source and an open destination,
// with the mask key.
func (e *ends) openBetween(ctx context.Context, key shape.Key, o replicate.Options) (*replicate.Pipeline, error) {
	// With a memory limit the collector runs more often as the heap nears the
	// budget, instead of letting it grow to twice what is in use. The remainder is
	// for memory outside the heap.
	if limit := e.process.limitMemory; limit != nil {
		limit(int64(e.config.Staging.Memory) / 8 * 5)
	}
	settings := *e.config
	settings.Shape.Key = key
	o.Config, o.Run, o.Version, o.Log, o.Now = &settings, e.runID, buildOf().Version, e.log, time.Now
	o.Observer = e.observer
	return replicate.Open(ctx, o)
}

// close closes what was opened, in reverse order.
func (e *ends) close() error {
	if e.tunnel != nil {
		e.tunnel.Close()
	}
	if e.target != nil {
		e.target.Close()
	}
	if e.local != nil {
		return failure.Wrap(failure.Destination, e.local.Close())
	}
	return nil
}
