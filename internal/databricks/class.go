package databricks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/httpclient"
	dbsqlerr "github.com/databricks/databricks-sql-go/errors"

	"ingest/internal/failure"
)

// Outcome says what is known of a statement that ended with an error.
type Outcome int

// The outcomes.
const (
	// NotRun: the statement did not reach the warehouse, or was turned away
	// unread.
	NotRun Outcome = iota
	// Failed: the warehouse says that it ran and failed; it changed nothing.
	Failed
	// Unknown: it was sent, and whether it took effect must be looked up.
	Unknown
)

// StatementError is a statement that did not succeed, as far as anybody knows.
type StatementError struct {
	Statement string // its first line, shortened
	Class     string // Databricks's error class, such as TABLE_OR_VIEW_NOT_FOUND; may be empty
	SQLState  string // five characters; may be empty
	QueryID   string // as the warehouse's query history shows it; may be empty
	Message   string // without stack trace, class and secrets
	Outcome   Outcome
	status    int   // of the last HTTP answer, 0 if there was none
	err       error // the driver's
}

// Error says what was run and what the warehouse answered.
func (e *StatementError) Error() string {
	var b strings.Builder
	b.WriteString("run " + e.Statement + ": ")
	if e.Class != "" {
		b.WriteString("[" + e.Class + "] ")
	}
	b.WriteString(e.Message)
	switch {
	case e.SQLState != "" && e.QueryID != "":
		b.WriteString(" (SQLSTATE " + e.SQLState + ", query " + e.QueryID + ")")
	case e.SQLState != "":
		b.WriteString(" (SQLSTATE " + e.SQLState + ")")
	case e.QueryID != "":
		b.WriteString(" (query " + e.QueryID + ")")
	}
	return b.String()
}

// Unwrap gives the driver's error.
func (e *StatementError) Unwrap() error { return e.err }

// retryClasses are the error classes after which the same statement may
// succeed: another writer was in the way, or the service stumbled.
var retryClasses = map[string]bool{
	"COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED": true,
	"COPY_INTO_NON_BLIND_APPEND_NOT_ALLOWED":      true,
	"COPY_INTO_ROCKSDB_MAX_RETRY_EXCEEDED":        true,
	"COPY_INTO_STATE_INTERNAL_ERROR":              true,
	"TRANSACTION_CONCURRENT_COPY_INTO":            true,
	"TEMPORARILY_UNAVAILABLE":                     true,
	"RESOURCE_EXHAUSTED":                          true,
	"REQUEST_LIMIT_EXCEEDED":                      true,
	"DELTA_METADATA_CHANGED":                      true,
	"DELTA_PROTOCOL_CHANGED":                      true,
}

// retryStates are SQLSTATEs of the same meaning: a concurrent transaction of
// Delta's, a serialization failure.
var retryStates = map[string]bool{stateConcurrentTransaction: true, stateSerializationFailure: true}

// copyStates are the SQLSTATEs of COPY INTO's retry list; they count only
// where the class did not come through.
var copyStates = map[string]bool{stateInvalidTransactionState: true, stateObjectNotInPrerequisiteState: true}

// SQLSTATEs of the warehouse. Databricks' list of error classes has them.
const (
	stateConcurrentTransaction        = "2D521"
	stateInvalidTransactionState      = "25000"
	stateSerializationFailure         = "40001"
	stateInsufficientPrivilege        = "42501"
	stateSyntaxError                  = "42601"
	stateUndefinedTable               = "42P01"
	stateObjectNotInPrerequisiteState = "55019"
	stateFeatureNotEnabled            = "56038"
)

// Retryable says that the same request may succeed later: too many requests,
// a service that is unavailable, a warehouse that is starting, a concurrent
// transaction. Where OutcomeUnknown holds as well, look first.
func Retryable(err error) bool {
	var s *StatementError
	if errors.As(err, &s) {
		return s.retryable()
	}
	var api *apierr.APIError
	if errors.As(err, &api) {
		return retryStatus(api.StatusCode) || errors.Is(err, apierr.ErrAborted)
	}
	return notDialed(err)
}

