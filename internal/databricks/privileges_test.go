package databricks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// permissionsFake answers the requests of Lacks. Its grants are by object, as
// principal → privileges.
type permissionsFake struct {
	user   string
	groups []string
	grants map[string]map[string][]string
	owner  map[string]string
	// refused objects show a user only their own grants. hidden objects show
	// none.
	refused, hidden map[string]bool
}

func (p permissionsFake) serve(rw http.ResponseWriter, r *http.Request, _ func()) bool {
	const unity = "/api/2.1/unity-catalog/"
	if strings.HasSuffix(r.URL.Path, "/scim/v2/Me") {
		var groups []map[string]string
		for _, g := range p.groups {
			groups = append(groups, map[string]string{"display": g})
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"userName": p.user, "groups": groups})
		return true
	}
	for _, kind := range []string{"catalogs/", "schemas/", "volumes/"} {
		if name, ok := strings.CutPrefix(r.URL.Path, unity+kind); ok && p.owner[name] != "" {
			_ = json.NewEncoder(rw).Encode(map[string]string{"full_name": name, "owner": p.owner[name]})
			return true
		}
	}
	object, ok := strings.CutPrefix(r.URL.Path, unity+"effective-permissions/")
	if !ok {
		return false
	}
	asked := r.URL.Query().Get("principal")
	switch {
	case p.hidden[object], p.refused[object] && asked == "":
		refusal(rw, 403, "PERMISSION_DENIED", "User is not an owner of "+object+".")
	case r.URL.Query().Get("max_results") != "0":
		refusal(rw, 400, "INVALID_PARAMETER_VALUE", "only paged answers")
	case r.URL.Query().Get("page_token") == "": // the first page is empty
		_ = json.NewEncoder(rw).Encode(map[string]any{"next_page_token": "second"})
	default:
		var all []map[string]any
		for principal, privileges := range p.grants[object] {
			var list []map[string]string
			for _, name := range privileges {
				list = append(list, map[string]string{"privilege": name})
			}
			if asked == "" || asked == principal {
				all = append(all, map[string]any{"principal": principal, "privileges": list})
			}
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"privilege_assignments": all})
	}
	return true
}

