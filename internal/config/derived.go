package config

import (
	"fmt"
	"slices"
	"strings"

	"ingest/internal/schema"
	"ingest/internal/shape"
)

// CurrentKind says how a table's current state is kept.
type CurrentKind string

// The kinds.
const (
	CurrentNone  CurrentKind = "none"  // by no load; `ingest views` makes a view
	CurrentView  CurrentKind = "view"  // as a view, which folds the log at each read
	CurrentTable CurrentKind = "table" // as a table, into which each load merges its changes
)

// Deletes says what becomes of a row that the source deleted.
type Deletes string

// What becomes of it.
const (
	DeletesSoft Deletes = "soft" // it stays, marked as deleted
	DeletesHard Deletes = "hard" // it is not shown
)

// Derived says what is kept beside a table's log. A name is that of the view
// that people read; DataName gives the table below it. A name may still be
// longer than Unity Catalog takes.
type Derived struct {
	Current        CurrentKind
	CurrentName    string
	History        bool
	HistoryName    string
	HistoryExcept  []string // columns, as the source names them, whose change alone begins no period
	Deletes        Deletes
	Key            []string // that the configuration gives; use KeyOf
	ChangeDataFeed bool
}

// Kept says whether loads keep a table beside the log.
func (d Derived) Kept() bool { return d.Current == CurrentTable || d.History }

// KeyOf is the key that identifies a row: own, the one that Postgres names,
// else the configured one.
func (d Derived) KeyOf(own []string) []string {
	if len(own) > 0 {
		return own
	}
	return d.Key
}

// DataName is the name of the table below a view that people read.
func DataName(view string) string { return view + "_data" }

// DerivedOptions are what a section says of what is kept beside the log. What is
// zero is left to less specific sections.
type DerivedOptions struct {
	Current        CurrentKind
	CurrentName    DerivedName
	History        *bool
	HistoryName    DerivedName
	HistoryExcept  []string // not nil, if the section says it
	Deletes        Deletes
	Key            []string // not nil, if the section says it
	ChangeDataFeed *bool
}

// DerivedSection is the DerivedOptions of the tables that a name or a pattern
// stands for.
type DerivedSection struct {
	Label   string                      // as shape.Section has it
	Exact   bool                        // it names a table, without a wildcard
	Matches func(schema.TableName) bool `json:"-"`
	DerivedOptions
}

// Derived gives what is kept beside a table's log. The most specific section that
// has an option decides it.
func (c *Config) Derived(table schema.TableName) Derived {
	l := c.Load
	d := Derived{
		Current: l.Current, History: l.History, HistoryExcept: l.HistoryExcept, Deletes: l.Deletes, Key: l.Key, ChangeDataFeed: l.ChangeDataFeed,
	}
	current, history := l.CurrentName, l.HistoryName
	for _, s := range c.DerivedSections {
		if !s.Matches(table) {
			continue
		}
		override(&d.Current, s.Current)
		override(&d.Deletes, s.Deletes)
		override(&current, s.CurrentName)
		override(&history, s.HistoryName)
		if s.History != nil {
			d.History = *s.History
		}
		if s.ChangeDataFeed != nil {
			d.ChangeDataFeed = *s.ChangeDataFeed
		}
		if s.HistoryExcept != nil {
			d.HistoryExcept = s.HistoryExcept
		}
		if s.Key != nil {
			d.Key = s.Key
		}
	}
	of, log := c.Shape.Of(table), c.TargetName(table)
	d.CurrentName, d.HistoryName = current.name(table, log, of.Naming), history.name(table, log, of.Naming)
	return d
}

func override[T ~string](to *T, value T) {
	if value != "" {
		*to = value
	}
}

// decides is the most specific section of a table that has an option; nil if
// that is [load] itself.
func (c *Config) decides(table schema.TableName, has func(DerivedOptions) bool) *DerivedSection {
	for _, s := range slices.Backward(c.DerivedSections) {
		if s.Matches(table) && has(s.DerivedOptions) {
			return &s
		}
	}
	return nil
}

// DerivedName makes the name of what is kept beside a log: {log} is the log's own
// name, {table} and {schema} are the source's, as in table_name.
type DerivedName string

const placeOfLog = "{log}"

// parseDerivedName reads one. A section of one table may give a name without a
// place in it.
func parseDerivedName(s string, exact bool) (DerivedName, error) {
	log := strings.Contains(s, placeOfLog)
	switch table := strings.Contains(s, "{table}"); {
	case log && (table || strings.Contains(s, "{schema}")):
		return "", fmt.Errorf("want {log}, or {table} and {schema}, and not both, in %s", shown(s))
	case exact && !strings.ContainsAny(s, "{}"):
		return DerivedName(s), checkObjectName(s)
	case !log && !table:
		return "", fmt.Errorf(`want {table} or {log} in it, as in "{table}_current", not %s: tables would share one name`, shown(s))
	}
	rest := strings.NewReplacer("{table}", "", "{schema}", "", placeOfLog, "").Replace(s)
	if strings.ContainsAny(rest, "{}") {
		return "", fmt.Errorf("want no other braces than {table}, {schema} and {log}, not %s", shown(s))
	}
	if rest == "" {
		return DerivedName(s), nil
	}
	return DerivedName(s), checkObjectName(rest)
}

// name is the name for a table, whose log is called log.
func (n DerivedName) name(table schema.TableName, log string, naming shape.Naming) string {
	switch {
	case strings.Contains(string(n), placeOfLog):
		return strings.ReplaceAll(string(n), placeOfLog, log)
	case !strings.Contains(string(n), "{table}"):
		return string(n)
	case naming == shape.NamingSnake:
		return shape.SnakeCase(NamePattern(n).Name(table))
	}
	return NamePattern(n).Name(table)
}

// checkColumnList takes columns of the source, each once.
func checkColumnList(columns []string) error {
	for i, c := range columns {
		if err := checkPostgresName(c); err != nil {
			return err
		}
		if slices.Contains(columns[:i], c) {
			return fmt.Errorf("want each column once: %s is there twice", shown(c))
		}
	}
	return nil
}
