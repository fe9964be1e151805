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

	"github.com/ingest-tool/ingest/internal/failure"
)

// Outcome is what is known about the effect of a failed statement.
type Outcome int

// The outcomes.
const (
	// NotRun: the statement did not reach the warehouse, or was rejected
	// unread.
	NotRun Outcome = iota
	// Failed: the warehouse reports that the statement ran and failed. It
	// changed nothing.
	Failed
	// Unknown: the statement was sent. The caller must look up whether it took
	// effect.
	Unknown
)

// StatementError is a statement that did not succeed, as far as is known.
type StatementError struct {
	Statement string // its first line, shortened
	Class     string // Databricks's error class, such as TABLE_OR_VIEW_NOT_FOUND; may be empty
	SQLState  string // five characters; may be empty
	QueryID   string // as in the warehouse's query history; may be empty
	Message   string // without stack trace, class and secrets
	Outcome   Outcome
	status    int   // of the last HTTP answer; 0 if there was none
	err       error // the driver's error
}

// Error says which statement failed and what the warehouse answered.
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

// Unwrap returns the driver's error.
func (e *StatementError) Unwrap() error { return e.err }

// retryClasses are error classes after which a retry may succeed: another
// writer conflicted, or the service had a transient error.
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

// retryStates are SQLSTATEs with the same meaning: a concurrent Delta
// transaction, or a serialization failure.
var retryStates = map[string]bool{stateConcurrentTransaction: true, stateSerializationFailure: true}

// copyStates are the SQLSTATEs of COPY INTO's retry list. They count only if
// the error has no class.
var copyStates = map[string]bool{stateInvalidTransactionState: true, stateObjectNotInPrerequisiteState: true}

// SQLSTATEs of the warehouse, from Databricks's list of error classes.
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

// Retryable reports whether the same request may succeed later. Examples: too
// many requests, an unavailable service, a warehouse that is starting, a
// concurrent transaction. If OutcomeUnknown is also true, look first.
func Retryable(err error) bool {
	if s, ok := errors.AsType[*StatementError](err); ok {
		return s.retryable()
	}
	if api, ok := errors.AsType[*apierr.APIError](err); ok {
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

// OutcomeUnknown reports whether a failed request may have taken effect: the
// connection was lost, the context ended, or the server failed after the
// request was sent. Look before you repeat anything.
func OutcomeUnknown(err error) bool {
	if err == nil {
		return false
	}
	if s, ok := errors.AsType[*StatementError](err); ok {
		return s.Outcome == Unknown
	}
	if api, ok := errors.AsType[*apierr.APIError](err); ok {
		return api.StatusCode >= http.StatusInternalServerError || errors.Is(err, apierr.ErrAborted)
	}
	var known *refusal
	return !errors.As(err, &known) && !notDialed(err)
}

// Permanent reports whether the request was refused for a reason that a retry
// does not change.
func Permanent(err error) bool {
	return err != nil && !contextEnded(err) && !Retryable(err) && !OutcomeUnknown(err)
}

// Refused reports whether the warehouse ran a statement and refused it because
// of the statement itself or an object that it names. A retry does not help.
// Other errors prove nothing about a table: a statement that was not run, a
// limit or a time-out of this program or of the warehouse, an unreadable
// answer, and any problem in transit.
func Refused(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Outcome == Failed && !s.retryable() && !s.stopped() && !contextEnded(err)
}

// stopped reports whether a person or a time-out ended the statement. SQLSTATE
// class 57 is "operator intervention", HY008 "operation canceled".
func (e *StatementError) stopped() bool {
	return strings.HasPrefix(e.SQLState, "57") || e.SQLState == "HY008"
}

// Passing reports whether the error is transient: the same request may succeed
// when the network or the service is back. These are the Retryable errors, and
// broken connections with an unknown outcome. A refused sign-in is not
// transient.
func Passing(err error) bool {
	var cert *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.As(err, &cert):
		return false
	case Retryable(err):
		return true
	}
	if s, ok := errors.AsType[*StatementError](err); ok {
		return s.Outcome == Unknown || s.Outcome == NotRun && brokenOff(s.err)
	}
	if api, ok := errors.AsType[*apierr.APIError](err); ok {
		return api.StatusCode >= http.StatusInternalServerError
	}
	if token, ok := errors.AsType[*httpclient.HttpError](err); ok { // by the token service
		return retryStatus(token.StatusCode) || token.StatusCode >= http.StatusInternalServerError
	}
	return brokenOff(err)
}

// brokenOff reports whether err came from the network.
func brokenOff(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// NotFound reports whether the table, file or other object does not exist.
func NotFound(err error) bool {
	if s, ok := errors.AsType[*StatementError](err); ok {
		switch s.Class {
		case "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE_COPY_INTO", "DELTA_MISSING_DELTA_TABLE":
			return true
		}
		return s.SQLState == stateUndefinedTable
	}
	return errors.Is(err, apierr.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

// Denied reports whether the signed-in user lacks a privilege on the object.
func Denied(err error) bool {
	if s, ok := errors.AsType[*StatementError](err); ok {
		return s.SQLState == stateInsufficientPrivilege || strings.HasPrefix(s.Class, "INSUFFICIENT_PERMISSIONS")
	}
	return errors.Is(err, apierr.ErrPermissionDenied)
}

// refusal marks errors that this package itself creates. Nothing was sent.
type refusal struct{ error }

func refuse(err error) error { return &refusal{err} }

func (r *refusal) Unwrap() error { return r.error }

var (
	classPattern    = regexp.MustCompile(`\[([A-Z][A-Z0-9_]{2,}(?:\.[A-Z0-9_]+)*)\]`)
	sqlStatePattern = regexp.MustCompile(`SQLSTATE:?\s*([0-9A-Z]{5})\b`)
	statePattern    = regexp.MustCompile(`unexpected operation state ([A-Z]+)_STATE`)
	// noisePattern matches what the driver and the server put before the
	// message.
	noisePattern = regexp.MustCompile(`^(?:databricks: |execution error: |request error: |driver error: |failed to execute query: |unexpected operation state [A-Z]+_STATE: |(?:[a-z][\w$]*\.)+[A-Z][\w$]*: |Error running query: )+`)
)

const invalidSession = "Invalid SessionHandle"

// sessionLost reports whether a statement was not run because the warehouse no
// longer knows its session.
func sessionLost(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Outcome == NotRun && strings.Contains(s.Message, invalidSession)
}

// newStatementError combines the driver's error with what happened on the wire
// for one statement.
func newStatementError(r *redactor, sql string, w wire, err error) *StatementError {
	text := r.text(err.Error())
	e := &StatementError{Statement: firstLine(sql), QueryID: w.queryID, status: w.status, err: r.err(err)}
	if execution, ok := errors.AsType[dbsqlerr.DBExecutionError](err); ok {
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
	// A statement that was cancelled or timed out may have committed before
	// that.
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

// cleanMessage removes the driver's prefixes, the class and the server's stack
// trace.
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

// hinted adds the error's kind, and a hint if the user can do something.
func hinted(e *StatementError) error {
	f := failure.New(failure.Destination, "%w", e)
	switch {
	case e.Outcome == Unknown:
		return f.WithHint(
			"it is not known whether the statement took effect; run the command again: it reads the table before it repeats a statement")
	case Denied(e):
		return f.WithHint("grant the signed-in user the privilege that the message names, for instance GRANT USE SCHEMA, CREATE TABLE, MODIFY, SELECT ON SCHEMA … TO `…`")
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return f.WithHint("the token has expired or may not use this warehouse: sign in again, or give the user CAN USE on it")
	}
	return f
}
