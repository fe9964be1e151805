package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// CurrentKind is how a table's current state is kept.
type CurrentKind string

// The kinds.
const (
	CurrentNone  CurrentKind = "none"  // by no load; `ingest views` makes a view
	CurrentView  CurrentKind = "view"  // as a view, which folds the log at each read
	CurrentTable CurrentKind = "table" // as a table, into which each load merges its changes
)

// Deletes is what happens to a row that the source deleted.
type Deletes string

// The values of Deletes.
const (
	DeletesSoft Deletes = "soft" // it stays, marked as deleted
	DeletesHard Deletes = "hard" // it is not shown
)

// Derived is what is kept beside a table's log. A name is the name of the view that people read;
// DataName returns the name of the table below it. A name may still be longer than Unity Catalog
// accepts.
type Derived struct {
	Current        CurrentKind
	CurrentName    string
	History        bool
	HistoryName    string
	HistoryExcept  []string // source names of columns; a change of only these begins no period
	Deletes        Deletes
	Key            []string // the configured key; use KeyOf
	ChangeDataFeed bool
}

// Kept reports whether loads keep a table beside the log.
func (d Derived) Kept() bool { return d.Current == CurrentTable || d.History }

// KeyOf is the key that identifies a row: own, the key in Postgres, else the configured one.
func (d Derived) KeyOf(own []string) []string {
	if len(own) > 0 {
		return own
	}
	return d.Key
}

// DataName is the name of the table below a view that people read.
func DataName(view string) string { return view + "_data" }

// DerivedOptions are a section's options for what is kept beside the log. Zero values are left to less
// specific sections.
type DerivedOptions struct {
	Current        CurrentKind
	CurrentName    DerivedName
	History        *bool
	HistoryName    DerivedName
	HistoryExcept  []string // not nil if the section sets it
	Deletes        Deletes
	Key            []string // not nil if the section sets it
	ChangeDataFeed *bool
}

// DerivedSection holds the DerivedOptions for the tables that match a name or a pattern.
type DerivedSection struct {
	Label   string                      // as shape.Section has it
	Exact   bool                        // it names a table, without a wildcard
	Matches func(schema.TableName) bool `json:"-"`
	DerivedOptions
}

// Derived returns what is kept beside a table's log. The most specific section with an option decides
// that option.
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

// decides returns the most specific section of a table with an option; nil if that is [load] itself.
func (c *Config) decides(table schema.TableName, has func(DerivedOptions) bool) *DerivedSection {
	for _, s := range slices.Backward(c.DerivedSections) {
		if s.Matches(table) && has(s.DerivedOptions) {
			return &s
		}
	}
	return nil
}

// DerivedName builds the name of what is kept beside a log. {log} is the log's own name. {table} and
// {schema} are the source's, as in table_name.
type DerivedName string

const placeOfLog = "{log}"

// parseDerivedName reads a DerivedName. A section of one table may use a name without a placeholder.
func parseDerivedName(s string, exact bool) (DerivedName, error) {
	log := strings.Contains(s, placeOfLog)
	switch table := strings.Contains(s, "{table}"); {
	case log && (table || strings.Contains(s, "{schema}")):
		return "", fmt.Errorf("want either {log}, or {table} and {schema}, in %s", shown(s))
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

// name is the name for a table whose log is called log.
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

// checkColumnList accepts columns of the source, each once.
func checkColumnList(columns []string) error {
	for i, c := range columns {
		if err := checkPostgresName(c); err != nil {
			return err
		}
		if slices.Contains(columns[:i], c) {
			return fmt.Errorf("want each column once: %s is listed twice", shown(c))
		}
	}
	return nil
}
