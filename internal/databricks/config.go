package databricks

import (
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/config"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Config selects a workspace and what to use in it. The SDK's unified sign-in
// reads its settings from the environment and from profiles. The fields of the
// first group override these if they are set.
type Config struct {
	Host, Profile, Token, ClientID, ClientSecret string

	Catalog, Schema, Volume string // names in Unity Catalog
	Pipeline                string // the directory in the volume
	// Warehouse is the id, name or HTTP path of a SQL warehouse. If it is
	// empty, DATABRICKS_WAREHOUSE_ID, then DATABRICKS_HTTP_PATH, then the only
	// warehouse that the user may use.
	Warehouse string

	Version string // of this program, for user agent and query tags
	RunID   string // of this run, for query tags

	RequestsPerSecond int           // maximum request rate to the REST interface; 0: the SDK's 15
	SignInTimeout     time.Duration // 0: 30 s
	RetryTimeout      time.Duration // for retries of a REST request; 0: the SDK's 5 minutes
	RetryPause        time.Duration // before the first retry; doubles for each further one; 0: 500 ms
	StartTimeout      time.Duration // for a stopped warehouse to start; 0: 15 minutes
	Log               *slog.Logger  // nil: none

	// Environment returns an environment variable, or "" if it is not set. The
	// settings of the sign-in that are not above come from it. nil: the
	// process's.
	Environment func(name string) string
}

// The name by which a run identifies itself to Databricks.
const product = "ingest"

var (
	// objectName: Unity Catalog rejects period, space, slash, control
	// characters and more than 255 characters in names of objects.
	objectName  = regexp.MustCompile(`^[^\x00-\x20./\x7f]{1,255}$`)
	versionName = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]*)?$`)
)

// IsName reports whether Unity Catalog accepts s as the name of an object.
func IsName(s string) bool { return objectName.MatchString(s) }

func (c *Config) withDefaults() {
	if c.SignInTimeout <= 0 {
		c.SignInTimeout = 30 * time.Second
	}
	if c.RetryPause <= 0 {
		c.RetryPause = 500 * time.Millisecond
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = 15 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Environment == nil {
		c.Environment = os.Getenv
	}
	c.Version = strings.TrimPrefix(c.Version, "v")
	if !versionName.MatchString(c.Version) {
		c.Version = "0.0.0"
	}
}

func (c *Config) check() error {
	for _, n := range []struct{ what, name string }{{"catalog", c.Catalog}, {"schema", c.Schema}, {"volume", c.Volume}} {
		if n.name == "" {
			return failure.New(failure.Usage, "no %s is configured", n.what).
				WithHint("set %s under [destination]", n.what)
		}
		if !objectName.MatchString(n.name) || schema.HoldsVariable(n.name) {
			return failure.New(failure.Usage, "%s %q: not a name that Unity Catalog accepts", n.what, n.name).
				WithHint("use 1 to 255 characters without period, slash, space and ${…}")
		}
	}
	if c.Pipeline == "" || strings.Contains(c.Pipeline, "/") || !fs.ValidPath(c.Pipeline) || c.Pipeline == "." {
		return failure.New(failure.Usage, "pipeline %q: not the name of a directory", c.Pipeline).
			WithHint("use letters, digits, hyphens and underscores")
	}
	return nil
}

// queryTags are the tags of every statement.
func (c *Config) queryTags() map[string]string {
	return map[string]string{"tool": product, "tool_version": c.Version, "pipeline": c.Pipeline, "run_id": c.RunID}
}

// sdk is the SDK's configuration. The SDK reads environment and profile when
// it resolves the configuration.
func (c *Config) sdk(t *restTransport) *config.Config {
	sdk := &config.Config{
		Host: c.Host, Profile: c.Profile,
		Token: c.Token, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		RateLimitPerSecond:  c.RequestsPerSecond,
		RetryTimeoutSeconds: wholeSeconds(c.RetryTimeout),
		HTTPTransport:       t,
		Loaders:             []config.Loader{environment(c.Environment), config.ConfigFile},
	}
	switch {
	case c.Token != "":
		sdk.AuthType = "pat"
	case c.ClientID != "" && c.ClientSecret != "":
		sdk.AuthType = "oauth-m2m"
	}
	return sdk
}

// environment is what the SDK reads its settings from, in place of the
// process's own environment.
type environment func(name string) string

// Name implements config.Loader.
func (environment) Name() string { return config.ConfigAttributes.Name() }

// Configure implements config.Loader. It sets what is not set yet.
func (e environment) Configure(c *config.Config) error {
	for _, attribute := range config.ConfigAttributes {
		if !attribute.IsZero(c) {
			continue
		}
		for _, name := range attribute.EnvVars {
			value := e(name)
			if value == "" {
				continue
			}
			if err := attribute.SetS(c, value); err != nil {
				return err
			}
			c.SetAttrSource(&attribute, config.Source{Type: config.SourceEnv, Name: name})
			break
		}
	}
	return nil
}

// wholeSeconds rounds up: 0 means the default.
func wholeSeconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
