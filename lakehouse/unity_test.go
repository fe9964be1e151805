//go:build cgo

package lakehouse

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

// wantRefusal checks the kind of an error and its code, by which clients decide.
func wantRefusal(t *testing.T, what string, err, kind error, code string) {
	t.Helper()
	var refusal *apierr.APIError
	if !errors.As(err, &refusal) || !errors.Is(err, kind) || refusal.ErrorCode != code {
		t.Errorf("%s: %v; want %v with %s", what, err, kind, code)
	}
}

func TestCatalogs(t *testing.T) {
	s := start(t, Options{Catalogs: []string{"dev", "prod"}})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	all, err := w.Catalogs.ListAll(ctx, catalog.ListCatalogsRequest{MaxResults: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff([]string{"dev", "prod"}, got); diff != "" {
		t.Error(diff)
	}
	if c, err := w.Catalogs.GetByName(ctx, "DEV"); err != nil || c.FullName != "dev" {
		t.Errorf("catalog %+v, %v", c, err)
	}
	_, err = w.Catalogs.GetByName(ctx, "none")
	wantRefusal(t, "get", err, apierr.ErrNotFound, "CATALOG_DOES_NOT_EXIST")
	_, err = w.Catalogs.Create(ctx, catalog.CreateCatalog{Name: "new"})
	wantRefusal(t, "create", err, apierr.ErrPermissionDenied, "PERMISSION_DENIED")
}

func TestSchemas(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	create := func(catalogName, name string) error {
		_, err := w.Schemas.Create(ctx, catalog.CreateSchema{CatalogName: catalogName, Name: name})
		return err
	}
	if err := create("dev", "Bronze"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "create twice", create("dev", "bronze"), apierr.ErrBadRequest, "SCHEMA_ALREADY_EXISTS")
	wantRefusal(t, "create in no catalog", create("none", "bronze"), apierr.ErrNotFound, "CATALOG_DOES_NOT_EXIST")
	for _, name := range []string{"", "a.b", "a b", "a/b", ".."} {
		wantRefusal(t, "create "+name, create("dev", name), apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")
	}
	got, err := w.Schemas.GetByFullName(ctx, "dev.BRONZE")
	if err != nil || got.FullName != "dev.bronze" || got.CatalogName != "dev" || got.Name != "bronze" {
		t.Errorf("schema %+v, %v", got, err)
	}
	_, err = w.Schemas.GetByFullName(ctx, "dev.none")
	wantRefusal(t, "get", err, apierr.ErrNotFound, "SCHEMA_DOES_NOT_EXIST")
	_, err = w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "none"})
	wantRefusal(t, "list", err, apierr.ErrNotFound, "CATALOG_DOES_NOT_EXIST")
	all, err := w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "dev", MaxResults: 1})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, schema := range all {
		if schema.FullName == "dev.bronze" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("dev.bronze is %d times in %+v", found, all)
	}
	if err := w.Schemas.DeleteByFullName(ctx, "dev.bronze"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "delete twice", w.Schemas.DeleteByFullName(ctx, "dev.bronze"), apierr.ErrNotFound, "SCHEMA_DOES_NOT_EXIST")
}

