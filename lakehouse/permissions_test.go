//go:build cgo

package lakehouse

import (
	"path/filepath"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/workspace"
	"github.com/google/go-cmp/cmp"
)

// TestGrantsAreTaken sends the grants that prepare a deployment: to the service principal, which exists, and to a user who does
// not.
func TestGrantsAreTaken(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	makeVolume(t, w)
	grants := func(principal string, privilege catalog.Privilege) error {
		_, err := w.Grants.Update(ctx, catalog.UpdatePermissions{
			SecurableType: "schema", FullName: "dev.bronze",
			Changes: []catalog.PermissionsChange{{Principal: principal, Add: []catalog.Privilege{privilege}}},
		})
		return err
	}
	if err := grants(s.ClientID(), catalog.PrivilegeCreateTable); err != nil {
		t.Error(err)
	}
	wantRefusal(t, "principal", grants("someone", catalog.PrivilegeCreateTable), apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	wantRefusal(t, "privilege", grants(s.ClientID(), "CREATE_CATALOG"), apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	warehouse := func(principal string, level iam.PermissionLevel) error {
		_, err := w.Permissions.Update(ctx, iam.UpdateObjectPermissions{
			RequestObjectType: "warehouses", RequestObjectId: s.WarehouseID(),
			AccessControlList: []iam.AccessControlRequest{{ServicePrincipalName: principal, PermissionLevel: level}},
		})
		return err
	}
	if err := warehouse(s.ClientID(), iam.PermissionLevelCanUse); err != nil {
		t.Error(err)
	}
	wantRefusal(t, "warehouse", warehouse("someone", iam.PermissionLevelCanUse), apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	wantRefusal(t, "level", warehouse(s.ClientID(), iam.PermissionLevelCanRun), apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
}

func TestScopePermissions(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	put := func(scope, principal string) error { // by the client of the moment
		return w.Secrets.PutAcl(ctx, workspace.PutAcl{Scope: scope, Principal: principal, Permission: workspace.AclPermissionRead})
	}
	wantRefusal(t, "scope", put("s", s.ClientID()), apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	if err := w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "s"}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "principal", put("s", "someone"), apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	if err := put("s", s.ClientID()); err != nil {
		t.Fatal(err)
	}
	client := s.ClientID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w = connect(t, start(t, Options{Dir: dir}), &databricks.Config{})
	list, err := w.Secrets.ListAclsAll(ctx, workspace.ListAclsRequest{Scope: "s"})
	want := []workspace.AclItem{{Principal: localUser, Permission: "MANAGE"}, {Principal: client, Permission: "READ"}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Error(diff, err)
	}
	if err := w.Secrets.DeleteScopeByScope(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if err := w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "s"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Secrets.GetAcl(ctx, workspace.GetAclRequest{Scope: "s", Principal: client})
	wantRefusal(t, "of a scope before", err, apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	if err := put("s", client); err != nil {
		t.Fatal(err)
	}
	if err := w.Secrets.DeleteAcl(ctx, workspace.DeleteAcl{Scope: "s", Principal: client}); err != nil {
		t.Error(err)
	}
	_, err = w.Secrets.GetAcl(ctx, workspace.GetAclRequest{Scope: "s", Principal: client})
	wantRefusal(t, "deleted", err, apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
}

// TestComments sets and changes the comments of a schema and a volume through each interface.
func TestComments(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	if got, err := w.Schemas.Create(ctx, catalog.CreateSchema{CatalogName: "dev", Name: "s", Comment: "one"}); err != nil ||
		got.Comment != "one" {
		t.Fatalf("%+v, %v", got, err)
	}
	volume := catalog.CreateVolumeRequestContent{
		CatalogName: "dev", SchemaName: "s", Name: "v", VolumeType: catalog.VolumeTypeManaged, Comment: "two",
	}
	if _, err := w.Volumes.Create(ctx, volume); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Schemas.Update(ctx, catalog.UpdateSchema{FullName: "dev.s", Comment: "three"}); err != nil {
		t.Fatal(err)
	}
	schema, err := w.Schemas.GetByFullName(ctx, "dev.s")
	if err != nil || schema.Comment != "three" {
		t.Errorf("%+v, %v", schema, err)
	}
	if got, err := w.Volumes.ReadByName(ctx, "dev.s.v"); err != nil || got.Comment != "two" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Volumes.Update(ctx, catalog.UpdateVolumeRequestContent{Name: "dev.s.v", Comment: "four"}); err != nil {
		t.Fatal(err)
	}
	list, err := w.Volumes.ListAll(ctx, catalog.ListVolumesRequest{CatalogName: "dev", SchemaName: "s"})
	if err != nil || len(list) != 1 || list[0].Comment != "four" {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = w.Volumes.Update(ctx, catalog.UpdateVolumeRequestContent{Name: "dev.s.v", NewName: "w"})
	wantRefusal(t, "rename", err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	// The comment goes with the volume.
	if err := w.Volumes.DeleteByName(ctx, "dev.s.v"); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "Volumes", "dev", "s", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	volume.Comment = ""
	if got, err := w.Volumes.Create(ctx, volume); err != nil || got.Comment != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