func TestLacks(t *testing.T) {
	const ann, app = "ann@example.com", "0f3a1c52-0000-4000-8000-00000000cafe"
	owned := map[string]string{"main": "root@example.com", "main.bronze": "root@example.com", "main.bronze.ingest": "root@example.com"}
	all := map[string]map[string][]string{
		"catalog/main":              {ann: {"USE_CATALOG"}},
		"schema/main.bronze":        {ann: {"USE_SCHEMA", "CREATE_TABLE", "MODIFY", "SELECT"}},
		"volume/main.bronze.ingest": {ann: {"READ_VOLUME", "WRITE_VOLUME"}},
	}
	for name, test := range map[string]struct {
		fake permissionsFake
		want []databricks.Lack
	}{
		"everything is granted": {permissionsFake{user: ann, owner: owned, grants: all}, nil},
		"by groups, and to everybody": {
			permissionsFake{user: app, groups: []string{"Loaders"}, owner: owned, grants: map[string]map[string][]string{
				"catalog/main":              {"account users": {"USE_CATALOG"}},
				"schema/main.bronze":        {"loaders": {"ALL_PRIVILEGES"}},
				"volume/main.bronze.ingest": {app: {"READ_VOLUME"}, "loaders": {"WRITE_VOLUME"}},
			}}, nil},
		"nothing is granted": {permissionsFake{user: app, owner: owned}, []databricks.Lack{
			{On: "catalog main", Privileges: []string{"USE CATALOG"}, Grant: "GRANT USE CATALOG ON CATALOG `main` TO `" + app + "`;"},
			{On: "schema main.bronze", Privileges: []string{"USE SCHEMA",
				"CREATE TABLE"}, Grant: "GRANT USE SCHEMA, CREATE TABLE ON SCHEMA `main`.`bronze` TO `" + app + "`;"},
			{On: "volume main.bronze.ingest", Privileges: []string{"READ VOLUME",
				"WRITE VOLUME"}, Grant: "GRANT READ VOLUME, WRITE VOLUME ON VOLUME `main`.`bronze`.`ingest` TO `" + app + "`;"},
			{On: "schema main.bronze", Privileges: []string{"MODIFY",
				"SELECT"}, Optional: true, Grant: "GRANT MODIFY, SELECT ON SCHEMA `main`.`bronze` TO `" + app + "`;"},
		}},
		"the catalog is its own": {
			permissionsFake{user: "bob@example.com", owner: map[string]string{"main": "bob@example.com"}, grants: all}, nil,
		},
		"a group that may hold the user": {
			permissionsFake{user: ann, owner: owned, grants: map[string]map[string][]string{
				"catalog/main":       {"b team": {"USE_CATALOG"}, "a team": {"USE_CATALOG"}, app: {"USE_CATALOG"}},
				"schema/main.bronze": all["schema/main.bronze"], "volume/main.bronze.ingest": all["volume/main.bronze.ingest"],
			}},
			[]databricks.Lack{{On: "catalog main", Privileges: []string{"USE CATALOG"}, Groups: []string{"a team",
				"b team"}, Grant: "GRANT USE CATALOG ON CATALOG `main` TO `" + ann + "`;"}},
		},
		"schema and volume are its own": {permissionsFake{user: ann, owner: map[string]string{
			"main": "root@example.com", "main.bronze": ann, "main.bronze.ingest": ann,
		}, grants: map[string]map[string][]string{
			"catalog/main": {ann: {"USE_CATALOG"}}, "schema/main.bronze": {ann: {"MODIFY", "SELECT"}},
		}}, nil},
		"there is no schema": {permissionsFake{user: ann, grants: all}, []databricks.Lack{
			{On: "catalog main", Privileges: []string{"CREATE SCHEMA"}, Grant: "GRANT CREATE SCHEMA ON CATALOG `main` TO `" + ann + "`;"},
		}},
		"there is no volume": {permissionsFake{user: ann, owner: map[string]string{"main.bronze": "root@example.com"}, grants: all},
			[]databricks.Lack{{
				On: "schema main.bronze", Privileges: []string{"CREATE VOLUME"},
				Grant: "GRANT CREATE VOLUME ON SCHEMA `main`.`bronze` TO `" + ann + "`;",
			}}},
		"only the own grants": {permissionsFake{user: ann, owner: owned, grants: all, refused: map[string]bool{"schema/main.bronze": true}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.breakWith(test.fake.serve)
			got, err := f.open().Place().Lacks(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLacksThatCannotBeLookedUp(t *testing.T) {
	f := newFake(t)
	f.breakWith(permissionsFake{user: "ann@example.com", hidden: map[string]bool{"catalog/main": true}}.serve)
	got, err := f.open().Place().Lacks(t.Context())
	if err != nil || len(got) != 1 || got[0].Unknown == nil || !strings.Contains(got[0].Unknown.Error(), "not an owner") {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestWarehouseLack(t *testing.T) {
	const id = "0123456789abcdef"
	for name, test := range map[string]struct {
		list   string // access_control_list; empty: it may not be read
		status int    // of the warehouse's description
		lacks  bool
		groups []string
	}{
		"its own":         {`{"user_name": "ann@example.com", "all_permissions": [{"permission_level": "IS_OWNER"}]}`, 200, false, nil},
		"by a group":      {`{"group_name": "loaders", "all_permissions": [{"permission_level": "CAN_USE"}]}`, 200, false, nil},
		"everybody's":     {`{"group_name": "users", "all_permissions": [{"permission_level": "CAN_MONITOR"}]}`, 200, false, nil},
		"only to look at": {`{"user_name": "ann@example.com", "all_permissions": [{"permission_level": "CAN_VIEW"}]}`, 200, true, nil},
		"others'":         {`{"user_name": "bob@example.com", "all_permissions": [{"permission_level": "CAN_USE"}]}, {"group_name": "admins", "all_permissions": [{"permission_level": "CAN_MANAGE"}]}`, 200, true, nil},
		"another group's": {`{"group_name": "finance", "all_permissions": [{"permission_level": "CAN_USE"}]}`,
			200, true, []string{"finance"}},
		"not told, but visible": {"", 200, false, nil},
		"invisible":             {"", 403, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.breakWith(func(rw http.ResponseWriter, r *http.Request, serve func()) bool {
				switch r.URL.Path {
				case "/api/2.0/permissions/warehouses/" + id:
					if test.list == "" {
						refusal(rw, 403, "PERMISSION_DENIED", "ann@example.com does not have Manage permissions")
					} else {
						fmt.Fprintf(rw, `{"access_control_list": [%s]}`, test.list)
					}
				case "/api/2.0/sql/warehouses/" + id:
					if test.status != 200 {
						refusal(rw, test.status, "PERMISSION_DENIED", "not yours")
					} else {
						fmt.Fprint(rw, `{"id": "`+id+`"}`)
					}
				default:
					return permissionsFake{user: "ann@example.com", groups: []string{"loaders"}}.serve(rw, r, serve)
				}
				return true
			})
			c := f.config()
			c.Warehouse = "/sql/1.0/warehouses/" + id
			w, err := databricks.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			lack, err := w.Warehouse().Lack(t.Context())
			if err != nil || (lack != nil) != test.lacks {
				t.Fatalf("%+v, error %v", lack, err)
			}
			if lack == nil {
				return
			}
			if diff := cmp.Diff(test.groups, lack.Groups); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			want := `databricks warehouses update-permissions ` + id +
				` --json '{"access_control_list": [{"user_name": "ann@example.com", "permission_level": "CAN_USE"}]}'`
			if lack.Grant != want {
				t.Errorf("grant %s, want %s", lack.Grant, want)
			}
		})
	}
}
