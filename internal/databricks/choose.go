package databricks

import (
	"context"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/sql"

	"github.com/ingest-tool/ingest/internal/failure"
)

func (h *Warehouse) listAll(ctx context.Context) ([]sql.EndpointInfo, error) {
	all, err := h.c.client.Warehouses.ListAll(ctx, sql.ListWarehousesRequest{})
	if err != nil {
		return nil, failure.New(failure.Destination, "list SQL warehouses: %w", h.c.redact.err(err)).
			WithHint("set the warehouse's HTTP path (SQL Warehouses, Connection details): then it is not looked up")
	}
	return all, nil
}

// chooseWarehouse finds a warehouse by id or by name. If wanted is empty, it
// takes the only one.
func chooseWarehouse(all []sql.EndpointInfo, wanted string) (foundWarehouse, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(e sql.EndpointInfo) bool {
		return e.State == sql.StateDeleted || e.State == sql.StateDeleting
	})
	matching := all
	if wanted != "" {
		matching = matchWarehouse(all, wanted)
	}
	switch {
	case len(matching) == 1:
		return foundWarehouse{name: warehouseLabel(matching[0]), path: warehousePath(matching[0])}, nil
	case wanted == "" && len(all) == 0:
		return foundWarehouse{}, failure.New(failure.Destination, "find a SQL warehouse: there is none that you may use").
			WithHint("create one under SQL Warehouses (serverless starts fastest), or ask for the permission CAN USE on one")
	case wanted == "":
		return foundWarehouse{}, failure.New(failure.Usage, "find a SQL warehouse: there are %d and none is configured", len(all)).
			WithHint("export DATABRICKS_WAREHOUSE_ID, or set warehouse under [destination], to one of: %s", warehouseLabels(all))
	case len(matching) == 0:
		return foundWarehouse{},
			failure.New(failure.Destination, "find SQL warehouse %q: there is none of this id or name that you may use", wanted).
				WithHint("use one of: %s", warehouseLabels(all))
	}
	return foundWarehouse{}, failure.New(failure.Usage, "find SQL warehouse %q: %d have this name", wanted, len(matching)).
		WithHint("use an id: %s", warehouseLabels(matching))
}

func matchWarehouse(all []sql.EndpointInfo, wanted string) []sql.EndpointInfo {
	for _, match := range []func(sql.EndpointInfo) bool{
		func(e sql.EndpointInfo) bool { return e.Id == wanted },
		func(e sql.EndpointInfo) bool { return e.Name == wanted },
		func(e sql.EndpointInfo) bool { return strings.EqualFold(e.Name, wanted) },
	} {
		var found []sql.EndpointInfo
		for _, e := range all {
			if match(e) {
				found = append(found, e)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func warehousePath(e sql.EndpointInfo) string {
	if e.OdbcParams != nil && strings.HasPrefix(e.OdbcParams.Path, "/") {
		return e.OdbcParams.Path
	}
	return "/sql/1.0/warehouses/" + e.Id
}

func warehouseLabel(e sql.EndpointInfo) string {
	if e.Name == "" {
		return e.Id
	}
	return e.Id + " (" + e.Name + ")"
}

func warehouseLabels(all []sql.EndpointInfo) string {
	if len(all) == 0 {
		return "(none)"
	}
	labels := make([]string, len(all))
	for i, e := range all {
		labels[i] = warehouseLabel(e)
	}
	return strings.Join(labels, ", ")
}
