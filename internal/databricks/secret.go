package databricks

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/workspace"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Secret reads a Databricks secret. Later error texts never contain its value.
func (c *connection) Secret(ctx context.Context, scope, key string) (string, error) {
	answer, err := c.client.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: scope, Key: key})
	if err != nil {
		f := failure.New(failure.Destination, "read secret %s/%s: %w", scope, key, c.redact.err(err))
		switch {
		case errors.Is(err, apierr.ErrNotFound) && c.noScope(ctx, scope):
			return "", f.WithHint(
				"there is no scope %s: `databricks secrets list-scopes` names those that you see; `databricks secrets create-scope %[1]s` makes it, "+
					"`databricks secrets put-secret %[1]s %[2]s` puts the value in, and `databricks secrets list-secrets %[1]s` shows it", scope, key)
		case errors.Is(err, apierr.ErrNotFound):
			return "",
				f.WithHint("scope %s has no key %s: `databricks secrets list-secrets %[1]s` names its keys; `databricks secrets put-secret %[1]s "+
					"%[2]s` puts the value in", scope, key)
		case errors.Is(err, apierr.ErrPermissionDenied):
			return "", f.WithHint("databricks secrets put-acl %s %s READ", scope, c.user)
		}
		return "", f
	}
	value, err := base64.StdEncoding.DecodeString(answer.Value)
	if err != nil {
		return "", failure.New(failure.Destination, "read secret %s/%s: its value is not base64", scope, key)
	}
	c.redact.add(string(value))
	return string(value), nil
}

// noScope reports whether no scope of that name is visible.
func (c *connection) noScope(ctx context.Context, scope string) bool {
	scopes, err := c.client.Secrets.ListScopesAll(ctx)
	return err == nil && !slices.ContainsFunc(scopes, func(s workspace.SecretScope) bool { return s.Name == scope })
}
