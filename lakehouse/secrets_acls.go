//go:build cgo

package lakehouse

import (
	"net/http"
	"slices"
)

// aclLevels are the permissions on a secret scope.
var aclLevels = []string{"READ", "WRITE", "MANAGE"}

// scopeACLs stores the permissions on the secret scopes. Like all permissions here they have no effect.
type scopeACLs struct {
	secrets *secretScopes
	grants  *objectPermissions
}

// aclItem is the permission of one principal on a scope, as in the API.
type aclItem struct {
	Principal  string `json:"principal"`
	Permission string `json:"permission"`
}

// hasScope refuses a scope that does not exist.
func (a scopeACLs) hasScope(name string) error {
	a.secrets.mu.Lock()
	defer a.secrets.mu.Unlock()
	_, err := a.secrets.scope(name)
	return err
}

func (a scopeACLs) put(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope string `json:"scope"`
		aclItem
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := a.hasScope(in.Scope); err != nil {
		return err
	}
	if !slices.Contains(aclLevels, in.Permission) {
		return badParameter("%s is not a permission of a secret scope.", in.Permission)
	}
	if err := a.grants.knownPrincipal(in.Principal); err != nil {
		return err
	}
	return a.change(w, in.Scope, in.Principal, &grant{User: in.Principal, Level: in.Permission})
}

func (a scopeACLs) remove(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope     string `json:"scope"`
		Principal string `json:"principal"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := a.hasScope(in.Scope); err != nil {
		return err
	}
	return a.change(w, in.Scope, in.Principal, nil)
}

// change replaces what one principal may do; nil is nothing.
func (a scopeACLs) change(w http.ResponseWriter, scope, principal string, next *grant) error {
	a.grants.mu.Lock()
	defer a.grants.mu.Unlock()
	list := a.grants.kept[scopeKey(scope)]
	kept := slices.DeleteFunc(slices.Clone(list), func(g grant) bool { return g.User == principal })
	if next != nil {
		kept = append(kept, *next)
	} else if len(kept) == len(list) {
		return noACL(scope, principal)
	}
	if err := a.grants.keep(scopeKey(scope), kept); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func scopeKey(scope string) string { return "secretScopes/" + scope }

func noACL(scope, principal string) error {
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "No ACL of %s on the scope %s.", principal, scope)
}

// items are the permissions on a scope: its maker manages it.
func (a scopeACLs) items(scope string) ([]aclItem, error) {
	if err := a.hasScope(scope); err != nil {
		return nil, err
	}
	a.grants.mu.Lock()
	defer a.grants.mu.Unlock()
	out := []aclItem{{localUser, "MANAGE"}}
	for _, g := range a.grants.kept[scopeKey(scope)] {
		if g.User == localUser {
			out = out[1:]
		}
		out = append(out, aclItem{g.User, g.Level})
	}
	return out, nil
}

func (a scopeACLs) list(w http.ResponseWriter, r *http.Request) error {
	items, err := a.items(r.URL.Query().Get("scope"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items})
	return nil
}

func (a scopeACLs) get(w http.ResponseWriter, r *http.Request) error {
	scope, principal := r.URL.Query().Get("scope"), r.URL.Query().Get("principal")
	items, err := a.items(scope)
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.Principal == principal {
			writeJSON(w, http.StatusOK, item)
			return nil
		}
	}
	return noACL(scope, principal)
}
