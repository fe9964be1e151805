//go:build cgo && unix

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

func TestWebhookOfAFailedRun(t *testing.T) {
	t.Parallel()
	var seen []map[string]any
	status := http.StatusOK
	const secret = "/services/T0/B0/webhookSECRET"
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost || r.URL.Path != secret ||
			r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		seen = append(seen, body)
		w.Header().Set("Location", "http://127.0.0.1:1/"+secret)
		w.WriteHeader(status)
	}))
	b := newBench(t, nil)
	b.secrets = append(b.secrets, secret)
	b.env["INGEST_NOTIFY_WEBHOOK_URL"] = hook.URL + secret
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load", "--log-level", "debug")
	if len(seen) != 0 {
		t.Errorf("notified of a successful run: %v", seen)
	}
	good := b.env["INGEST_SOURCE_URL"]
	b.env["INGEST_SOURCE_URL"] = b.withUser("nobody", "wrongSECRET")
	b.secrets = append(b.secrets, "wrongSECRET")
	fails := func() string {
		t.Helper()
		_, stderr := b.fails(failure.Source, "password authentication failed", "check user and password", "cdc")
		return stderr
	}
	if stderr := fails(); strings.Contains(stderr, "webhook") {
		t.Error(stderr)
	}
	if len(seen) != 1 {
		t.Fatalf("%d notifications", len(seen))
	}
	got := seen[0]
	for name, want := range map[string]any{
		"tool": "ingest", "command": "cdc", "pipeline": "default", "catalog": benchCatalog, "schema": "bronze", "exit_code": 10.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for name, part := range map[string]string{
		"error": "password authentication failed", "hint": "check user and password",
		"text": "ingest cdc of pipeline default failed with exit code 10: connect", "run_id": "Z-", "version": "",
	} {
		if s, ok := got[name].(string); !ok || !strings.Contains(s, part) {
			t.Errorf("%s is %v, want %q in it", name, got[name], part)
		}
	}
	if at, err := time.Parse(time.RFC3339, got["time"].(string)); err != nil || time.Since(at) > time.Minute {
		t.Errorf("time %v, %v", got["time"], err)
	}
	if whole, _ := json.Marshal(got); strings.Contains(string(whole), "SECRET") {
		t.Errorf("a secret is in %s", whole)
	}

	for _, status = range []int{http.StatusForbidden, http.StatusFound} {
		if stderr := fails(); !strings.Contains(stderr, "cannot notify the webhook of the failure") ||
			!strings.Contains(stderr, http.StatusText(status)) {
			t.Errorf("%d: %s", status, stderr)
		}
	}
	hook.Close()
	if stderr := fails(); !strings.Contains(stderr, "cannot notify the webhook of the failure") || !strings.Contains(stderr, "refused") {
		t.Error(stderr)
	}
	b.env["INGEST_SOURCE_URL"] = good
	b.env["INGEST_NOTIFY_WEBHOOK_URL"] = "hooks.example.com" + secret
	b.fails(failure.Usage, `want an address that begins with "https://"`, "", "cdc")
}
