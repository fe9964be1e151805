package lakehouse

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// ErrServed is the error of Open if another process has the directory.
var ErrServed = errors.New("is served by another process")

// Options say where a workspace lives and how it behaves. The zero value of
// every field but Dir is usable.
type Options struct {
	// Dir keeps everything; it is made if missing. One process at a time.
	Dir string
	// Listen is host:port; empty means a free port of 127.0.0.1. An address
	// that is not loopback is refused.
	Listen string
	// Catalogs are made if missing; catalogs found in Dir are served as well.
	Catalogs []string

	// Token is the personal access token. If empty, one is generated and kept
	// in Dir, so that it outlives a restart.
	Token string
	// ClientID and ClientSecret sign in by OAuth (client credentials); both or
	// neither. If empty, they are generated and kept likewise.
	ClientID, ClientSecret string
	// TokenTTL is the lifetime of an OAuth token: at least a second, an hour if zero.
	TokenTTL time.Duration

	// Cold is how long a stopped SQL warehouse takes to start.
	Cold time.Duration
	// AutoStop stops an idle SQL warehouse: ten minutes if zero, never if
	// negative.
	AutoStop time.Duration
	// MemoryLimit is DuckDB's, for instance "2GB"; empty means about a quarter of
	// the machine's memory.
	MemoryLimit string
	// Threads is how many threads of DuckDB share a statement's work; 0 means as
	// many as the machine has processors. Statements run at the same time whatever it is.
	Threads int
	// Switches select behaviour where it is not known what Databricks does.
	Switches Switches

	// Withheld, for tests, are privileges that only the owner of an object has, by their names in the API (CREATE_TABLE); CAN_USE
	// is that on the SQL warehouse. All objects belong to the personal access token's user.
	Withheld []string

	// Log receives messages for an operator (requests at debug level); nil means none.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Intercept, for tests, sees every request before anything else, on the
	// request's goroutine; n counts them from 1. A nil Fault changes nothing.
	Intercept func(n int64, r *http.Request) *Fault
	// Refuse, for tests, sees every statement of the SQL warehouse before it
	// runs, on a goroutine of its own. A Refusal is the statement's error, and it
	// does not run; nil changes nothing.
	Refuse func(sql string) *Refusal
}

// Refusal is a statement's error as Databricks words it.
type Refusal struct {
	SQLState, Class, Message string
}

// Switches choose between two possible behaviours where it is not known what Databricks does. The zero value is the kinder one.
type Switches struct {
	// RacyCreate lets an upload with overwrite=false look for the file when the request begins, not when it is stored. Of several
	// uploads at once, more than one may succeed, and the last one stays.
	RacyCreate bool
	// CopyMemoryLostOnReplace lets CREATE OR REPLACE TABLE forget which files
	// COPY INTO has loaded.
	CopyMemoryLostOnReplace bool
	// CopyMemoryLostOnRestore lets RESTORE TABLE forget the files whose loads
	// it undid.
	CopyMemoryLostOnRestore bool
	// CTASWithoutRow lets CREATE TABLE AS SELECT answer without a row.
	CTASWithoutRow bool
	// PropertiesLostOnReplace lets CREATE OR REPLACE TABLE drop the comments,
	// tags, properties and clustering that the statement does not name again.
	PropertiesLostOnReplace bool
	// PoliciesLostOnReplace lets CREATE OR REPLACE TABLE drop row filters and
	// masks, which it is documented to keep.
	PoliciesLostOnReplace bool
	// NewRowsNoConflict lets MERGEs that insert rows conflict only where the table is Serializable, or where they change a row
	// that exists.
	NewRowsNoConflict bool
	// LateCommit lets a statement continue, and commit, after its client has gone or cancelled it.
	LateCommit bool
	// NoSchemaEvolutionOfViews is a warehouse from before Databricks Runtime
	// 15.3, which does not know WITH SCHEMA.
	NoSchemaEvolutionOfViews bool
	// NoArrow lets results come in columns of Thrift, in which nested values are
	// JSON. In Arrow it is the client that prints them.
	NoArrow bool
}

// FaultKind says what goes wrong with a request.
type FaultKind int

// The kinds of Fault.
const (
	// Pass handles the request as usual, after Delay.
	Pass FaultKind = iota
	// Reject answers with Status and does not handle the request.
	Reject
	// FailAfter handles the request, then answers with Status.
	FailAfter
	// Drop closes the connection and does not handle the request.
	Drop
	// LoseResponse handles the request, then closes the connection.
	LoseResponse
)

// Fault is what a test does to one request.
type Fault struct {
	Kind FaultKind
	// Delay passes before anything else happens, or until the client goes.
	Delay time.Duration
	// Status, ErrorCode and Message are the answer of Reject and FailAfter; 0
	// means 500, and an empty code or message what goes with the status.
	Status             int
	ErrorCode, Message string
	// RetryAfter is sent in whole seconds, rounded up, if it is positive.
	RetryAfter time.Duration
	// Reset ends a dropped connection with a TCP reset, which the Databricks
	// SDK repeats; without it the client reads an unexpected end, which the SDK
	// does not repeat.
	Reset bool
}
