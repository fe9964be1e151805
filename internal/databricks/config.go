package databricks

import (
	"io/fs"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/config"

	"ingest/internal/failure"
	"ingest/internal/schema"
)

// Config says which workspace to use and what in it. Everything that the SDK's
// unified sign-in knows comes from the environment and from profiles; the
// fields of the first group override it when they are set.
type Config struct {
	Host, Profile, Token, ClientID, ClientSecret string

	Catalog, Schema, Volume string // names in Unity Catalog
	Pipeline                string // the directory in the volume
	// Warehouse is a SQL warehouse's id, name or HTTP path. Empty:
	// DATABRICKS_WAREHOUSE_ID, DATABRICKS_HTTP_PATH, or the only warehouse
	// that the user may use.
	Warehouse string

	Version string // of this program, for user agent and query tags
	RunID   string // of this run, for query tags

	RequestsPerSecond int           // to the REST interface; 0: the SDK's 15
	SignInTimeout     time.Duration // 0: 30 s
	RetryTimeout      time.Duration // of a REST request that may be repeated; 0: the SDK's 5 minutes
	RetryPause        time.Duration // before the first repetition, doubled for each further one; 0: 500 ms
	StartTimeout      time.Duration // how long a stopped warehouse may take to start; 0: 15 minutes
	Log               *slog.Logger  // nil: none
}

// How a run identifies itself to Databricks.
const product = "ingest"

var (
	// objectName: Unity Catalog refuses period, space, slash, control
	// characters and more than 255 characters in the names of its objects.
	objectName  = regexp.MustCompile(`^[^\x00-\x20./\x7f]{1,255}$`)
	versionName = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]*)?$`)
)

// IsName says whether Unity Catalog takes s as the name of an object.
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
			return failure.New(failure.Usage, "%s %q: not a name that Unity Catalog takes", n.what, n.name).
				WithHint("use 1 to 255 characters without period, slash, space and ${…}")
		}
	}
	if c.Pipeline == "" || strings.Contains(c.Pipeline, "/") || !fs.ValidPath(c.Pipeline) || c.Pipeline == "." {
		return failure.New(failure.Usage, "pipeline %q: not the name of a directory", c.Pipeline).
			WithHint("use letters, digits, hyphens and underscores")
	}
	return nil
}

// queryTags are those of every statement.
func (c *Config) queryTags() map[string]string {
	return map[string]string{"tool": product, "tool_version": c.Version, "pipeline": c.Pipeline, "run_id": c.RunID}
}

// sdk is the SDK's configuration. It reads the environment when it is resolved.
func (c *Config) sdk(t *restTransport) *config.Config {
	sdk := &config.Config{
		Host: c.Host, Profile: c.Profile,
		Token: c.Token, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		RateLimitPerSecond:  c.RequestsPerSecond,
		RetryTimeoutSeconds: wholeSeconds(c.RetryTimeout),
		HTTPTransport:       t,
	}
	switch {
	case c.Token != "":
		sdk.AuthType = "pat"
	case c.ClientID != "" && c.ClientSecret != "":
		sdk.AuthType = "oauth-m2m"
	}
	return sdk
}

// wholeSeconds rounds up: 0 means the default.
func wholeSeconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
