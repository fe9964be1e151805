package replicate

import (
	"fmt"
	"slices"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// use is what a source table needs a name in the target's schema for.
type use int

// The uses. People read the views; what is kept is in the tables below them.
const (
	useLog use = iota
	useCurrent
	useCurrentData
	useHistory
	useHistoryData
)

// option is the option that names it.
func (u use) option() string {
	switch u {
	case useLog:
		return "name"
	case useCurrent, useCurrentData:
		return "current_name"
	}
	return "history_name"
}

// claim is a name that a source table needs.
type claim struct {
	table schema.TableName
	use   use
	name  string
	firm  bool // loads need it; else `ingest views` does
}

// view says that the name is a view's, else a table's.
func (c claim) view() bool { return c.use == useCurrent || c.use == useHistory }

// of says what a claim is for, of its own table or as another one's.
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
	}
	return of("log")
}

// claims lists the names that a table needs, the log's first.
func (p *Pipeline) claims(table schema.TableName) []claim {
	d := p.config.Derived(table)
	out := []claim{
		{table, useLog, p.config.TargetName(table), true},
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
func (p *Pipeline) keptNames(table schema.TableName) []claim {
	return slices.DeleteFunc(p.claims(table), func(c claim) bool { return c.use == useLog || !c.firm })
}

// targets are the claims by their names, as Unity Catalog tells names apart.
type targets struct {
	p      *Pipeline
	byName map[string][]claim
	staged map[schema.TableName]bool // of the ledger
}

// targets begins with the tables of the ledger, so that none takes the place of
// one that an earlier run loaded.
func (p *Pipeline) targets() *targets {
	t := &targets{p: p, byName: map[string][]claim{}, staged: map[schema.TableName]bool{}}
	state := p.ledger.State()
	for _, table := range state.Sorted() {
		if state.Current(table) || state.Pending(table.Table) {
			t.take(table.Table)
			t.staged[table.Table] = true
		}
	}
	return t
}

// collision is a name that two claims have, of which one is of the table that was
// taken.
type collision struct{ mine, other claim }

// logs says that two tables would have one log.
func (c collision) logs() bool { return c.mine.use == useLog && c.other.use == useLog }

// take notes what a table needs, and gives what others need too. Of two tables
// that would have one log, the first has it.
func (t *targets) take(table schema.TableName) []collision {
	var out []collision
	for _, mine := range t.p.claims(table) {
		name := schema.FoldCase(mine.name)
		noted := false
		for _, other := range t.byName[name] {
			switch {
			case other.table == table && other.use == mine.use:
				noted = true
			case mine.firm && other.firm && (other.table != table || other.use < mine.use):
				out = append(out, collision{mine, other})
				noted = noted || mine.use == useLog && other.use == useLog
			}
		}
		if !noted {
			t.byName[name] = append(t.byName[name], mine)
		}
	}
	// What is beside a log that two tables would have collides with it.
	return slices.DeleteFunc(out, func(c collision) bool {
		return !c.logs() && slices.ContainsFunc(out, func(o collision) bool { return o.logs() && o.other.table == c.other.table })
	})
}

// formerly says that a relation was loaded as other, and was renamed since to a
// name of the same target: its changes go on into that table.
func (t *targets) formerly(r *postgres.Relation, other schema.TableName) bool {
	state := t.p.ledger.State()
	s := state.Tables[other]
	return state.Current(s) && s.Snapshot.OID == r.OID
}

// viewTaken gives what else has the name that the view of a table would have.
func (t *targets) viewTaken(table schema.TableName) (other claim, taken bool) {
	for _, c := range t.byName[schema.FoldCase(t.p.viewOf(table).Name)] {
		if c.table != table || c.use != useCurrent {
			return c, true
		}
	}
	return other, false
}

// remedy says how what collides gets names of its own.
func (t *targets) remedy(c collision) string {
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
		out += fmt.Sprintf(", or set load.%s = %q", option, "{schema}_{table}_"+map[string]string{"current_name": "current", "history_name": "history"}[option])
	}
	return out
}

// remedyOfLogs says how two tables get targets of their own.
func (t *targets) remedyOfLogs(one, other schema.TableName) string {
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

// what says of its own table what collides.
func (t *targets) what(c collision) string {
	table := c.mine.table
	return fmt.Sprintf("%s would be named %s, as %s is", c.mine.of(table), t.p.inSchema(c.mine.name).Display(), c.other.of(table))
}

// refusal says as an error that a table cannot have its names.
func (t *targets) refusal(c collision) error {
	if c.logs() {
		return failure.New(failure.Usage, "tables %s and %s would both become %s", c.other.table, c.mine.table, t.p.inSchema(c.mine.name).Display()).
			WithHint("%s", t.remedy(c))
	}
	return failure.New(failure.Usage, "table %s: %s", c.mine.table, t.what(c)).WithHint("%s", t.remedy(c))
}

// inSchema is what has a name in the target's schema.
func (p *Pipeline) inSchema(name string) databricks.Table {
	d := p.config.Destination
	return databricks.Table{Catalog: d.Catalog, Schema: d.Schema, Name: name}
}

// viewOf is where the view of a source table's current state goes.
func (p *Pipeline) viewOf(table schema.TableName) databricks.Table {
	return p.inSchema(p.config.Derived(table).CurrentName)
}