func (e *StatementError) retryable() bool {
	family, _, _ := strings.Cut(e.Class, ".")
	switch {
	case retryClasses[family], strings.HasPrefix(family, "DELTA_CONCURRENT_"), retryStates[e.SQLState]:
		return true
	case e.Class == "" && copyStates[e.SQLState]:
		return true
	case e.Outcome == Failed:
		return false
	case e.Outcome == NotRun && strings.Contains(e.Message, invalidSession):
		return true
	}
	return retryStatus(e.status) || e.Outcome == NotRun && notDialed(e.err)
}

func retryStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// OutcomeUnknown says that a request may have taken effect although it ended
// with an error: the connection was lost, the context ended, or the server
// stumbled after it was sent. Look before repeating anything.
func OutcomeUnknown(err error) bool {
	if err == nil {
		return false
	}
	var s *StatementError
	if errors.As(err, &s) {
		return s.Outcome == Unknown
	}
	var api *apierr.APIError
	if errors.As(err, &api) {
		return api.StatusCode >= http.StatusInternalServerError || errors.Is(err, apierr.ErrAborted)
	}
	var known *refusal
	return !errors.As(err, &known) && !notDialed(err)
}

// Permanent says that the request was refused for a reason that repeating it
// does not change.
func Permanent(err error) bool {
	return err != nil && !contextEnded(err) && !Retryable(err) && !OutcomeUnknown(err)
}

// Refused says that the warehouse ran a statement and turned it down for a reason
// that is in the statement or in what it names: what repeating it does not
// change. A statement that was not run, a limit or a time-out of this program's
// or of the warehouse's, an answer that cannot be read, and whatever happened on
// the way say nothing of a table.
func Refused(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Outcome == Failed && !s.retryable() && !s.stopped() && !contextEnded(err)
}

// stopped says that somebody, or a time-out, ended the statement. SQLSTATE class
// 57 is "operator intervention", HY008 "operation canceled".
func (e *StatementError) stopped() bool {
	return strings.HasPrefix(e.SQLState, "57") || e.SQLState == "HY008"
}

// Passing says that the same may succeed later, when the network or the service
// is back: what Retryable says, and what broke with an unknown outcome. A sign-in
// that is refused does not pass.
func Passing(err error) bool {
	var cert *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.As(err, &cert):
		return false
	case Retryable(err):
		return true
	}
	var s *StatementError
	if errors.As(err, &s) {
		return s.Outcome == Unknown || s.Outcome == NotRun && brokenOff(s.err)
	}
	var api *apierr.APIError
	if errors.As(err, &api) {
		return api.StatusCode >= http.StatusInternalServerError
	}
	var token *httpclient.HttpError // by the token service
	if errors.As(err, &token) {
		return retryStatus(token.StatusCode) || token.StatusCode >= http.StatusInternalServerError
	}
	return brokenOff(err)
}

