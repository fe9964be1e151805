//go:build cgo

package workspace

import (
	"net/http"
	"strings"
)

// allPrivileges is what every caller has on everything here.
const allPrivileges = "ALL_PRIVILEGES"

// securableExists makes sure that there is what a permission is asked of.
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

// writePrivileges answers with the one assignment there is, if it is asked for.
func (u unity) writePrivileges(w http.ResponseWriter, r *http.Request, privilege any) error {
	if err := u.securableExists(r); err != nil {
		return err
	}
	answer := map[string]any{}
	if asked := r.URL.Query().Get("principal"); asked == "" || asked == caller(r) {
		answer["privilege_assignments"] = []any{map[string]any{"principal": caller(r), "privileges": []any{privilege}}}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (u unity) permissions(w http.ResponseWriter, r *http.Request) error {
	return u.writePrivileges(w, r, allPrivileges)
}

func (u unity) effectivePermissions(w http.ResponseWriter, r *http.Request) error {
	return u.writePrivileges(w, r, map[string]string{"privilege": allPrivileges})
}

func (u unity) metastoreSummary(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{
		"metastore_id": metastoreID, "name": "local", "owner": localUser, "privilege_model_version": "1.0", "global_metastore_id": "local:" + metastoreID,
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
