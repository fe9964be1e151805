package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ui"
)

// notifies marks a command whose failures go to the webhook.
const notifies = "notifies"

// notifying returns the annotations of such a command.
func notifying() map[string]string { return map[string]string{notifies: "true"} }

// failedRun is the webhook's payload. docs/configuration.md documents its fields;
// fields are only ever added.
type failedRun struct {
	Text     string    `json:"text"` // for people: chats show it
	Tool     string    `json:"tool"`
	Version  string    `json:"version"`
	Command  string    `json:"command"`
	Pipeline string    `json:"pipeline"`
	Catalog  string    `json:"catalog"`
	Schema   string    `json:"schema"`
	Run      string    `json:"run_id"`
	ExitCode int       `json:"exit_code"`
	Error    string    `json:"error"`
	Hint     string    `json:"hint,omitempty"`
	Time     time.Time `json:"time"`
}

const webhookTimeout = 10 * time.Second

// notify posts a failed run to the webhook, if one is configured. Interrupted runs
// are not reported. Errors of the post are only logged.
func (a *app) notify(code int, err error) {
	if a.config == nil || a.config.Notify.WebhookURL == "" || !a.notifies || code == 0 || code == int(failure.Interrupted) {
		return
	}
	text := ui.Plain(err.Error())
	run := failedRun{
		Text: fmt.Sprintf("ingest %s of pipeline %s failed with exit code %d: %s", a.command, a.config.Pipeline, code, text),
		Tool: "ingest", Version: buildOf().Version, Command: a.command, Pipeline: a.config.Pipeline,
		Catalog: a.config.Destination.Catalog, Schema: a.config.Destination.Schema,
		Run: a.runID, ExitCode: code, Error: text, Hint: ui.Plain(failure.HintOf(err)), Time: time.Now().UTC(),
	}
	if err := post(a.config.Notify.WebhookURL.Reveal(), run); err != nil {
		a.log.Warn("cannot notify the webhook of the failure", "error", err)
	}
}

// post sends v once. Its errors leave out the address, which is a secret.
func post(address string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), webhookTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("notify.webhook_url is not an address")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "ingest/"+buildOf().Version)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if addressed, ok := errors.AsType[*url.Error](err); ok {
		return addressed.Err
	}
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", answer.Status)
	}
	return nil
}
