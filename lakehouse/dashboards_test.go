//go:build cgo

package lakehouse

import (
	"errors"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	lakeview "github.com/databricks/databricks-sdk-go/service/dashboards"
)

// TestDashboards: the SDK, and so the Databricks CLI, creates, changes, publishes and removes a dashboard.
func TestDashboards(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: s.URL(), Token: s.Token(), AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	made, err := w.Lakeview.Create(ctx, lakeview.CreateDashboardRequest{Dashboard: lakeview.Dashboard{
		DisplayName: "loads", ParentPath: "/Workspace/Users/me", WarehouseId: s.WarehouseID(), SerializedDashboard: `{"pages": []}`,
	}})
	if err != nil || made.DashboardId == "" || made.Path != "/Workspace/Users/me/loads.lvdash.json" || made.Etag == "" ||
		made.LifecycleState != lakeview.LifecycleStateActive {
		t.Fatalf("%+v, %v", made, err)
	}
	changed, err := w.Lakeview.Update(ctx, lakeview.UpdateDashboardRequest{DashboardId: made.DashboardId, Dashboard: lakeview.Dashboard{
		DisplayName: "loads", Etag: made.Etag, SerializedDashboard: `{"datasets": []}`,
	}})
	if err != nil || changed.Etag == made.Etag || changed.SerializedDashboard != `{"datasets": []}` {
		t.Errorf("%+v, %v", changed, err)
	}
	for what, d := range map[string]lakeview.Dashboard{
		"an old etag": {DisplayName: "loads", Etag: made.Etag}, "no JSON": {DisplayName: "loads", SerializedDashboard: "x"},
	} {
		if _, err := w.Lakeview.Update(ctx, lakeview.UpdateDashboardRequest{DashboardId: made.DashboardId, Dashboard: d}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if _, err := w.Lakeview.GetPublishedByDashboardId(ctx, made.DashboardId); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("not published yet: %v", err)
	}
	if _, err := w.Lakeview.Publish(ctx, lakeview.PublishRequest{DashboardId: made.DashboardId, WarehouseId: s.WarehouseID()}); err != nil {
		t.Error(err)
	}
	if p, err := w.Lakeview.GetPublishedByDashboardId(ctx, made.DashboardId); err != nil || p.DisplayName != "loads" || p.EmbedCredentials {
		t.Errorf("%+v, %v", p, err)
	}
	if got, err := w.Lakeview.GetByDashboardId(ctx, made.DashboardId); err != nil || got.Etag != changed.Etag {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.Lakeview.TrashByDashboardId(ctx, made.DashboardId); err != nil {
		t.Error(err)
	}
	if got, err := w.Lakeview.GetByDashboardId(ctx, made.DashboardId); err != nil || got.LifecycleState != lakeview.LifecycleStateTrashed {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.Lakeview.TrashByDashboardId(ctx, made.DashboardId); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}
