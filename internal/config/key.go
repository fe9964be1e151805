package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/shape"
)

// kind is which TOML values a key accepts.
type kind int

const (
	text     kind = iota // a string
	list                 // an array of strings; comma-separated elsewhere
	integer              // an integer
	size                 // a string with a unit, or an integer of bytes
	duration             // a string with a unit
	boolean              // true or false
)

// key is one key of the file: its name, how it is set and how it is shown. The table of keys is the
// only way into a Config.
type key struct {
	name     string   // section.key
	standard []string // standard variables of other tools, read after our own
	kind     kind
	// set sets one value, or any number of values if kind is list. Its error begins with what the
	// value must be and never repeats a secret.
	set func(c *Config, values []string) error
	// literal is the value as TOML.
	literal func(c *Config) string
	form    form // of the values that set accepts, as far as an editor can check it
	secret  bool // the value may contain a password; literal hides that part
}

// section is the part before the dot.
func (k key) section() string { s, _, _ := strings.Cut(k.name, "."); return s }

// leaf is the part after the dot.
func (k key) leaf() string { _, l, _ := strings.Cut(k.name, "."); return l }

// variable is the key's name in the environment. The package's doc has the rule.
func (k key) variable() string {
	parts := []string{"INGEST"}
	if k.section() != "destination" {
		parts = append(parts, k.section())
	}
	if k.leaf() != "name" {
		parts = append(parts, k.leaf())
	}
	return strings.ToUpper(strings.Join(parts, "_"))
}