func TestSchemaWithVolumeIsNotEmpty(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	if err := upload(t.Context(), w, volume+"/f", "x"); err != nil {
		t.Fatal(err)
	}
	err := w.Schemas.DeleteByFullName(t.Context(), "dev.bronze")
	wantRefusal(t, "delete", err, apierr.ErrBadRequest, "INVALID_STATE")
	if err := w.Schemas.Delete(t.Context(), catalog.DeleteSchemaRequest{FullName: "dev.bronze", Force: true}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "upload after", upload(t.Context(), w, volume+"/f", "x"), apierr.ErrNotFound, "NOT_FOUND")
	if left, err := os.ReadDir(filepath.Join(s.options.Dir, tempDir)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestVolumes(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	makeVolume(t, w)
	create := func(schema, name string, kind catalog.VolumeType) error {
		_, err := w.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{CatalogName: "dev", SchemaName: schema, Name: name, VolumeType: kind})
		return err
	}
	wantRefusal(t, "create twice", create("bronze", "INGEST", catalog.VolumeTypeManaged),
		apierr.ErrResourceAlreadyExists, "RESOURCE_ALREADY_EXISTS")
	wantRefusal(t, "create in no schema", create("none", "v", catalog.VolumeTypeManaged), apierr.ErrNotFound, "SCHEMA_DOES_NOT_EXIST")
	wantRefusal(t, "create external", create("bronze", "v", catalog.VolumeTypeExternal), apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")
	for _, name := range []string{"", "..", "a/b", "a.b"} {
		wantRefusal(t, "create "+name, create("bronze", name, catalog.VolumeTypeManaged), apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")
	}
	if err := create("bronze", "second", catalog.VolumeTypeManaged); err != nil {
		t.Fatal(err)
	}
	all, err := w.Volumes.ListAll(ctx, catalog.ListVolumesRequest{CatalogName: "dev", SchemaName: "bronze", MaxResults: 1})
	if err != nil || len(all) != 2 || all[0].FullName != "dev.bronze.ingest" || all[1].FullName != "dev.bronze.second" {
		t.Errorf("volumes %+v, %v", all, err)
	}
	v, err := w.Volumes.ReadByName(ctx, "dev.bronze.ingest")
	if err != nil || v.VolumeType != catalog.VolumeTypeManaged || v.SchemaName != "bronze" || v.VolumeId != all[0].VolumeId {
		t.Errorf("volume %+v, %v", v, err)
	}
	_, err = w.Volumes.ReadByName(ctx, "dev.bronze.none")
	wantRefusal(t, "read", err, apierr.ErrNotFound, "VOLUME_DOES_NOT_EXIST")
	_, err = w.Volumes.ReadByName(ctx, "dev.bronze")
	wantRefusal(t, "read two parts", err, apierr.ErrBadRequest, "INVALID_PARAMETER_VALUE")
	if err := w.Volumes.DeleteByName(ctx, "dev.bronze.ingest"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "delete twice", w.Volumes.DeleteByName(ctx, "dev.bronze.ingest"), apierr.ErrNotFound, "VOLUME_DOES_NOT_EXIST")
}

func TestMissingTables(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	makeVolume(t, w)
	_, err := w.Tables.GetByFullName(ctx, "dev.bronze.none")
	wantRefusal(t, "get", err, apierr.ErrNotFound, "TABLE_DOES_NOT_EXIST")
	_, err = w.Tables.GetByFullName(ctx, "dev.none.t")
	wantRefusal(t, "get in no schema", err, apierr.ErrNotFound, "SCHEMA_DOES_NOT_EXIST")
	wantRefusal(t, "delete", w.Tables.DeleteByFullName(ctx, "dev.bronze.none"), apierr.ErrNotFound, "TABLE_DOES_NOT_EXIST")
	exists, err := w.Tables.ExistsByFullName(ctx, "dev.bronze.none")
	if err != nil || exists.TableExists {
		t.Errorf("exists %+v, %v", exists, err)
	}
	all, err := w.Tables.ListAll(ctx, catalog.ListTablesRequest{CatalogName: "dev", SchemaName: "bronze"})
	if err != nil || len(all) != 0 {
		t.Errorf("tables %+v, %v", all, err)
	}
}

func TestColumnInfo(t *testing.T) {
	for sql, want := range map[string]columnInfo{
		"BIGINT":                         {TypeName: "LONG", TypeText: "bigint"},
		"STRING":                         {TypeName: "STRING", TypeText: "string"},
		"DECIMAL(38, 9)":                 {TypeName: "DECIMAL", TypeText: "decimal(38, 9)", TypePrecision: 38, TypeScale: 9},
		"ARRAY<STRING>":                  {TypeName: "ARRAY", TypeText: "array<STRING>"},
		"STRUCT<firstName: STRING>":      {TypeName: "STRUCT", TypeText: "struct<firstName: STRING>"},
		"TIMESTAMP_NTZ":                  {TypeName: "TIMESTAMP_NTZ", TypeText: "timestamp_ntz"},
		"INTERVAL DAY TO SECOND":         {TypeName: "INTERVAL", TypeText: "interval day to second"},
		"smallint":                       {TypeName: "SHORT", TypeText: "smallint"},
		"MAP<STRING, ARRAY<DECIMAL(1)>>": {TypeName: "MAP", TypeText: "map<STRING, ARRAY<DECIMAL(1)>>"},
	} {
		want.Name, want.Position, want.Nullable, want.Comment = "c", 3, true, "words"
		got := newColumnInfo(warehouse.Column{Name: "c", Type: sql, Position: 3, Nullable: true, Comment: "words"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
}

func TestOnePage(t *testing.T) {
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("t%02d", i))
	}
	for limit, pages := range map[string]int{"": 1, "0": 3, "1": 25, "7": 4, "10": 3, "99": 3} {
		q := map[string][]string{}
		if limit != "" {
			q["max_results"] = []string{limit}
		}
		var got []string
		n := 0
		for {
			page, next, err := onePage(all, itself, q, 10)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page...)
			n++
			if next == "" {
				break
			}
			q["page_token"] = []string{next}
		}
		if diff := cmp.Diff(all, got); diff != "" || n != pages {
			t.Errorf("max_results %q: %d pages, want %d; %s", limit, n, pages, diff)
		}
	}
	if _, _, err := onePage(all, itself, map[string][]string{"page_token": {"!"}}, 10); err == nil {
		t.Error("a broken page token was taken")
	}
}

func TestPermissions(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	makeVolume(t, w)
	for _, asked := range []catalog.GetEffectiveRequest{
		{SecurableType: "catalog", FullName: "dev"},
		{SecurableType: "SCHEMA", FullName: "dev.bronze", Principal: localUser},
		{SecurableType: "volume", FullName: "dev.bronze.ingest"},
	} {
		got, err := w.Grants.GetEffective(ctx, asked)
		if err != nil || len(got.PrivilegeAssignments) != 1 ||
			got.PrivilegeAssignments[0].Privileges[0].Privilege != catalog.PrivilegeAllPrivileges {
			t.Errorf("%+v: %+v, %v", asked, got, err)
		}
	}
	grants, err := w.Grants.Get(ctx, catalog.GetGrantRequest{SecurableType: "catalog", FullName: "dev"})
	if err != nil || len(grants.PrivilegeAssignments) != 1 || grants.PrivilegeAssignments[0].Principal != localUser {
		t.Errorf("grants %+v, %v", grants, err)
	}
	other, err := w.Grants.GetEffective(ctx, catalog.GetEffectiveRequest{SecurableType: "catalog", FullName: "dev", Principal: "someone"})
	if err != nil || len(other.PrivilegeAssignments) != 0 {
		t.Errorf("of someone else: %+v, %v", other, err)
	}
	_, err = w.Grants.GetEffective(ctx, catalog.GetEffectiveRequest{SecurableType: "volume", FullName: "dev.bronze.none"})
	wantRefusal(t, "missing volume", err, apierr.ErrNotFound, "VOLUME_DOES_NOT_EXIST")
	if m, err := w.Metastores.Summary(ctx); err != nil || m.MetastoreId == "" {
		t.Errorf("metastore %+v, %v", m, err)
	}
	if m, err := w.Metastores.Current(ctx); err != nil || m.MetastoreId == "" || m.WorkspaceId == 0 {
		t.Errorf("metastore %+v, %v", m, err)
	}
}

func TestUnknownEndpoints(t *testing.T) {
	s := start(t, Options{})
	for _, call := range []struct{ method, path string }{
		{"GET", "/api/2.0/clusters/list"}, {"POST", "/telemetry-ext"}, {"GET", "/api/2.0/connector-service/feature-flags/GOLANG/1.14.0"},
		{"PATCH", "/api/2.1/unity-catalog/catalogs/dev"}, {"GET", "/api//2.0/sql/warehouses"}, {"GET", "/api/2.0/x/../sql/warehouses"},
		{"POST", "/api/2.0/fs/files/Volumes/a/b/c/d"}, {"GET", "/api/2.0/fs/other"}, {"POST", "/sql/1.0/clusters/" + warehouseID},
	} {
		response, text := request(t, s, call.method, call.path, nil, nil)
		if response.StatusCode != http.StatusNotFound || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: status %d, %s", call.method, call.path, response.StatusCode, text)
		}
	}
}
