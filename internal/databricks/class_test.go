package databricks

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
)

// serverError is the driver's form of an error of the warehouse.
func serverError(text string) error {
	return errors.New("databricks: execution error: failed to execute query: unexpected operation state ERROR_STATE: " + text)
}

var answered = wire{wrote: true, accepted: true, status: http.StatusOK, queryID: "q-1"}

func TestStatementErrors(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	type verdict struct {
		Class, SQLState, Message     string
		Outcome                      Outcome
		Retry, Unknown, Perm, Absent bool
	}
	for name, test := range map[string]struct {
		wire wire
		err  error
		want verdict
	}{
		"missing table": {
			answered,
			serverError("org.apache.hive.service.cli.HiveSQLException: Error running query: [TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.catalyst.ExtendedAnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found. SQLSTATE: 42P01\n\tat org.apache.spark.Foo(Foo.scala:1)"),
			verdict{
				Class: "TABLE_OR_VIEW_NOT_FOUND", SQLState: "42P01", Message: "The table or view `a`.`b` cannot be found.",
				Outcome: Failed, Perm: true, Absent: true,
			},
		},
		"copy of the same files elsewhere": {
			answered, serverError("[COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED] Duplicated files were committed in a concurrent COPY INTO operation. Please try again later. SQLSTATE: 25000"),
			verdict{
				Class: "COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED", SQLState: "25000",
				Message: "Duplicated files were committed in a concurrent COPY INTO operation. Please try again later.", Outcome: Failed, Retry: true,
			},
		},
		"copy schema mismatch": {
			answered, serverError("[COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE] A schema mismatch was detected. SQLSTATE: 42KDG"),
			verdict{
				Class: "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", SQLState: "42KDG", Message: "A schema mismatch was detected.",
				Outcome: Failed, Perm: true,
			},
		},
		"concurrent append": {
			answered, serverError("[DELTA_CONCURRENT_APPEND.WHOLE_TABLE_READ] Files were added. SQLSTATE: 2D521"),
			verdict{
				Class: "DELTA_CONCURRENT_APPEND.WHOLE_TABLE_READ", SQLState: "2D521", Message: "Files were added.", Outcome: Failed, Retry: true,
			},
		},
		"retry state without class": {
			answered, serverError("internal error SQLSTATE: 55019"),
			verdict{SQLState: "55019", Message: "internal error", Outcome: Failed, Retry: true},
		},
		"cancelled by the server": {
			answered, errors.New("databricks: execution error: failed to execute query: unexpected operation state CANCELED_STATE: cancelled"),
			verdict{Message: "cancelled", Outcome: Unknown, Unknown: true},
		},
		"connection lost after sending": {
			wire{wrote: true, netErr: reset}, fmt.Errorf("execute statement request error: %w", reset),
			verdict{Message: "execute statement request error: read: connection reset by peer", Outcome: Unknown, Unknown: true},
		},
		"never connected": {
			wire{netErr: dial}, fmt.Errorf("execute statement request error: %w", dial),
			verdict{Message: "execute statement request error: dial: connection refused", Outcome: NotRun, Retry: true},
		},
		"polling lost": {
			wire{wrote: true, accepted: true, netErr: io.EOF}, io.EOF,
			verdict{Message: "EOF", Outcome: Unknown, Unknown: true},
		},
		"context ended after sending": {
			wire{wrote: true, netErr: context.Canceled}, context.Canceled,
			verdict{Message: "context canceled", Outcome: Unknown, Unknown: true},
		},
		"context ended before sending": {
			wire{}, context.Canceled,
			verdict{Message: "context canceled", Outcome: NotRun},
		},
		"503 to the statement": {
			wire{wrote: true, status: 503}, errors.New("request error after 5 attempt(s): unexpected HTTP status 503 Service Unavailable"),
			verdict{
				Message: "request error after 5 attempt(s): unexpected HTTP status 503 Service Unavailable",
				Outcome: Unknown, Retry: true, Unknown: true,
			},
		},
		"500 to the statement": {
			wire{wrote: true, status: 500}, errors.New("unexpected HTTP status 500"),
			verdict{Message: "unexpected HTTP status 500", Outcome: Unknown, Unknown: true},
		},
		"429 to the statement": {
			wire{wrote: true, status: 429}, errors.New("unexpected HTTP status 429"),
			verdict{Message: "unexpected HTTP status 429", Outcome: NotRun, Retry: true},
		},
		"403 to the statement": {
			wire{wrote: true, status: 403}, errors.New("unexpected HTTP status 403"),
			verdict{Message: "unexpected HTTP status 403", Outcome: NotRun, Perm: true},
		},
		"session gone before": {
			wire{wrote: true, status: 500}, fmt.Errorf("%w: Invalid SessionHandle", driver.ErrBadConn),
			verdict{Message: "driver: bad connection: Invalid SessionHandle", Outcome: NotRun, Retry: true},
		},
		"session gone while polling": {
			wire{wrote: true, accepted: true, status: 500}, fmt.Errorf("%w: Invalid SessionHandle", driver.ErrBadConn),
			verdict{Message: "driver: bad connection: Invalid SessionHandle", Outcome: Unknown, Unknown: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newStatementError(&redactor{}, "SELECT 1\nFROM t", test.wire, test.err)
			err := fmt.Errorf("load: %w", hinted(e))
			got := verdict{e.Class, e.SQLState, e.Message, e.Outcome, Retryable(err), OutcomeUnknown(err), Permanent(err), NotFound(err)}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !errors.Is(err, test.err) {
				t.Error("the driver's error is not reachable")
			}
			if failure.KindOf(err) != failure.Destination {
				t.Errorf("kind %v, want Destination", failure.KindOf(err))
			}
		})
	}
}

