package target

import (
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// use is the purpose of a name in the target's schema.
type use int

// The uses. People read the views; the tables below them hold the data.
const (
	useLog use = iota
	useCurrent
	useCurrentData
	useHistory
	useHistoryData
)

// option is the option that sets the name.
func (u use) option() string {
	switch u {
	case useLog:
		return "name"
	case useCurrent, useCurrentData:
		return "current_name"
	default:
		return "history_name"
	}
}

// claim is a name that a source table needs.
type claim struct {
	table schema.TableName
	use   use
	name  string
	firm  bool // loads need it; otherwise `ingest views` does
}

// view reports that the name is a view's, not a table's.
func (c claim) view() bool { return c.use == useCurrent || c.use == useHistory }

// of describes a claim, of its own table or of another one.
func (c claim) of(table schema.TableName) string {
	if c.use == useLog && c.table != table {
		return "table " + c.table.String()
	}
	of := func(what string) string {
		if c.table == table {
			return "its " + what
		}
		return "the " + what + " of table " + c.table.String()
	}
	switch c.use {
	case useCurrent:
		return of("current state")
	case useCurrentData:
		return "the data of " + of("current state")
	case useHistory:
		return of("history")
	case useHistoryData:
		return "the data of " + of("history")
	default:
		return of("log")
	}
}

// claims lists the names that a table needs, the log's first.
func (n Names) claims(table schema.TableName) []claim {
	d := n.Config.Derived(table)
	out := []claim{
		{table, useLog, n.Config.TargetName(table), true},
		{table, useCurrent, d.CurrentName, d.Current != config.CurrentNone},
	}
	if d.Current == config.CurrentTable {
		out = append(out, claim{table, useCurrentData, config.DataName(d.CurrentName), true})
	}
	if d.History {
		out = append(out, claim{table, useHistory, d.HistoryName, true}, claim{table, useHistoryData, config.DataName(d.HistoryName), true})
	}
	return out
}

// keptNames lists the names that loads need beside the log.
func (n Names) keptNames(table schema.TableName) []claim {
	return slices.DeleteFunc(n.claims(table), func(c claim) bool { return c.use == useLog || !c.firm })
}

// Claims are the names that tables need. It compares names as Unity Catalog does.
type Claims struct {
	names  Names
	state  *ledger.State
	byName map[string][]claim
	staged map[schema.TableName]bool // tables of the ledger
}

// Claims starts with the tables of the ledger, so that no table takes the place of one that an earlier
// run loaded.
func (n Names) Claims(state *ledger.State) *Claims {
	t := &Claims{names: n, state: state, byName: map[string][]claim{}, staged: map[schema.TableName]bool{}}
	for _, table := range state.Sorted() {
		if state.Current(table) || state.Pending(table.Table) {
			t.Take(table.Table)
			t.staged[table.Table] = true
		}
	}
	return t
}

// Collision is a name with two claims, one of them by the table that was taken.
type Collision struct{ mine, other claim }

// logs reports that two tables would have the same log.
func (c Collision) logs() bool { return c.mine.use == useLog && c.other.use == useLog }

// Take notes what a table needs, and returns the collisions. If two tables would have the same log,
// the first one keeps it.
func (t *Claims) Take(table schema.TableName) []Collision {
	var out []Collision
	for _, mine := range t.names.claims(table) {
		name := schema.FoldCase(mine.name)
		noted := false
		for _, other := range t.byName[name] {
			switch {
			case other.table == table && other.use == mine.use:
				noted = true
			case mine.firm && other.firm && (other.table != table || other.use < mine.use):
				out = append(out, Collision{mine, other})
				noted = noted || mine.use == useLog && other.use == useLog
			}
		}
		if !noted {
			t.byName[name] = append(t.byName[name], mine)
		}
	}
	// If two tables share a log name, what is beside the log collides with it.
	return slices.DeleteFunc(out, func(c Collision) bool {
		return !c.logs() && slices.ContainsFunc(out, func(o Collision) bool { return o.logs() && o.other.table == c.other.table })
	})
}

// formerly reports that a relation was loaded as other and then renamed to a name of the same target:
// its changes go on into that table.
func (t *Claims) formerly(r *postgres.Relation, other schema.TableName) bool {
	s := t.state.Tables[other]
	return t.state.Current(s) && s.Snapshot.OID == r.OID
}

// GoesOn reports that the relation collides with the table that it was loaded as. It was renamed to a
// name of the same target, and its changes go on there.
func (t *Claims) GoesOn(c Collision, r *postgres.Relation) (former schema.TableName, yes bool) {
	return c.other.table, c.logs() && t.formerly(r, c.other.table)
}

// viewTaken returns what else has the name that the view of a table would have.
func (t *Claims) viewTaken(table schema.TableName) (other claim, taken bool) {
	for _, c := range t.byName[schema.FoldCase(t.names.View(table).Name)] {
		if c.table != table || c.use != useCurrent {
			return c, true
		}
	}
	return other, false
}

// remedy describes how to give the colliding objects their own names.
func (t *Claims) remedy(c Collision) string {
	if c.logs() {
		return t.remedyOfLogs(c.other.table, c.mine.table)
	}
	derived := c.mine
	if derived.use == useLog {
		derived = c.other
	}
	option := derived.use.option()
	out := fmt.Sprintf("give it another name: %s = \"…\" under [tables.%q] in the configuration", option, derived.table.String())
	switch {
	case c.mine.table == c.other.table && c.other.use == useLog:
		out += fmt.Sprintf(", or set load.table_name = %q to give the log another one", "{table}_log")
	case c.mine.table.Schema != c.other.table.Schema && c.mine.use == c.other.use:
		out += fmt.Sprintf(", or set load.%s = %q", option,
			"{schema}_{table}_"+map[string]string{"current_name": "current", "history_name": "history"}[option])
	}
	return out
}

// remedyOfLogs describes how to give two tables their own targets.
func (t *Claims) remedyOfLogs(one, other schema.TableName) string {
	out := fmt.Sprintf("name = \"…\" under [tables.%q] in the configuration", other.String())
	for _, pattern := range []config.NamePattern{"{schema}_{table}", "{schema}__{table}"} {
		if !t.staged[one] && schema.FoldCase(pattern.Name(one)) != schema.FoldCase(pattern.Name(other)) {
			return fmt.Sprintf("set load.table_name = %q, or %s, or leave one of them out with source.exclude", pattern, out)
		}
	}
	if t.staged[one] {
		return fmt.Sprintf("%s was loaded before: give the other another name (%s), or leave it out with source.exclude", one, out)
	}
	return fmt.Sprintf("give one of them another name (%s), or leave it out with source.exclude", out)
}

// what describes the colliding object of the relation's own table.
func (t *Claims) what(c Collision) string {
	table := c.mine.table
	return fmt.Sprintf("%s would be named %s, as %s is", c.mine.of(table), t.names.InSchema(c.mine.name).Display(), c.other.of(table))
}

// Refusal is the error for a table that cannot have its names.
func (t *Claims) Refusal(c Collision) error {
	if c.logs() {
		return failure.New(failure.Usage, "tables %s and %s would both become %s", c.other.table, c.mine.table,
			t.names.InSchema(c.mine.name).Display()).
			WithHint("%s", t.remedy(c))
	}
	return failure.New(failure.Usage, "table %s: %s", c.mine.table, t.what(c)).WithHint("%s", t.remedy(c))
}
