package target

import (
	"context"
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/control"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Occupation is what occupies a target's name: a view, or a table that does not belong to this
// pipeline.
type Occupation struct {
	Target databricks.Table
	What   string
	Remedy string
	Kind   failure.Kind
}

// Occupied looks at the targets in Unity Catalog with one listing, before anything is read. Nothing
// that this pipeline did not make is replaced.
type Occupied struct {
	names     Names
	workspace *databricks.Workspace
	root      string // of the pipeline's files
	state     *ledger.State
	tables    map[string]*databricks.TableInfo // of the schema
	cache     *loads.Cache                     // nil: not read yet
}

// List lists the tables of the target's schema. If that is not permitted, or if there is no schema,
// the result is empty: the load reports it.
func (n Names) List(ctx context.Context, workspace *databricks.Workspace, state *ledger.State, columns bool) (*Occupied, error) {
	d := n.Config.Destination
	o := &Occupied{names: n, workspace: workspace, root: workspace.Files().Root(), state: state}
	tables, err := workspace.Tables().List(ctx, d.Catalog, d.Schema, columns)
	if databricks.NotFound(err) || databricks.Denied(err) {
		return o, nil
	}
	o.tables = tables
	return o, err
}

// By returns what occupies the name of a table's target, and the names beside it. It returns nothing
// if a full load may replace what is there. then is the command to run afterwards.
func (o *Occupied) By(ctx context.Context, table schema.TableName, then string) ([]Occupation, error) {
	found := o.beside(table, then)
	log, err := o.byLog(ctx, table, then)
	if log != nil {
		found = slices.Insert(found, 0, *log)
	}
	return found, err
}

// Confirm is By with the own properties of the targets that another pipeline seems to have: Unity
// Catalog may show properties late.
func (o *Occupied) Confirm(ctx context.Context, found []Occupation, table schema.TableName, then string) ([]Occupation, error) {
	late := slices.DeleteFunc(slices.Clone(found), func(f Occupation) bool { return f.Kind != failure.Conflict })
	if len(late) == 0 {
		return found, nil
	}
	for _, f := range late {
		info := o.tables[schema.FoldCase(f.Target.Name)]
		var err error
		if info.Properties, err = bronze.ShownProperties(ctx, o.workspace.Warehouse(), f.Target); err != nil {
			return found, err
		}
	}
	return o.By(ctx, table, then)
}

func (o *Occupied) byLog(ctx context.Context, table schema.TableName, then string) (*Occupation, error) {
	target := o.names.Table(table)
	info := o.tables[schema.FoldCase(target.Name)]
	if info == nil {
		return nil, nil
	}
	elsewhere := fmt.Sprintf(
		"else give the table another name (name = \"…\" under [tables.%q]), or choose another schema (destination.schema)", table.String())
	if info.Kind != "" && info.Kind != "MANAGED" && info.Kind != "EXTERNAL" {
		remedy := elsewhere
		if info.Kind == "VIEW" {
			remedy = fmt.Sprintf("if the view can be dropped: %s && %s; %s", bronze.DropViewCommand(target), then, elsewhere)
		}
		return &Occupation{target, fmt.Sprintf("%s is %s", target.Display(), kindOf(info.Kind)), remedy, failure.Destination}, nil
	}
	if ours, err := o.ours(ctx, table, info.Properties); ours || err != nil {
		return nil, err
	}
	return &Occupation{
		target, fmt.Sprintf("table %s is not this pipeline's: %s", target.Display(), bronze.Whose(info.Properties)),
		fmt.Sprintf("if it can be dropped: %s && %s; %s", bronze.DropCommand(target), then, elsewhere), failure.Conflict,
	}, nil
}

// ours reports by its properties whether this pipeline made a table. For a table without properties,
// loads/ decides. Tables of a lost ledger are checked elsewhere.
func (o *Occupied) ours(ctx context.Context, table schema.TableName, properties map[string]string) (bool, error) {
	state := o.state
	switch owner := properties[bronze.PropertyLedger]; {
	case owner != "" && owner == state.Ledger, properties[bronze.PropertyPipeline] == o.root:
		return true, nil
	case owner != "":
		return false, nil
	}
	if o.cache == nil {
		var err error
		if o.cache, err = loads.Read(ctx, o.workspace.Files(), state.Ledger); err != nil {
			return false, err
		}
	}
	return o.cache.Tables[table].Snapshot != 0, nil
}

// kindOf is how messages name Unity Catalog's kinds of tables.
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

// Control warns about an object that has the control table's name and is not one.
func (o *Occupied) Control() []finding.Finding {
	table := o.names.Control()
	if table == nil {
		return nil
	}
	info := o.tables[schema.FoldCase(table.Name)]
	if info == nil || control.Is(info) {
		return nil
	}
	err := control.Foreign(*table, info)
	return []finding.Finding{{
		Level: finding.Warning, Subject: "destination", What: err.Error(), Why: "loads cannot write the control table there",
		Remedy: failure.HintOf(err),
	}}
}

// Finding is the problem of an occupied target.
func (o *Occupation) Finding(table schema.TableName) finding.Finding {
	return finding.Finding{
		Level: finding.Problem, Kind: o.Kind, Subject: table.String(), What: o.What,
		Why: "a full load replaces only tables that this pipeline made", Remedy: o.Remedy,
	}
}

// Changed warns about a column that a loaded table's target has lost, or has with another type.
func (o *Occupied) Changed(table schema.TableName) []finding.Finding {
	t, target := o.state.Tables[table], o.names.Table(table)
	info := o.tables[schema.FoldCase(target.Name)]
	if info == nil || !o.state.Current(t) || len(info.Columns) == 0 || info.Properties[bronze.PropertyDirectory] != t.Snapshot.Directory {
		return nil
	}
	// Columns that the source dropped since then may be dropped in the target too. New columns come
	// with the next load.
	columns := slices.DeleteFunc(slices.Clone(t.Snapshot.Columns), func(c schema.Column) bool {
		return !slices.ContainsFunc(t.Columns, func(now schema.Column) bool { return now.Name == c.Name })
	})
	what := bronze.Misfit(columns, info.Columns)
	if what == "" {
		return nil
	}
	name := table.Argument()
	return []finding.Finding{{
		Level: finding.Warning, Subject: table.String(), What: fmt.Sprintf("its target %s %s", target.Display(), what),
		Why: "it was changed by hand: the next load of it stops there",
		Remedy: fmt.Sprintf("ingest load --repair --tables %s rebuilds it from the staged segments; ingest full-load --tables %s from the source",
			name, name),
	}}
}