// keys are all keys, in the order of the example.
var keys = []key{
	like(textKey("pipeline.name", func(c *Config) *string { return &c.Pipeline }, checkPipeline), pipelineName.String()),

	urlKey("source.url"),
	like(textKey("source.url_secret", func(c *Config) *string { return &c.Source.URLSecret }, checkSecretName), orEmpty(secretName)),
	{
		name: "source.password_command", kind: list, secret: true,
		set: func(c *Config, v []string) error {
			if len(v) > 0 && v[0] == "" {
				return errors.New(`want a program and its arguments, such as ["aws", "rds", "generate-db-auth-token", …]`)
			}
			c.Source.PasswordCommand = slices.Clone(v)
			return nil
		},
		literal: func(c *Config) string { // arguments may contain a password
			if len(c.Source.PasswordCommand) == 0 {
				return listLiteral(nil)
			}
			program, _, inOne := strings.Cut(c.Source.PasswordCommand[0], " ")
			if !inOne && len(c.Source.PasswordCommand) == 1 {
				return listLiteral([]string{program})
			}
			return listLiteral([]string{program, redacted})
		},
	},
	textKey("source.ssh_host", func(c *Config) *string { return &c.Source.SSH.Host }, checkSSHHost),
	textKey("source.ssh_user", func(c *Config) *string { return &c.Source.SSH.User }, checkPlain),
	textKey("source.ssh_identity_file", func(c *Config) *string { return &c.Source.SSH.IdentityFile }, checkPlain),
	like(textKey("source.ssh_identity_secret", func(c *Config) *string { return &c.Source.SSH.IdentitySecret }, checkSecretName),
		orEmpty(secretName)),
	textKey("source.ssh_known_hosts", func(c *Config) *string { return &c.Source.SSH.KnownHosts }, checkPlain),
	{
		name: "source.schemas", kind: list,
		set:     func(c *Config, v []string) error { return setSchemas(&c.Source.Schemas, v) },
		literal: func(c *Config) string { return listLiteral(c.Source.Schemas) },
	},
	patternsKey("source.tables", func(c *Config) *[]Pattern { return &c.Source.Tables }),
	patternsKey("source.exclude", func(c *Config) *[]Pattern { return &c.Source.Exclude }),
	choiceKey("source.changes", func(c *Config) *Changes { return &c.Source.Changes }, changesKinds),
	like(textKey("source.slot", func(c *Config) *string { return &c.Source.Slot }, checkSlot), orEmpty(slotName)),
	textKey("source.publication", func(c *Config) *string { return &c.Source.Publication }, checkPostgresName),
	textKey("source.standby", func(c *Config) *string { return &c.Source.Standby }, checkAddress),
	booleanKey("source.failover", func(c *Config) *bool { return &c.Source.Failover }),
	integerKey("source.jobs", func(c *Config) *int { return &c.Source.Jobs }, 0, 64),
	durationKey("source.lock_timeout", func(c *Config) *time.Duration { return &c.Source.LockTimeout }, time.Millisecond),
	durationKey("source.heartbeat", func(c *Config) *time.Duration { return &c.Source.Heartbeat }, 0),
	sizeKey("source.peek_max_wal", func(c *Config) *Bytes { return &c.Source.PeekMaxWAL }, 1<<20),
	sizeKey("source.logical_decoding_work_mem", func(c *Config) *Bytes { return &c.Source.LogicalDecodingWorkMem }, 64<<10),

	textKey("destination.catalog", func(c *Config) *string { return &c.Destination.Catalog }, checkObjectName),
	textKey("destination.schema", func(c *Config) *string { return &c.Destination.Schema }, checkObjectName),
	textKey("destination.volume", func(c *Config) *string { return &c.Destination.Volume }, checkObjectName),
	standard(textKey("destination.warehouse", func(c *Config) *string { return &c.Destination.Warehouse }, checkPlain),
		"DATABRICKS_WAREHOUSE_ID", "DATABRICKS_HTTP_PATH"),
	textKey("destination.local", func(c *Config) *string { return &c.Destination.Local }, checkPlain),
	standard(textKey("destination.host", func(c *Config) *string { return &c.Destination.Host }, checkHost),
		"DATABRICKS_HOST"),
	standard(textKey("destination.profile", func(c *Config) *string { return &c.Destination.Profile }, checkPlain),
		"DATABRICKS_CONFIG_PROFILE"),
	integerKey("destination.requests_per_second", func(c *Config) *int { return &c.Destination.RequestsPerSecond }, 1, 1000),

	textKey("staging.spool", func(c *Config) *string { return &c.Staging.Spool }, checkPlain),
	sizeKey("staging.memory", func(c *Config) *Bytes { return &c.Staging.Memory }, 1<<20),
	sizeKey("staging.segment_bytes", func(c *Config) *Bytes { return &c.Staging.SegmentBytes }, 1),
	sizeKey("staging.entry_bytes", func(c *Config) *Bytes { return &c.Staging.EntryBytes }, 1),
	integerKey("staging.entry_rows", func(c *Config) *int { return &c.Staging.EntryRows }, 1, math.MaxInt64),
	durationKey("staging.entry_interval", func(c *Config) *time.Duration { return &c.Staging.EntryInterval }, time.Millisecond),
	sizeKey("staging.idle_advance", func(c *Config) *Bytes { return &c.Staging.IdleAdvance }, 1),

	durationKey("load.interval", func(c *Config) *time.Duration { return &c.Load.Interval }, time.Millisecond),
	integerKey("load.jobs", func(c *Config) *int { return &c.Load.Jobs }, 1, 256),
	{
		name: "load.table_name", kind: text,
		set: func(c *Config, v []string) (err error) {
			c.Load.TableName, err = parseNamePattern(v[0])
			return err
		},
		literal: func(c *Config) string { return quote(string(c.Load.TableName)) },
	},
	booleanKey("load.column_comments", func(c *Config) *bool { return &c.Load.ColumnComments }),
	booleanKey("load.control_table", func(c *Config) *bool { return &c.Load.ControlTable }),
	choiceKey("load.reload", func(c *Config) *Reload { return &c.Load.Reload }, reloads),
	choiceKey("load.naming", func(c *Config) *shape.Naming { return &c.Shape.Naming }, namings),
	choiceKey("load.json", func(c *Config) *shape.JSON { return &c.Shape.JSON }, jsons),
	choiceKey("load.current", func(c *Config) *CurrentKind { return &c.Load.Current }, currents),
	derivedNameKey("load.current_name", func(c *Config) *DerivedName { return &c.Load.CurrentName }),
	choiceKey("load.deletes", func(c *Config) *Deletes { return &c.Load.Deletes }, deletesKinds),
	booleanKey("load.history", func(c *Config) *bool { return &c.Load.History }),
	derivedNameKey("load.history_name", func(c *Config) *DerivedName { return &c.Load.HistoryName }),
	columnsKey("load.history_except", func(c *Config) *[]string { return &c.Load.HistoryExcept }),
	columnsKey("load.key", func(c *Config) *[]string { return &c.Load.Key }),
	booleanKey("load.change_data_feed", func(c *Config) *bool { return &c.Load.ChangeDataFeed }),

	durationKey("prune.retention", func(c *Config) *time.Duration { return &c.Prune.Retention }, MinRetention),

	{
		name: "mask.key", kind: text, secret: true,
		set: func(c *Config, v []string) error {
			if v[0] != "" && len(v[0]) < shape.MinKeyBytes {
				return fmt.Errorf("want a key of %d bytes at least", shape.MinKeyBytes)
			}
			c.Mask.Key = Secret(v[0])
			return nil
		},
		literal: func(c *Config) string { return quote(c.Mask.Key.String()) },
	},
	like(textKey("mask.key_secret", func(c *Config) *string { return &c.Mask.KeySecret }, checkSecretName), orEmpty(secretName)),

	textKey("metrics.listen", func(c *Config) *string { return &c.Metrics.Listen }, checkListen),

	{
		name: "notify.webhook_url", kind: text, secret: true,
		set: func(c *Config, v []string) error {
			if v[0] != "" {
				if err := checkWebhook(v[0]); err != nil {
					return err
				}
			}
			c.Notify.WebhookURL = Secret(v[0])
			return nil
		},
		literal: func(c *Config) string { return quote(c.Notify.WebhookURL.String()) },
	},
}

