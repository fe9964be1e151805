package replicate

import (
	"fmt"
	"slices"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/shape"
)

// unnameable are the names beside a table's log that Unity Catalog does not take.
func (p *Pipeline) unnameable(table schema.TableName) []obstacle {
	var out []obstacle
	for _, c := range p.keptNames(table) {
		remedy := fmt.Sprintf("give it another name: %s = \"…\" under [tables.%q] in the configuration", c.use.option(), table.String())
		what := fmt.Sprintf("%s would be named %q", c.of(table), c.name)
		switch {
		case schema.HoldsVariable(p.inSchema(c.name).String()):
			out = append(out, obstacle{what + ", and that name holds ${…}", "Databricks may put a variable's value in its place in every statement", remedy, false})
		case !databricks.IsName(c.name):
			out = append(out, obstacle{what + ", which is not a name that Unity Catalog takes", "a name has at most 255 characters", remedy, false})
		}
	}
	return out
}

// underivable is what keeps the tables beside a relation's log from being what the
// configuration asks for.
func (p *Pipeline) underivable(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) []obstacle {
	out := p.unnameable(r.Name)
	for _, problem := range p.derivedProblems(r, pubs) {
		if problem.Mistake == shape.NoMistake {
			out = append(out, obstacle{problem.What, problem.Why, problem.Remedy, false})
		}
	}
	return out
}

func (p *Pipeline) derivedProblems(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) []shape.Problem {
	as := *r
	as.Published = postgres.PublishedBy(p.pubs, pubs, r.OID)
	now := ledger.Done{Columns: as.PublishedColumns(), PrimaryKey: r.PrimaryKey, Identity: r.Identity}
	return p.config.CheckDerived(config.DerivedSource{Table: r.Name, Columns: now.Columns, Key: now.Key(), Nullable: r.Nullable})
}

// kept lists the names of what loads keep beside a table's log. It is an error if
// the configuration asks for what the table, as its newest snapshot has it, cannot
// have. An exception for a column that is not there is no reason: it may have been
// dropped since, or come with the next change.
func (p *Pipeline) kept(t *ledger.TableState) ([]databricks.Table, error) {
	var names []databricks.Table
	for _, c := range p.keptNames(t.Table) {
		names = append(names, p.inSchema(c.name))
	}
	if t.Snapshot == nil {
		return names, nil
	}
	for _, o := range p.unnameable(t.Table) {
		return names, refusalOf(t.Table, o.what, o.remedy)
	}
	source := config.DerivedSource{Table: t.Table, Columns: t.Snapshot.Columns, Key: t.Snapshot.Key()}
	keyIsThere := !slices.ContainsFunc(p.config.Derived(t.Table).KeyOf(source.Key), func(column string) bool {
		return !slices.ContainsFunc(source.Columns, func(c schema.Column) bool { return c.Name == column })
	})
	for _, problem := range p.config.CheckDerived(source) {
		if problem.Mistake == shape.NoMistake || !keyIsThere {
			return names, refusalOf(t.Table, problem.What, problem.Remedy)
		}
	}
	return names, nil
}

func refusalOf(table schema.TableName, what, remedy string) error {
	return failure.New(failure.Tables, "table %s: %s", table, what).WithHint("%s", remedy)
}
