package target

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// beside returns what occupies the names that loads need beside a table's log. It returns nothing if
// only this pipeline's own objects have these names.
func (o *Occupied) beside(table schema.TableName, then string) (out []Occupation) {
	for _, c := range o.names.keptNames(table) {
		info := o.tables[schema.FoldCase(c.name)]
		if info == nil {
			continue
		}
		target := o.names.InSchema(c.name)
		elsewhere := fmt.Sprintf("else give it another name: %s = \"…\" under [tables.%q]", c.use.option(), table.String())
		isView := info.Kind == "VIEW"
		isTable := info.Kind == "" || info.Kind == "MANAGED" || info.Kind == "EXTERNAL"
		mayGo, what := elsewhere, "a table"
		switch {
		case isView:
			mayGo, what = fmt.Sprintf("if the view can be dropped: %s && %s; %s", bronze.DropViewCommand(target), then, elsewhere), "a view"
		case isTable:
			mayGo = fmt.Sprintf("if the table can be dropped: %s && %s; %s", bronze.DropCommand(target), then, elsewhere)
		default:
			what = kindOf(info.Kind)
		}
		switch {
		case c.view() && !isView, !c.view() && !isTable:
			out = append(out, Occupation{target, fmt.Sprintf("%s would be named %s, which is %s", c.of(table), target.Display(), what),
				mayGo, failure.Destination})
		case !o.made(info):
			what = fmt.Sprintf("%s would be named %s, and %s of that name is not this pipeline's: %s", c.of(table), target.Display(), what,
				bronze.Whose(info.Properties))
			out = append(out, Occupation{target, what, mayGo, failure.Conflict})
		}
	}
	return out
}

// made reports by the properties whether this pipeline made a table or a view.
func (o *Occupied) made(info *databricks.TableInfo) bool {
	owner := info.Properties[bronze.PropertyLedger]
	return owner != "" && owner == o.state.Ledger || info.Properties[bronze.PropertyPipeline] == o.root
}