var (
	namings = []shape.Naming{shape.NamingKeep, shape.NamingSnake}
	jsons   = []shape.JSON{shape.JSONString, shape.JSONVariant}
	reloads = []Reload{ReloadReport, ReloadAuto}

	changesKinds = []Changes{ChangesReplication, ChangesNone}
)

// Default is the configuration without any input.
func Default() *Config {
	return &Config{
		Pipeline: "default",
		Source: Source{
			Schemas:                []string{"public"},
			Changes:                ChangesReplication,
			LockTimeout:            10 * time.Second,
			PeekMaxWAL:             1e9,
			LogicalDecodingWorkMem: 256e6,
		},
		Destination: Destination{
			Schema:            "bronze",
			Volume:            "ingest",
			RequestsPerSecond: 100,
		},
		Staging: Staging{
			Memory:        256e6,
			SegmentBytes:  128e6,
			EntryBytes:    1e9,
			EntryRows:     10_000_000,
			EntryInterval: 30 * time.Second,
			IdleAdvance:   16e6,
		},
		Load: Load{
			Interval: time.Minute, Jobs: 8, TableName: "{table}", ControlTable: true, Reload: ReloadReport,
			Current: CurrentNone, CurrentName: "{log}_current", Deletes: DeletesSoft, HistoryName: "{log}_history",
		},
		Prune: Prune{Retention: 7 * 24 * time.Hour},
		Shape: shape.Rules{Naming: shape.NamingKeep, JSON: shape.JSONString},
	}
}

func standard(k key, variables ...string) key {
	k.standard = variables
	return k
}

// like adds the regular expression that texts for the key match.
func like(k key, expression string) key {
	k.form.pattern = expression
	return k
}

func textKey(name string, at func(*Config) *string, check func(string) error) key {
	return key{
		name: name, kind: text,
		set: func(c *Config, v []string) error {
			// For a key without another default, an empty text is the default.
			if v[0] != "" || *at(Default()) != "" {
				if err := check(v[0]); err != nil {
					return err
				}
			}
			*at(c) = v[0]
			return nil
		},
		literal: func(c *Config) string { return quote(*at(c)) },
	}
}

