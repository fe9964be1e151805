package target

import (
	"context"
	"fmt"
	"slices"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/finding"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/schema"
)

// Occupation is what keeps a target's name from a table: a view has it, or a
// table that is not this pipeline's.
type Occupation struct {
	Target databricks.Table
	What   string
	Remedy string
	Kind   failure.Kind
}

// Occupied looks at the targets in Unity Catalog, a listing for all of them,
// before anything is read: nothing that this pipeline did not make is replaced.
type Occupied struct {
	names     Names
	workspace *databricks.Workspace
	root      string // of the pipeline's files
	state     *ledger.State
	tables    map[string]*databricks.TableInfo // of the schema
	cache     *load.Cache                      // nil: not read yet
}

// List lists the tables of the target's schema. Where that may not be
// done, or there is no schema, nothing is known of them: the load says so.
func (n Names) List(ctx context.Context, workspace *databricks.Workspace, state *ledger.State, columns bool) (*Occupied, error) {
	d := n.Config.Destination
	o := &Occupied{names: n, workspace: workspace, root: workspace.Files().Root(), state: state}
	tables, err := workspace.Tables(ctx, d.Catalog, d.Schema, columns)
	if databricks.NotFound(err) || databricks.Denied(err) {
		return o, nil
	}
	o.tables = tables
	return o, err
}

// By says what has the name of a table's target, or one beside it; nil if nothing
// has that a full load would not replace. then is the command that goes on
// afterwards.
func (o *Occupied) By(ctx context.Context, table schema.TableName, then string) (*Occupation, error) {
	found, err := o.byLog(ctx, table, then)
	if found != nil || err != nil {
		return found, err
	}
	return o.beside(table, then), nil
}

// Confirm is By with the properties that the occupied target itself shows: Unity
// Catalog may know them late.
func (o *Occupied) Confirm(ctx context.Context, found *Occupation, table schema.TableName, then string) (*Occupation, error) {
	info := o.tables[schema.FoldCase(found.Target.Name)]
	var err error
	if info.Properties, err = load.ShownProperties(ctx, o.workspace.Warehouse(), found.Target); err != nil {
		return found, err
	}
	return o.By(ctx, table, then)
}

func (o *Occupied) byLog(ctx context.Context, table schema.TableName, then string) (*Occupation, error) {
	target := o.names.Table(table)
	info := o.tables[schema.FoldCase(target.Name)]
	if info == nil {
		return nil, nil
	}
	elsewhere := fmt.Sprintf("else give the table another name (name = \"…\" under [tables.%q]), or choose another schema (destination.schema)", table.String())
	if info.Kind != "" && info.Kind != "MANAGED" && info.Kind != "EXTERNAL" {
		remedy := elsewhere
		if info.Kind == "VIEW" {
			remedy = fmt.Sprintf("if the view may go: %s && %s; %s", load.DropViewCommand(target), then, elsewhere)
		}
		return &Occupation{target, fmt.Sprintf("%s is %s", target.Display(), kindOf(info.Kind)), remedy, failure.Destination}, nil
	}
	if ours, err := o.ours(ctx, table, info.Properties); ours || err != nil {
		return nil, err
	}
	return &Occupation{
		target, fmt.Sprintf("table %s is not this pipeline's: %s", target.Display(), load.Whose(info.Properties)),
		fmt.Sprintf("if it may go: %s && %s; %s", load.DropCommand(target), then, elsewhere), failure.Conflict,
	}, nil
}

// ours says whether this pipeline made a table, by what its properties say. One
// that lost them is known by loads/; one of a ledger that this pipeline lost is
// looked at elsewhere.
func (o *Occupied) ours(ctx context.Context, table schema.TableName, properties map[string]string) (bool, error) {
	state := o.state
	switch owner := properties[load.PropertyLedger]; {
	case owner != "" && owner == state.Ledger, properties[load.PropertyPipeline] == o.root:
		return true, nil
	case owner != "":
		return false, nil
	}
	if o.cache == nil {
		var err error
		if o.cache, err = load.ReadCache(ctx, o.workspace.Files(), state.Ledger); err != nil {
			return false, err
		}
	}
	return o.cache.Tables[table].Snapshot != 0, nil
}

// kindOf is how messages name what Unity Catalog calls a kind of table.
func kindOf(kind string) string {
	switch kind {
	case "VIEW":
		return "a view"
	case "MATERIALIZED_VIEW":
		return "a materialized view"
	case "STREAMING_TABLE":
		return "a streaming table"
	case "FOREIGN":
		return "a foreign table"
	}
	return "a " + kind
}

// Finding is the problem that a table's target is occupied.
func (o *Occupation) Finding(table schema.TableName) finding.Finding {
	return finding.Finding{
		Level: finding.Problem, Kind: o.Kind, Subject: table.String(), What: o.What, Why: "a full load replaces nothing that this pipeline did not make", Remedy: o.Remedy,
	}
}

// Changed warns of a column that the target of a loaded table has lost, or has with
// another type.
func (o *Occupied) Changed(table schema.TableName) []finding.Finding {
	t, target := o.state.Tables[table], o.names.Table(table)
	info := o.tables[schema.FoldCase(target.Name)]
	if info == nil || !o.state.Current(t) || len(info.Columns) == 0 || info.Properties[load.PropertyDirectory] != t.Snapshot.Directory {
		return nil
	}
	// What the source dropped since may be dropped there, and what it got since
	// comes with the next load.
	columns := slices.DeleteFunc(slices.Clone(t.Snapshot.Columns), func(c schema.Column) bool {
		return !slices.ContainsFunc(t.Columns, func(now schema.Column) bool { return now.Name == c.Name })
	})
	what := load.Misfit(columns, info.Columns)
	if what == "" {
		return nil
	}
	name := table.Argument()
	return []finding.Finding{{
		Level: finding.Warning, Subject: table.String(), What: fmt.Sprintf("its target %s %s", target.Display(), what),
		Why:    "it was changed by hand: the next load of it stops there",
		Remedy: fmt.Sprintf("ingest load --repair --tables %s builds it again from what is staged; ingest full-load --tables %s from the source", name, name),
	}}
}
