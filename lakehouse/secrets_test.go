//go:build cgo

package lakehouse

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/workspace"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	if err := w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "ingest"}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "create twice", w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "ingest"}),
		apierr.ErrResourceAlreadyExists, "RESOURCE_ALREADY_EXISTS")
	wantRefusal(t, "create nameless", w.Secrets.CreateScope(ctx, workspace.CreateScope{}), apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")
	const value = "postgres://u:p€ss@h/db"
	for key, put := range map[string]workspace.PutSecret{
		"text":  {Scope: "ingest", Key: "text", StringValue: value},
		"bytes": {Scope: "ingest", Key: "bytes", BytesValue: base64.StdEncoding.EncodeToString([]byte(value))},
	} {
		if err := w.Secrets.PutSecret(ctx, put); err != nil {
			t.Fatal(err)
		}
		got, err := w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "ingest", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if text, err := base64.StdEncoding.DecodeString(got.Value); err != nil || string(text) != value {
			t.Errorf("%s: %q, %v", key, text, err)
		}
	}
	_, err := w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "ingest", Key: "none"})
	wantRefusal(t, "missing key", err, apierr.ErrResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST")
	_, err = w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "none", Key: "text"})
	wantRefusal(t, "missing scope", err, apierr.ErrResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST")
	err = w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "none", Key: "k", StringValue: "v"})
	wantRefusal(t, "put in no scope", err, apierr.ErrResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST")
	err = w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "ingest", Key: "k", StringValue: strings.Repeat("x", maxSecretBytes+1)})
	wantRefusal(t, "put too much", err, apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")

	info, err := os.Stat(filepath.Join(dir, secretsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w = connect(t, start(t, Options{Dir: dir}), &databricks.Config{})
	keys, err := w.Secrets.ListSecretsAll(ctx, workspace.ListSecretsRequest{Scope: "ingest"})
	if err != nil || len(keys) != 2 || keys[0].Key != "bytes" || keys[1].Key != "text" {
		t.Errorf("after a restart: %+v, %v", keys, err)
	}
	if err := w.Secrets.DeleteSecret(ctx, workspace.DeleteSecret{Scope: "ingest", Key: "text"}); err != nil {
		t.Error(err)
	}
	if err := w.Secrets.DeleteScopeByScope(ctx, "ingest"); err != nil {
		t.Error(err)
	}
	if scopes, err := w.Secrets.ListScopesAll(ctx); err != nil || len(scopes) != 0 {
		t.Errorf("scopes %+v, %v", scopes, err)
	}
}