// choiceKey is a key with a few possible values.
func choiceKey[T ~string](name string, at func(*Config) *T, choices []T) key {
	return key{
		name: name, kind: text, form: form{choices: texts(choices)},
		set:     func(c *Config, v []string) (err error) { *at(c), err = choose(v[0], choices); return err },
		literal: func(c *Config) string { return quote(string(*at(c))) },
	}
}

// choose sets one of the choices.
func choose[T ~string](value string, choices []T) (T, error) {
	var quoted []string
	for _, c := range choices {
		if string(c) == value {
			return c, nil
		}
		quoted = append(quoted, quote(string(c)))
	}
	return "", fmt.Errorf("want %s, not %s", strings.Join(quoted, " or "), shown(value))
}

func urlKey(name string) key {
	return key{
		name: name, kind: text, secret: true,
		set: func(c *Config, v []string) (err error) {
			c.Source.URL = ""
			if v[0] != "" {
				c.Source.URL, err = ParseURL(v[0])
			}
			return err
		},
		literal: func(c *Config) string { return quote(c.Source.URL.String()) },
	}
}

func patternsKey(name string, at func(*Config) *[]Pattern) key {
	return key{
		name: name, kind: list,
		set: func(c *Config, v []string) error {
			patterns := make([]Pattern, len(v))
			for i, s := range v {
				var err error
				if patterns[i], err = ParsePattern(s); err != nil {
					return err
				}
			}
			*at(c) = patterns
			return nil
		},
		literal: func(c *Config) string {
			var texts []string
			for _, p := range *at(c) {
				texts = append(texts, p.String())
			}
			return listLiteral(texts)
		},
	}
}

func booleanKey(name string, at func(*Config) *bool) key {
	return key{
		name: name, kind: boolean,
		set: func(c *Config, v []string) error {
			on, err := strconv.ParseBool(v[0])
			if err != nil {
				return fmt.Errorf("want true or false, not %s", shown(v[0]))
			}
			*at(c) = on
			return nil
		},
		literal: func(c *Config) string { return strconv.FormatBool(*at(c)) },
	}
}

func integerKey(name string, at func(*Config) *int, least, most int) key {
	return key{
		name: name, kind: integer, form: form{least: &least, most: &most},
		set: func(c *Config, v []string) error {
			n, err := strconv.Atoi(v[0])
			switch {
			case errors.Is(err, strconv.ErrRange), err == nil && (n < least || n > most):
				return fmt.Errorf("want a whole number from %d to %d, not %s", least, most, strings.Trim(shown(v[0]), `"`))
			case err != nil:
				return fmt.Errorf("want a whole number, not %s", shown(v[0]))
			}
			*at(c) = n
			return nil
		},
		literal: func(c *Config) string { return strconv.Itoa(*at(c)) },
	}
}

func sizeKey(name string, at func(*Config) *Bytes, least Bytes) key {
	return key{
		name: name, kind: size,
		set: func(c *Config, v []string) error {
			n, err := ParseBytes(v[0])
			if err != nil {
				return err
			}
			if n < least {
				return fmt.Errorf("want at least %v, not %s", least, v[0])
			}
			*at(c) = n
			return nil
		},
		literal: func(c *Config) string { return quote(at(c).String()) },
	}
}

func durationKey(name string, at func(*Config) *time.Duration, least time.Duration) key {
	return key{
		name: name, kind: duration,
		set: func(c *Config, v []string) error {
			d, err := time.ParseDuration(v[0])
			if err != nil {
				return fmt.Errorf(`want a duration with its unit, such as "30s" or "5m", not %s`, shown(v[0]))
			}
			if d < least {
				return fmt.Errorf("want at least %v, not %s", least, v[0])
			}
			*at(c) = d
			return nil
		},
		literal: func(c *Config) string { return quote(durationText(*at(c))) },
	}
}

// durationText is d as a person would write it: 30s, 5m, not 5m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote is s as a TOML basic string. TOML and Go differ only in how they write control characters,
// which no value has.
func quote(s string) string { return strconv.Quote(s) }

func listLiteral(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