// brokenOff says that err came from the network.
func brokenOff(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// NotFound says that the table, file or other object is not there.
func NotFound(err error) bool {
	var s *StatementError
	if errors.As(err, &s) {
		switch s.Class {
		case "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE_COPY_INTO", "DELTA_MISSING_DELTA_TABLE":
			return true
		}
		return s.SQLState == stateUndefinedTable
	}
	return errors.Is(err, apierr.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

// Denied says that the signed-in user lacks a privilege on the object.
func Denied(err error) bool {
	var s *StatementError
	if errors.As(err, &s) {
		return s.SQLState == stateInsufficientPrivilege || strings.HasPrefix(s.Class, "INSUFFICIENT_PERMISSIONS")
	}
	return errors.Is(err, apierr.ErrPermissionDenied)
}

// refusal marks errors of this package's own making: nothing was sent.
type refusal struct{ error }

func refuse(err error) error { return &refusal{err} }

func (r *refusal) Unwrap() error { return r.error }

var (
	classPattern    = regexp.MustCompile(`\[([A-Z][A-Z0-9_]{2,}(?:\.[A-Z0-9_]+)*)\]`)
	sqlStatePattern = regexp.MustCompile(`SQLSTATE:?\s*([0-9A-Z]{5})\b`)
	statePattern    = regexp.MustCompile(`unexpected operation state ([A-Z]+)_STATE`)
	// noisePattern is what the driver and the server put before the message.
	noisePattern = regexp.MustCompile(`^(?:databricks: |execution error: |request error: |driver error: |failed to execute query: |unexpected operation state [A-Z]+_STATE: |(?:[a-z][\w$]*\.)+[A-Z][\w$]*: |Error running query: )+`)
)

const invalidSession = "Invalid SessionHandle"

// sessionLost says that a statement was not run because the warehouse does not
// know its session any more.
func sessionLost(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Outcome == NotRun && strings.Contains(s.Message, invalidSession)
}

// newStatementError reads what the driver's error and the wire say of one
// statement.
func newStatementError(r *redactor, sql string, w wire, err error) *StatementError {
	text := r.text(err.Error())
	e := &StatementError{Statement: firstLine(sql), QueryID: w.queryID, status: w.status, err: r.err(err)}
	var execution dbsqlerr.DBExecutionError
	if errors.As(err, &execution) {
		e.SQLState = execution.SqlState()
		if e.QueryID == "" {
			e.QueryID = execution.QueryId()
		}
	}
	if m := classPattern.FindStringSubmatch(text); m != nil {
		e.Class = m[1]
	}
	if m := sqlStatePattern.FindStringSubmatch(text); m != nil && e.SQLState == "" {
		e.SQLState = m[1]
	}
	e.Message = cleanMessage(text, e.Class)
	e.Outcome = outcomeOf(w, text, e)
	return e
}

func outcomeOf(w wire, text string, e *StatementError) Outcome {
	switch {
	case !w.wrote:
		return NotRun
	case !w.accepted && w.status >= 400 && w.status < 500:
		return NotRun
	case !w.accepted && strings.Contains(text, invalidSession):
		return NotRun
	}
	// A statement that was cancelled or timed out may have committed before.
	if m := statePattern.FindStringSubmatch(text); m != nil {
		if m[1] == "ERROR" {
			return Failed
		}
		return Unknown
	}
	if w.netErr == nil && w.status == http.StatusOK && e.Class != "" && e.err != nil && !contextEnded(e.err) {
		return Failed
	}
	return Unknown
}

func contextEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// cleanMessage takes the driver's prefixes, the class and the server's stack
// trace off.
func cleanMessage(text, class string) string {
	if i := strings.Index(text, "\n\tat "); i >= 0 {
		text = text[:i]
	}
	if class != "" {
		if i := strings.LastIndex(text, "["+class+"]"); i >= 0 {
			text = text[i+len(class)+2:]
		}
	}
	text = noisePattern.ReplaceAllString(strings.TrimSpace(text), "")
	text = sqlStatePattern.ReplaceAllString(text, "")
	return strings.TrimSpace(text)
}

const shownStatement = 120 // runes

func firstLine(sql string) string {
	line, _, cut := strings.Cut(strings.TrimSpace(sql), "\n")
	line = strings.TrimSpace(line)
	if runes := []rune(line); len(runes) > shownStatement {
		line, cut = string(runes[:shownStatement]), true
	}
	if cut {
		line += " …"
	}
	return line
}

// hinted gives a statement's error its kind and, where something can be done,
// a hint.
func hinted(e *StatementError) error {
	f := failure.New(failure.Destination, "%w", e)
	switch {
	case e.Outcome == Unknown:
		return f.WithHint("whether the statement took effect is not known; run the command again, it looks before it repeats anything")
	case Denied(e):
		return f.WithHint("grant the signed-in user the privilege that the message names, for instance GRANT USE SCHEMA, CREATE TABLE, MODIFY, SELECT ON SCHEMA … TO `…`")
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return f.WithHint("the token has expired or may not use this warehouse: sign in again, or give the user CAN USE on it")
	}
	return f
}