// TestClassesOfDatabricks lists the error classes that loading may meet
// (Databricks documentation, "Error classes") and their classification. It also
// covers errors with only a SQLSTATE, and errors that arrive while the
// connection breaks.
func TestClassesOfDatabricks(t *testing.T) {
	for class, test := range map[string]struct {
		state         string
		retry, absent bool
		alone         bool // the SQLSTATE alone gives the same result
	}{
		"COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED":        {"25000", true, false, true},
		"COPY_INTO_NON_BLIND_APPEND_NOT_ALLOWED":             {"25000", true, false, true},
		"COPY_INTO_ROCKSDB_MAX_RETRY_EXCEEDED":               {"25000", true, false, true},
		"COPY_INTO_STATE_INTERNAL_ERROR":                     {"55019", true, false, true},
		"TRANSACTION_CONCURRENT_COPY_INTO":                   {"40000", true, false, false},
		"DELTA_CONCURRENT_APPEND":                            {"2D521", true, false, true},
		"DELTA_CONCURRENT_DELETE_READ":                       {"2D521", true, false, true},
		"DELTA_CONCURRENT_WRITE":                             {"2D521", true, false, true},
		"DELTA_METADATA_CHANGED":                             {"2D521", true, false, true},
		"DELTA_PROTOCOL_CHANGED":                             {"2D521", true, false, true},
		"COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE":        {"42KDG", false, false, true},
		"COPY_INTO_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA":      {"21S01", false, false, true},
		"COPY_INTO_SOURCE_SCHEMA_INFERENCE_FAILED":           {"42KD9", false, false, true},
		"DELTA_MISSING_DELTA_TABLE_COPY_INTO":                {"42P01", false, true, true},
		"TABLE_OR_VIEW_NOT_FOUND":                            {"42P01", false, true, true},
		"FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH": {"KD001", false, false, true},
		"PARSE_SYNTAX_ERROR":                                 {"42601", false, false, true},
		"INSUFFICIENT_PERMISSIONS":                           {"42501", false, false, true},
		"CAST_OVERFLOW":                                      {"22003", false, false, true},
	} {
		said := func(text string, w wire) error {
			return fmt.Errorf("load: %w", hinted(newStatementError(&redactor{}, "COPY INTO t", w, serverError(text))))
		}
		whole := said("["+class+"] What happened. SQLSTATE: "+test.state, answered)
		if Retryable(whole) != test.retry || Permanent(whole) == test.retry || NotFound(whole) != test.absent || OutcomeUnknown(whole) {
			t.Errorf("%s: retryable %t, permanent %t, not found %t, unknown %t", class, Retryable(whole), Permanent(whole),
				NotFound(whole), OutcomeUnknown(whole))
		}
		if state := said("What happened. SQLSTATE: "+test.state, answered); test.alone &&
			(Retryable(state) != test.retry || Permanent(state) == test.retry || NotFound(state) != test.absent) {
			t.Errorf("%s, of which only SQLSTATE %s came: retryable %t, permanent %t, not found %t", class, test.state, Retryable(state),
				Permanent(state), NotFound(state))
		}
	}
}

