//go:build cgo

package lakehouse

import (
	"net/http"
	"slices"
	"strings"
)

// allPrivileges is what every caller has on everything here, unless something
// is withheld.
const allPrivileges = "ALL_PRIVILEGES"

// privilegesOf are the privileges on a kind of object that a loader needs.
var privilegesOf = map[string][]string{
	"catalog": {"USE_CATALOG", "CREATE_SCHEMA", "USE_SCHEMA", "CREATE_TABLE", "CREATE_VOLUME", "MODIFY", "SELECT",
		"READ_VOLUME", "WRITE_VOLUME"},
	"schema": {"USE_SCHEMA", "CREATE_TABLE", "CREATE_VOLUME", "MODIFY", "SELECT", "READ_VOLUME", "WRITE_VOLUME"},
	"table":  {"MODIFY", "SELECT"},
	"volume": {"READ_VOLUME", "WRITE_VOLUME"},
}

// granted are the caller's privileges on a kind of object.
func (u unity) granted(kind string) []string {
	if len(u.withheld) == 0 {
		return []string{allPrivileges}
	}
	var out []string
	for _, p := range privilegesOf[kind] {
		if !slices.Contains(u.withheld, p) {
			out = append(out, p)
		}
	}
	return out
}

// mayCreate refuses to make an object if the privilege is withheld.
func (u unity) mayCreate(r *http.Request, privilege, where string) error {
	if caller(r) == localUser || !slices.Contains(u.withheld, privilege) {
		return nil
	}
	return refuse(http.StatusForbidden, "PERMISSION_DENIED", "User does not have %s on %s.", strings.ReplaceAll(privilege, "_", " "), where)
}

// securableExists makes sure that the object of a permission exists.
func (u unity) securableExists(r *http.Request) error {
	kind, name := strings.ToLower(r.PathValue("type")), r.PathValue("name")
	switch kind {
	case "metastore":
		return nil
	case "catalog":
		return u.hasCatalog(strings.ToLower(name))
	case "schema":
		names, err := splitName(name, 2)
		if err != nil {
			return err
		}
		return u.hasSchema(r.Context(), names[0], names[1])
	case "table":
		_, err := u.table(r)
		return err
	case "volume":
		_, err := u.volume(r)
		return err
	}
	return badParameter("The local workspace has no securable of type %q.", kind)
}

// assignment is what one principal may do.
type assignment struct {
	Principal  string `json:"principal"`
	Privileges []any  `json:"privileges"`
}

// writePrivileges answers with the only assignment, if it is asked for.
func (u unity) writePrivileges(w http.ResponseWriter, r *http.Request, privilege func(string) any) error {
	if err := u.securableExists(r); err != nil {
		return err
	}
	answer := map[string]any{}
	if asked := r.URL.Query().Get("principal"); asked == "" || asked == caller(r) {
		a := assignment{Principal: caller(r)}
		for _, p := range u.granted(strings.ToLower(r.PathValue("type"))) {
			a.Privileges = append(a.Privileges, privilege(p))
		}
		if len(a.Privileges) > 0 {
			answer["privilege_assignments"] = []assignment{a}
		}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (u unity) permissions(w http.ResponseWriter, r *http.Request) error {
	return u.writePrivileges(w, r, func(p string) any { return p })
}

// otherPrivileges are further privileges that can be granted.
var otherPrivileges = []string{
	allPrivileges, "MANAGE", "BROWSE", "APPLY_TAG", "EXECUTE", "CREATE_FUNCTION", "CREATE_MODEL", "CREATE_MATERIALIZED_VIEW",
	"REFRESH", "EXTERNAL_USE_SCHEMA",
}

// changePermissions accepts grants, which have no effect: every user has all privileges, unless a test withholds some.
func (u unity) changePermissions(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Changes []struct {
			Principal string   `json:"principal"`
			Add       []string `json:"add"`
			Remove    []string `json:"remove"`
		} `json:"changes"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	kind := strings.ToLower(r.PathValue("type"))
	for _, c := range in.Changes {
		if err := u.grants.knownPrincipal(c.Principal); err != nil {
			return err
		}
		for _, privilege := range append(slices.Clone(c.Add), c.Remove...) {
			if !slices.Contains(privilegesOf[kind], privilege) && !slices.Contains(otherPrivileges, privilege) {
				return badParameter("Privilege %s is not applicable to this entity of type %s.", privilege, kind)
			}
		}
	}
	return u.permissions(w, r)
}

func (u unity) effectivePermissions(w http.ResponseWriter, r *http.Request) error {
	return u.writePrivileges(w, r, func(p string) any { return map[string]string{"privilege": p} })
}

// warehousePermissions lists who may use the SQL warehouse: its owner, and the group users unless that is withheld.
func (s warehouseAPI) warehousePermissions(w http.ResponseWriter, r *http.Request) error {
	if err := knownWarehouse(r); err != nil {
		return err
	}
	level := func(name string) []map[string]any {
		return []map[string]any{{"permission_level": name, "inherited": false}}
	}
	list := []map[string]any{{"user_name": localUser, "all_permissions": level("IS_OWNER")}}
	if !slices.Contains(s.options.Withheld, "CAN_USE") {
		list = append(list, map[string]any{"group_name": "users", "all_permissions": level("CAN_USE")})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"object_id": "/sql/warehouses/" + warehouseID, "object_type": "warehouses", "access_control_list": list,
	})
	return nil
}

func (u unity) metastoreSummary(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{
		"metastore_id": metastoreID, "name": "local", "owner": localUser, "privilege_model_version": "1.0",
		"global_metastore_id": "local:" + metastoreID,
	})
	return nil
}

func (u unity) metastoreAssignment(w http.ResponseWriter, _ *http.Request) error {
	answer := struct {
		MetastoreID    string `json:"metastore_id"`
		WorkspaceID    int64  `json:"workspace_id"`
		DefaultCatalog string `json:"default_catalog_name,omitempty"`
	}{MetastoreID: metastoreID, WorkspaceID: workspaceNumber}
	if catalogs := u.warehouse.Catalogs(); len(catalogs) > 0 {
		answer.DefaultCatalog = catalogs[0]
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
