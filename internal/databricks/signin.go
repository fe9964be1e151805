package databricks

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/httpclient"
	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/ingest-tool/ingest/internal/failure"
)

// signIn asks who the user is. ctx ends after timeout.
func (c *connection) signIn(ctx context.Context, timeout time.Duration) error {
	me, err := c.client.CurrentUser.Me(ctx, iam.MeRequest{})
	if err != nil {
		return c.signInError(err, timeout)
	}
	c.user = me.UserName
	if c.user == "" {
		c.user = me.DisplayName
	}
	for _, g := range me.Groups {
		c.groups = append(c.groups, g.Display)
	}
	return nil
}

func (c *connection) signInError(err error, timeout time.Duration) error {
	host := c.Host()
	if gone := c.transport.unreachable.Load(); gone != nil {
		return c.unreachable(gone)
	}
	var refused *httpclient.HttpError // from the token service
	var api *apierr.APIError
	clean := c.signInCause(err)
	f := failure.New(failure.Destination, "sign in to %s: %w", host, clean)
	switch {
	case errors.Is(err, config.ErrCannotConfigureDefault):
		return failure.New(failure.Usage, "sign in to %s: no credentials were found", host).
			WithHint("run `databricks auth login --host %s`, or export DATABRICKS_TOKEN, "+
				"or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service principal", host)
	case errors.Is(err, apierr.ErrUnauthenticated), errors.Is(err, apierr.ErrPermissionDenied),
		errors.As(err, &refused) && refused.StatusCode < http.StatusInternalServerError && refused.StatusCode != http.StatusTooManyRequests:
		return failure.New(failure.Destination, "sign in to %s: the credentials (%s) were refused: %w", host, c.AuthMethod(), clean).
			WithHint("%s", c.refusedHint())
	case errors.Is(err, context.DeadlineExceeded):
		return failure.New(failure.Destination, "sign in to %s: no answer within %s: %w", host, timeout, clean).
			WithHint("check the address and the network, or try later")
	case errors.As(err, &api) && api.StatusCode == http.StatusNotFound:
		return f.WithHint("%s answers, but not as a Databricks workspace: check DATABRICKS_HOST", host)
	case errors.As(err, &api):
		return f.WithHint("Databricks answered %d: try again later", api.StatusCode)
	case errors.Is(err, config.ErrCliNotFound), errors.Is(err, config.ErrLegacyCliDetected):
		return failure.New(failure.Usage, "sign in to %s: %w", host, clean).
			WithHint(
				"install the Databricks CLI 0.205 or later, or name it in DATABRICKS_CLI_PATH, or sign in by another way (DATABRICKS_AUTH_TYPE)")
	case strings.Contains(clean.Error(), "auth type "):
		return failure.New(failure.Usage, "sign in to %s: %w", host, clean).
			WithHint("set DATABRICKS_AUTH_TYPE to a way of signing in that the Databricks SDK knows, such as pat, oauth-m2m, databricks-cli, " +
				"github-oidc, azure-cli, or leave it out")
	case c.AuthMethod() == "databricks-cli":
		return f.WithHint("databricks auth login --host %s", host)
	}
	return f.WithHint("check that %s is the address of a Databricks workspace", host)
}

// signInNoise matches what the SDK puts around the cause: its own layers, and
// all settings that it read.
var signInNoise = regexp.MustCompile(`(?s)^(?:failed during request visitor: )?(?:default auth: )?(.*?)(?:, please check https://\S+ for a list of supported auth types)?(?:\. Config: .*)?$`)

// signInCause is the cause of a failed sign-in, without secrets.
func (c *connection) signInCause(err error) error {
	text := signInNoise.ReplaceAllString(c.redact.text(err.Error()), "$1")
	if text == err.Error() {
		return err
	}
	return &cleanError{text: strings.TrimSuffix(text, ": "), err: err}
}

func (c *connection) refusedHint() string {
	switch c.AuthMethod() {
	case "pat":
		return "the token is wrong, has expired or belongs to another workspace; `databricks auth describe` shows which one is used"
	case "oauth-m2m":
		return "check client id and secret, and that the service principal is a member of this workspace, and that the secret has not expired"
	case "github-oidc":
		return "give the job `permissions: id-token: write`, " +
			"and the service principal a federation policy for this repository and its branch or environment"
	case "databricks-cli":
		return "databricks auth login --host " + c.Host()
	}
	return "`databricks auth describe` shows what is used; `databricks auth login --host " + c.Host() + "` signs in again"
}

func (c *connection) unreachable(gone *unreachableError) error {
	switch {
	case gone.unknown:
		return failure.New(failure.Destination, "sign in to %s: there is no host named %s", c.Host(), gone.host).
			WithHint("check DATABRICKS_HOST for a typing error; it is the address that the browser shows for the workspace")
	case gone.certFail:
		return failure.New(failure.Destination, "sign in to %s: its certificate is not trusted: %s", c.Host(), gone.cause).
			WithHint("add the certificate authority to this machine's, for instance through SSL_CERT_FILE")
	}
	return failure.New(failure.Destination, "sign in to %s: it cannot be reached: %s", c.Host(), gone.cause).
		WithHint("check the address, the network, the proxy (HTTPS_PROXY) and whether the workspace lets this address in")
}