func TestRESTErrors(t *testing.T) {
	for name, test := range map[string]struct {
		err                    error
		retry, unknown, absent bool
	}{
		"404":               {&apierr.APIError{StatusCode: 404}, false, false, true},
		"409 exists":        {&apierr.APIError{StatusCode: 409, ErrorCode: "ALREADY_EXISTS"}, false, false, false},
		"409 aborted":       {&apierr.APIError{StatusCode: 409, ErrorCode: "ABORTED"}, true, true, false},
		"429":               {&apierr.APIError{StatusCode: 429}, true, false, false},
		"400":               {&apierr.APIError{StatusCode: 400, ErrorCode: "INVALID_PARAMETER_VALUE"}, false, false, false},
		"403":               {&apierr.APIError{StatusCode: 403, ErrorCode: "PERMISSION_DENIED"}, false, false, false},
		"413":               {&apierr.APIError{StatusCode: 413}, false, false, false},
		"502":               {&apierr.APIError{StatusCode: 502}, true, true, false},
		"504":               {&apierr.APIError{StatusCode: 504}, true, true, false},
		"500":               {&apierr.APIError{StatusCode: 500}, false, true, false},
		"503":               {&apierr.APIError{StatusCode: 503}, true, true, false},
		"connection lost":   {io.ErrUnexpectedEOF, false, true, false},
		"connection denied": {&net.OpError{Op: "dial", Err: errors.New("refused")}, true, false, false},
		"own refusal":       {refuse(errors.New("a bad name")), false, false, false},
	} {
		err := fmt.Errorf("create x: %w", test.err)
		if Retryable(err) != test.retry || OutcomeUnknown(err) != test.unknown || NotFound(err) != test.absent {
			t.Errorf("%s: retryable %t, unknown %t, not found %t; want %t, %t, %t", name,
				Retryable(err), OutcomeUnknown(err), NotFound(err), test.retry, test.unknown, test.absent)
		}
	}
	if OutcomeUnknown(nil) || Retryable(nil) || Permanent(nil) || NotFound(nil) {
		t.Error("no error has a class")
	}
}

func TestSecretsAreTakenOutOfErrors(t *testing.T) {
	r := &redactor{}
	r.add("dapi0123456789", "", "no")
	cause := errors.New("token dapi0123456789 is no good")
	err := r.err(fmt.Errorf("sign in: %w", cause))
	if want := "sign in: token *** is no good"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is not reachable")
	}
	e := newStatementError(r, "SELECT 1", answered, serverError("[X_FAILED] dapi0123456789"))
	if strings.Contains(hinted(e).Error(), "dapi0123456789") || strings.Contains(e.Unwrap().Error(), "dapi0123456789") {
		t.Errorf("the secret is in %q", e)
	}
}

func TestStatementErrorText(t *testing.T) {
	e := newStatementError(&redactor{}, "COPY INTO `a`.`b`.`c`\nFROM (", answered, serverError("[X_FAILED] no. SQLSTATE: 42KD9"))
	want := "run COPY INTO `a`.`b`.`c` …: [X_FAILED] no. (SQLSTATE 42KD9, query q-1)"
	if e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}
}

// Only a refusal of a statement that the warehouse ran stops a table.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"refused": {newStatementError(&redactor{}, "SELECT 1", answered, serverError("[X_FAILED] no. SQLSTATE: 42KD9")), true},
		"a concurrent append": {
			newStatementError(&redactor{}, "SELECT 1", answered, serverError("[DELTA_CONCURRENT_APPEND] no. SQLSTATE: 2D521")), false,
		},
		"a time-out": {
			newStatementError(&redactor{}, "SELECT 1", answered, serverError("[QUERY_EXECUTION_TIMEOUT_EXCEEDED] no. SQLSTATE: 57KD0")), false,
		},
		"cancelled": {
			newStatementError(&redactor{}, "SELECT 1", answered, serverError("[OPERATION_CANCELED] no. SQLSTATE: HY008")), false,
		},
		"an answer that is lost": {newStatementError(&redactor{}, "SELECT 1", answered, io.ErrUnexpectedEOF), false},
		"not run":                {newStatementError(&redactor{}, "SELECT 1", wire{status: http.StatusUnauthorized}, errors.New("no")), false},
		"a limit of the client":  {refuse(errors.New("more than 100000 rows")), false},
		"a file":                 {&apierr.APIError{StatusCode: http.StatusForbidden}, false},
		"an unreadable answer":   {errors.New("read column \"n\": is not an integer"), false},
		"none":                   {nil, false},
	} {
		if got := Refused(fmt.Errorf("load: %w", test.err)); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
