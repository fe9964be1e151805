package config

import (
	"log/slog"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Config is the whole configuration, validated. Its secrets print as a word that reveals nothing, and
// the source's URL prints without its password.
type Config struct {
	Pipeline    string // names the ledger's directory, the slot and the locks
	Source      Source
	Destination Destination
	Staging     Staging
	Load        Load
	Prune       Prune
	Mask        Mask
	Metrics     Metrics
	Notify      Notify
	// Shape is what becomes of tables and columns: the sections [tables.…], load.naming and load.json.
	// The code that reads the mask's key sets its Key.
	Shape shape.Rules
	// DerivedSections define what is kept beside the logs of tables, by name or pattern, the least
	// specific first.
	DerivedSections []DerivedSection

	// Names and ColumnNames are the names that must match something in the source.
	Names       []Name
	ColumnNames []ColumnName

	// File is the file that was read; empty if there was none.
	File string
	// Warnings are sentences about the environment that stop nothing, such as a variable that looks
	// like one of ours but is not.
	Warnings []string
}

// Source defines where the rows come from and how they are read.
type Source struct {
	URL         URL    // empty: URLSecret, else the PG* variables
	URLSecret   string // "scope/key" of a Databricks secret with the URL; never set together with URL
	PGVariables bool   // PG* variables name a server, so an empty URL can be connected to
	// PasswordCommand is a program with its arguments that prints the password of each new session;
	// empty: none.
	PasswordCommand []string
	SSH             SSH
	Schemas         []string // whose tables are taken, and those of a pattern without a schema
	Tables          []Pattern
	Exclude         []Pattern
	Changes         Changes
	Slot            string // empty: derived from the pipeline
	Publication     string // empty: derived from the pipeline
	Standby         string // host, or host:port, of the standby that changes are read from; empty: none
	Failover        bool   // make a slot that standbys keep too (PostgreSQL 17 and later)
	Jobs            int    // tables and ranges of tables read at the same time; 0: automatic

	LockTimeout            time.Duration // how long a snapshot waits for its table's lock
	Heartbeat              time.Duration // how often a following run writes a message to the WAL; 0: never
	PeekMaxWAL             Bytes         // maximum WAL that one call makes the server decode
	LogicalDecodingWorkMem Bytes         // memory for decoding before the server spills to disk
}

// Changes is how the changes after a snapshot are read.
type Changes string

// The values of Changes.
const (
	ChangesReplication Changes = "replication" // through a slot and publications
	ChangesNone        Changes = "none"        // not at all: each full load replaces the one before
)

// SSH is a server that all sessions go through.
type SSH struct {
	Host           string // host, or host:port; empty: none
	User           string
	IdentityFile   string // private key; empty: IdentitySecret, else the agent's
	IdentitySecret string // "scope/key" of a Databricks secret with the private key; never set together with IdentityFile
	KnownHosts     string // file with the server's key; empty: ~/.ssh/known_hosts
}

// Destination defines where the tables go.
type Destination struct {
	Catalog   string
	Schema    string
	Volume    string
	Warehouse string // id, name or HTTP path; empty: the only one
	Local     string // directory of a local workspace that replaces Databricks; empty: Databricks
	Host      string // empty: the SDK's own sign-in finds it; always empty with Local
	Profile   string // of ~/.databrickscfg; empty: the SDK's default

	RequestsPerSecond int
}

// Staging limits what is kept before it is uploaded, and defines where an entry of the ledger ends.
type Staging struct {
	Spool         string // directory; empty: the system's temporary directory
	Memory        Bytes  // for rows that are not yet in a segment
	SegmentBytes  Bytes
	EntryBytes    Bytes
	EntryRows     int
	EntryInterval time.Duration // when following
	IdleAdvance   Bytes         // WAL of other tables after which the position advances by itself
}

// Load defines how tables are loaded.
type Load struct {
	Interval  time.Duration // when following
	Jobs      int
	TableName NamePattern
	// ColumnComments copies the comments of columns at a full load.
	ColumnComments bool
	// ControlTable keeps the table _ingest_loads: one row for each load and table.
	ControlTable bool
	Reload       Reload

	// What is kept beside the logs, unless DerivedSections override it. Derived returns it for a
	// table.
	Current        CurrentKind
	CurrentName    DerivedName
	Deletes        Deletes
	History        bool
	HistoryName    DerivedName
	HistoryExcept  []string
	Key            []string
	ChangeDataFeed bool
}

// Reload is what happens to tables that need a full load.
type Reload string

// The values of Reload.
const (
	ReloadReport Reload = "report" // cdc reports them, and full-load loads them
	ReloadAuto   Reload = "auto"   // cdc loads them, too
)

// Metrics defines where a following run is watched.
type Metrics struct {
	Listen string // host:port of the HTTP server; empty: none
}

// Prune defines what is removed from the volume.
type Prune struct {
	Retention time.Duration // files that are younger stay, whatever they are
}

// MinRetention is longer than any request takes. A run's last request may still name a file that the
// run uploaded just before it was cut off.
const MinRetention = time.Hour

// Mask is the key of HMAC masks.
type Mask struct {
	Key       Secret // empty: KeySecret, else there is none
	KeySecret string // "scope/key" of a Databricks secret with the key; never set together with Key
}

// Notify defines where failed runs are reported.
type Notify struct {
	WebhookURL Secret // receives a POST; empty: none
}

// TargetName is the name of the target table of a table.
func (c *Config) TargetName(table schema.TableName) string {
	return c.Shape.Of(table).TargetName(c.Load.TableName.Name(table))
}

// Replicates reports whether changes are read. Without them a pipeline has neither slot nor
// publications.
func (s Source) Replicates() bool { return s.Changes != ChangesNone }

// Selects reports whether a table is to be moved: tables (all of Schemas, if it is empty) without
// Exclude. A pattern without a schema applies to Schemas.
func (s Source) Selects(table schema.TableName) bool {
	listed := false
	for _, name := range s.Schemas {
		listed = listed || name == table.Schema
	}
	chosen := len(s.Tables) == 0 && listed
	for _, p := range s.Tables {
		chosen = chosen || p.Match(table) && (p.qualified || listed)
	}
	for _, p := range s.Exclude {
		chosen = chosen && !p.Match(table)
	}
	return chosen
}

// NeedSource returns a usage error unless the configuration names a server. Sessions through an SSH server
// also need a user.
func (c *Config) NeedSource() error {
	switch ssh := c.Source.SSH; {
	case c.Source.Standby != "" && !c.Source.Replicates():
		return failure.New(failure.Usage, "source.standby is set, and source.changes is \"none\": there are no changes to read from a standby").
			WithHint("to load snapshots from the standby, set source.url to its address and remove source.standby")
	case ssh.Host != "" && ssh.User == "":
		return failure.New(failure.Usage, "source.ssh_host is set, but source.ssh_user is not").
			WithHint("set ssh_user under [source] in %s, or export INGEST_SOURCE_SSH_USER", DefaultFile)
	case ssh.Host == "" && ssh != (SSH{}):
		return failure.New(failure.Usage, "source.ssh_host is not set, but other keys of the SSH server are").
			WithHint("set ssh_host under [source] in %s, or export INGEST_SOURCE_SSH_HOST; without a tunnel, remove the keys that begin with ssh_",
				DefaultFile)
	}
	if c.Source.URL != "" || c.Source.URLSecret != "" || c.Source.PGVariables {
		return nil
	}
	return failure.New(failure.Usage, "no source is configured").
		WithHint("export INGEST_SOURCE_URL='postgres://user@host:5432/database', or PGHOST and the other PG variables, "+
			"or set url or url_secret under [source] in %s", DefaultFile)
}

// NeedDestination returns a usage error unless the configuration names a catalog.
func (c *Config) NeedDestination() error {
	if c.Destination.Catalog != "" {
		return nil
	}
	return failure.New(failure.Usage, "no catalog is configured").
		WithHint("pass --catalog NAME, or export INGEST_CATALOG=NAME, or set catalog under [destination] in %s", DefaultFile)
}

// String lists every key with its value, one per line. The URL is without its password.
func (c *Config) String() string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.name + " = " + k.literal(c) + "\n")
	}
	return b.String()
}

// LogValue is String for slog, one attribute per key.
func (c *Config) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(keys))
	for _, k := range keys {
		attrs = append(attrs, slog.String(k.name, k.literal(c)))
	}
	return slog.GroupValue(attrs...)
}
