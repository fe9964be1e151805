//go:build cgo

package lakehouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// maxJSONBytes bounds the body of a request that is JSON.
const maxJSONBytes = 1 << 20

// apiError is a refusal in the form that Databricks clients read: a status, an
// error code and, for the Files API, a machine-readable reason.
type apiError struct {
	status  int
	code    string
	message string
	reason  string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badParameter(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", format, args...)
}

// because adds the reason that the Files API gives in the error's details.
func (e *apiError) because(reason string) *apiError {
	e.reason = reason
	return e
}

type errorDetail struct {
	Type   string `json:"@type"`
	Reason string `json:"reason"`
	Domain string `json:"domain"`
}

type errorBody struct {
	ErrorCode string        `json:"error_code"`
	Message   string        `json:"message"`
	Details   []errorDetail `json:"details,omitempty"`
}

// endpoint is a request handler that answers by itself or returns an error,
// never both.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// serve runs e and writes its error, if any.
func (e endpoint) serve(log *slog.Logger, w http.ResponseWriter, r *http.Request) {
	err := e(w, r)
	if err == nil {
		return
	}
	var refusal *apiError
	if !errors.As(err, &refusal) {
		if r.Context().Err() != nil {
			return // the client is gone, or the server is closing
		}
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		refusal = refuse(http.StatusInternalServerError, "INTERNAL_ERROR", "%v", err)
	}
	writeRefusal(w, refusal)
}

func writeRefusal(w http.ResponseWriter, e *apiError) {
	body := errorBody{ErrorCode: e.code, Message: e.message}
	if e.reason != "" {
		body.Details = []errorDetail{{
			Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: e.reason, Domain: "filesystem.databricks.com",
		}}
	}
	writeJSON(w, e.status, body)
}

// writeJSON answers with v. It ignores errors of the connection, which the client sees.
func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// readJSON decodes the request's body into v. Fields that v does not have are
// ignored, as newer clients send them.
func readJSON(r *http.Request, v any) error { return readLongJSON(r, v, maxJSONBytes) }

// readLongJSON is readJSON of a body of that many bytes at most.
func readLongJSON(r *http.Request, v any, most int) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the request's body ends early: %v", err)
	}
	if len(text) > most {
		return refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the request's body has more than %d bytes", most)
	}
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the request's body is not the expected JSON: %v", err)
	}
	return nil
}
