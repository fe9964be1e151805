// Package target decides what a source table becomes in the target's schema: its names, its columns by
// configuration, and the tables and views beside its log. It reports what blocks them: another table,
// an object that this pipeline did not make, or options that do not fit. It must not know the order of
// a run.
package target

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/control"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
)

// Names are the names that the configuration gives to source tables.
type Names struct{ Config *config.Config }

// Table is where a source table goes.
func (n Names) Table(table schema.TableName) databricks.Table {
	return n.InSchema(n.Config.TargetName(table))
}

// InSchema is the name of an object in the target's schema.
func (n Names) InSchema(name string) databricks.Table {
	d := n.Config.Destination
	return databricks.Table{Catalog: d.Catalog, Schema: d.Schema, Name: name}
}

// Control is the control table of the target's schema; nil if it is switched off.
func (n Names) Control() *databricks.Table {
	if !n.Config.Load.ControlTable {
		return nil
	}
	t := n.InSchema(control.Name)
	return &t
}

// View is where the view of a source table's current state goes.
func (n Names) View(table schema.TableName) databricks.Table {
	return n.InSchema(n.Config.Derived(table).CurrentName)
}

// RenameView describes how to give a view another name.
func RenameView(table schema.TableName) string {
	return fmt.Sprintf("give the view another name: current_name = \"…\" under [tables.%q] in the configuration", table.String())
}

// obstacle is a problem that keeps a table from the target.
func obstacle(table schema.TableName, what, why, remedy string) finding.Finding {
	return finding.Finding{
		Level: finding.Problem, Kind: failure.Source, Subject: table.String(), What: what, Why: why, Remedy: remedy,
	}
}

// obstacles are the problems that shape found.
func obstacles(table schema.TableName, problems []shape.Problem) (out []finding.Finding) {
	for _, p := range problems {
		out = append(out, obstacle(table, p.What, p.Why, p.Remedy))
	}
	return out
}

// Obstacles are what keeps a published relation from the target: names that Unity Catalog does not
// accept, and options that do not fit its columns.
func (n Names) Obstacles(r *postgres.Relation) []finding.Finding {
	var out []finding.Finding
	target := n.Table(r.Name)
	rename := fmt.Sprintf("give it another name: name = \"…\" under [tables.%q] in the configuration, or leave it out with source.exclude",
		r.Name.String())
	if !databricks.IsName(target.Name) {
		out = append(out, obstacle(r.Name, fmt.Sprintf("it would become %q, which is not a name that Unity Catalog accepts", target.Name),
			"a name has at most 255 characters", rename))
	}
	if schema.HoldsVariable(target.String()) {
		out = append(out, obstacle(r.Name, fmt.Sprintf("it would become %q, and that name holds ${…}", target.Name),
			"Databricks may replace it by a variable's value in every statement", rename))
	}
	for _, c := range n.claims(r.Name) {
		if c.firm && n.Control() != nil && schema.FoldCase(c.name) == control.Name {
			out = append(out, obstacle(r.Name, fmt.Sprintf("%s would be named %s, which is the control table", c.of(r.Name), n.Control().Display()),
				"loads write one row for each load and table there", fmt.Sprintf("give it another name: %s = \"…\" under [tables.%q], "+
					"or set load.control_table = false", c.use.option(), r.Name.String())))
		}
	}
	out = append(out, obstacles(r.Name, n.Misshaped(r))...)
	out = append(out, n.unnameable(r.Name)...)
	return append(out, obstacles(r.Name, slices.DeleteFunc(n.derivedProblems(r), isMistake))...)
}

func isMistake(p shape.Problem) bool { return p.Mistake != shape.NoMistake }

// Misshaped reports what is wrong with the configured options for the relation. It leaves out
// mistakes, which are reported once for the whole run.
func (n Names) Misshaped(r *postgres.Relation) []shape.Problem {
	return slices.DeleteFunc(n.shapeProblems(r), isMistake)
}

// ForDropped are the options for columns that the source dropped after the table was loaded. t is the
// table in the ledger. Changes go on. A full load would forget these columns, so it does not begin.
func (n Names) ForDropped(r *postgres.Relation, t *ledger.TableState) []finding.Finding {
	var out []finding.Finding
	remedy := "remove the option from the configuration; "
	if t != nil && t.Snapshot != nil {
		renamed := stage.RenamedTo(t.Snapshot, r.Columns)
		for _, name := range slices.Sorted(maps.Keys(renamed)) {
			remedy = fmt.Sprintf("column %q is called %q now: give the option to that, or ", name, renamed[name]) + remedy
		}
	}
	for _, problem := range slices.Concat(n.shapeProblems(r), n.derivedProblems(r)) {
		if problem.Mistake == shape.NoColumn {
			out = append(out, obstacle(r.Name, problem.What, problem.Why, remedy+problem.Remedy))
		}
	}
	return out
}

func (n Names) shapeProblems(r *postgres.Relation) []shape.Problem {
	now := ledger.Done{Columns: r.PublishedColumns(), PrimaryKey: r.PrimaryKey, Identity: r.Identity}
	return n.Config.Shape.Of(r.Name).Check(now.Columns, now.Key())
}

func (n Names) derivedProblems(r *postgres.Relation) []shape.Problem {
	now := ledger.Done{Columns: r.PublishedColumns(), PrimaryKey: r.PrimaryKey, Identity: r.Identity}
	return n.Config.CheckDerived(config.DerivedSource{Table: r.Name, Columns: now.Columns, Key: now.Key(), Nullable: r.Nullable})
}
