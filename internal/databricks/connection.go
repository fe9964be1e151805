package databricks

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	sdk "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/config"

	"github.com/ingest-tool/ingest/internal/failure"
)

// connection is a sign-in to a workspace. It knows nothing of catalogs, schemas
// and volumes.
type connection struct {
	sdk       *config.Config
	client    *sdk.WorkspaceClient
	transport *restTransport
	redact    *redactor
	log       *slog.Logger
	user      string
	groups    []string // the user's groups, according to the workspace
}

// resolve makes the SDK read environment and profile.
func (c *connection) resolve(o *Config) error {
	c.sdk = o.sdk(c.transport)
	if err := c.sdk.EnsureResolved(); err != nil {
		return c.settingsError(err)
	}
	c.redact.add(c.sdk.Token, c.sdk.ClientSecret, c.sdk.Password, c.sdk.AzureClientSecret, c.sdk.GoogleCredentials,
		c.sdk.ActionsIDTokenRequestToken)
	if strings.Contains(c.sdk.Host, "@") { // parsers disagree about the end of a password
		return failure.New(failure.Usage,
			"the workspace's address (DATABRICKS_HOST, or host of a profile) has a user or a password in it, and is not shown").
			WithHint("want https://….cloud.databricks.com; the token goes into DATABRICKS_TOKEN")
	}
	if c.sdk.Host == "" && c.sdk.AzureResourceID == "" && c.sdk.Profile != "" {
		return failure.New(failure.Usage, "no Databricks workspace is configured: profile %q is named, and %s", c.sdk.Profile,
			missingProfile(c.sdk.ConfigFile)).
			WithHint(
				"`databricks auth login --profile %s --host https://….cloud.databricks.com` makes the profile; or leave it out (destination.profile, "+
					"DATABRICKS_CONFIG_PROFILE) and export DATABRICKS_HOST and DATABRICKS_TOKEN", c.sdk.Profile)
	}
	if c.sdk.Host == "" && c.sdk.AzureResourceID == "" {
		return failure.New(failure.Usage, "no Databricks workspace is configured").
			WithHint("export DATABRICKS_HOST=https://….cloud.databricks.com, or name a profile of ~/.databrickscfg in DATABRICKS_CONFIG_PROFILE")
	}
	if c.sdk.InsecureSkipVerify {
		c.transport.base = newBaseTransport(true)
	}
	// With its default chain, the SDK tries all other methods after a refused
	// secret. Then it reports "cannot configure default credentials".
	if c.sdk.AuthType == "" {
		switch {
		case c.sdk.Token != "":
			c.sdk.AuthType = "pat"
		case c.sdk.ClientID != "" && c.sdk.ClientSecret != "":
			c.sdk.AuthType = "oauth-m2m"
		}
	}
	client, err := sdk.NewWorkspaceClient((*sdk.Config)(c.sdk))
	if err != nil {
		return failure.New(failure.Usage, "set up the Databricks client: %w", c.redact.err(err))
	}
	c.client = client
	return nil
}

// Host is the workspace's address with its scheme.
func (c *connection) Host() string {
	u, err := url.Parse(c.sdk.Host)
	if err != nil {
		return c.redact.text(c.sdk.Host)
	}
	return u.Redacted()
}

// User is the name of the signed-in user or the application id of the service
// principal.
func (c *connection) User() string { return c.user }

// AuthMethod is the SDK's name of the sign-in method: pat, oauth-m2m, ….
func (c *connection) AuthMethod() string { return c.sdk.AuthType }

// Time is the workspace's own clock in its latest answer, in whole seconds. It
// is the zero time if no answer had one.
func (c *connection) Time() time.Time {
	told := c.transport.told.Load()
	if told == 0 {
		return time.Time{}
	}
	return time.Unix(told, 0).UTC()
}

// TokenExpiry is when the present token of the sign-in expires. ok is false if
// the token does not say so. A personal access token does not.
func (c *connection) TokenExpiry(ctx context.Context) (at time.Time, ok bool) {
	token, err := c.sdk.GetTokenSource().Token(ctx)
	if err != nil || token.Expiry.IsZero() {
		return time.Time{}, false
	}
	return token.Expiry.UTC(), true
}

// RateLimits returns how many requests to the REST interface were answered with
// 429, and the headers about limits in any answers, by name.
func (c *connection) RateLimits() (refused int64, headers map[string]string) {
	return c.transport.limits.all()
}

// isMe reports whether a grant to principal applies to the signed-in user.
func (c *connection) isMe(principal string) bool {
	return strings.EqualFold(principal, c.user) || strings.EqualFold(principal, everybody) ||
		slices.ContainsFunc(c.groups, func(g string) bool { return strings.EqualFold(g, principal) })
}

// principalKind is the field of a permission that identifies the signed-in
// principal.
func (c *connection) principalKind() string {
	if applicationID.MatchString(c.user) {
		return "service_principal_name"
	}
	return "user_name"
}
