package replicate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// occupation is what keeps a target's name from a table: a view has it, or a
// table that is not this pipeline's.
type occupation struct {
	target databricks.Table
	what   string
	remedy string
	kind   failure.Kind
}

// occupations looks at the targets in Unity Catalog, a listing for all of them,
// before anything is read: nothing that this pipeline did not make is replaced.
type occupations struct {
	p      *Pipeline
	tables map[string]*databricks.TableInfo // of the schema
	cache  *load.Cache                      // nil: not read yet
}

// listTargets lists the tables of the target's schema. Where that may not be
// done, or there is no schema, nothing is known of them: the load says so.
func (p *Pipeline) listTargets(ctx context.Context, columns bool) (*occupations, error) {
	d := p.config.Destination
	tables, err := p.workspace.Tables(ctx, d.Catalog, d.Schema, columns)
	if databricks.NotFound(err) || databricks.Denied(err) {
		return &occupations{p: p}, nil
	}
	return &occupations{p: p, tables: tables}, err
}

// of says what has the name of a table's target, or one beside it; nil if nothing
// has that a full load would not replace. then is the command that goes on
// afterwards.
func (o *occupations) of(ctx context.Context, table schema.TableName, then string) (*occupation, error) {
	found, err := o.ofLog(ctx, table, then)
	if found != nil || err != nil {
		return found, err
	}
	return o.beside(table, then), nil
}

func (o *occupations) ofLog(ctx context.Context, table schema.TableName, then string) (*occupation, error) {
	target := o.p.Target(table)
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
		return &occupation{target, fmt.Sprintf("%s is %s", target.Display(), kindOf(info.Kind)), remedy, failure.Destination}, nil
	}
	if ours, err := o.ours(ctx, table, info.Properties); ours || err != nil {
		return nil, err
	}
	return &occupation{
		target, fmt.Sprintf("table %s is not this pipeline's: %s", target.Display(), load.Whose(info.Properties)),
		fmt.Sprintf("if it may go: %s && %s; %s", load.DropCommand(target), then, elsewhere), failure.Conflict,
	}, nil
}

// ours says whether this pipeline made a table, by what its properties say. One
// that lost them is known by loads/; one of a ledger that this pipeline lost is
// looked at elsewhere.
func (o *occupations) ours(ctx context.Context, table schema.TableName, properties map[string]string) (bool, error) {
	state := o.p.ledger.State()
	switch owner := properties[load.PropertyLedger]; {
	case owner != "" && owner == state.Ledger, properties[load.PropertyPipeline] == o.p.workspace.Files().Root():
		return true, nil
	case owner != "":
		return false, nil
	}
	if o.cache == nil {
		var err error
		if o.cache, err = load.ReadCache(ctx, o.p.workspace.Files(), state.Ledger); err != nil {
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

// errOccupied says that none of the tables has a target that it may have.
var errOccupied = errors.New("no table can be loaded")

func isOccupied(err error) bool { return errors.Is(err, errOccupied) }

// unoccupied keeps the relations whose targets are free, or this pipeline's. What
// keeps the others from being loaded goes into the summary. With confirm, a table
// itself is asked before it counts as somebody else's: Unity Catalog may know its
// properties late.
func (p *Pipeline) unoccupied(ctx context.Context, s *Summary, relations []postgres.Relation, confirm bool) ([]postgres.Relation, error) {
	listed, err := p.listTargets(ctx, false)
	if err != nil {
		return nil, err
	}
	var first *occupation
	var out []postgres.Relation
	for _, r := range relations {
		then := "ingest full-load --tables " + r.Name.Argument()
		found, err := listed.of(ctx, r.Name, then)
		if err == nil && found != nil && found.kind == failure.Conflict && confirm {
			info := listed.tables[schema.FoldCase(found.target.Name)]
			if info.Properties, err = load.ShownProperties(ctx, p.workspace.Warehouse(), found.target); err == nil {
				found, err = listed.of(ctx, r.Name, then)
			}
		}
		if err != nil {
			return nil, err
		}
		if found == nil {
			out = append(out, r)
			continue
		}
		p.log.Error("the table cannot be loaded; the others go on", "table", r.Name.String(), "because", found.what, "remedy", found.remedy)
		s.table(p, r.Name).fail(failure.New(found.kind, "table %s: %s", r.Name, found.what).WithHint("%s", found.remedy))
		if first == nil {
			first = found
		}
	}
	if len(out) == 0 && first != nil {
		return nil, failure.New(first.kind, "%w, the first: %s", errOccupied, first.what).WithHint("%s", first.remedy)
	}
	return out, nil
}

// targetFindings says of the targets what Unity Catalog knows, without waking
// the warehouse.
func (c *Checker) targetFindings(ctx context.Context, p *Pipeline, relations []postgres.Relation) error {
	listed, err := p.listTargets(ctx, true)
	if err != nil {
		return err
	}
	state := p.ledger.State()
	for _, r := range relations {
		if unreplicable(&r) != "" {
			continue
		}
		found, err := listed.of(ctx, r.Name, "ingest full-load --tables "+r.Name.Argument())
		if err != nil {
			return err
		}
		if found != nil {
			c.problem(found.kind, r.Name.String(), found.what, "a full load replaces nothing that this pipeline did not make", found.remedy)
			continue
		}
		if err := c.misfit(ctx, listed, r.Name, state); err != nil {
			return err
		}
	}
	return nil
}

// misfit says which column the target of a loaded table has lost, or has with
// another type.
func (c *Checker) misfit(ctx context.Context, listed *occupations, table schema.TableName, state *ledger.State) error {
	t := state.Tables[table]
	target := listed.p.Target(table)
	info := listed.tables[schema.FoldCase(target.Name)]
	if info == nil || !state.Current(t) || len(info.Columns) == 0 || info.Properties[load.PropertyDirectory] != t.Snapshot.Directory {
		return nil
	}
	// What the source dropped since may be dropped there, and what it got since
	// comes with the next load.
	columns := slices.DeleteFunc(slices.Clone(t.Snapshot.Columns), func(c schema.Column) bool {
		return !slices.ContainsFunc(t.Columns, func(now schema.Column) bool { return now.Name == c.Name })
	})
	if what := load.Misfit(columns, info.Columns); what != "" {
		name := table.Argument()
		c.add(Warning, table.String(), fmt.Sprintf("its target %s %s", target.Display(), what), "it was changed by hand: the next load of it stops there",
			fmt.Sprintf("ingest load --repair --tables %s builds it again from what is staged; ingest full-load --tables %s from the source", name, name))
	}
	return nil
}
