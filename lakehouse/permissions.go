//go:build cgo

package lakehouse

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

const permissionsFile = "permissions.json"

// grant is the permissions of one principal on an object.
type grant struct {
	User             string `json:"user_name,omitempty"`
	Group            string `json:"group_name,omitempty"`
	ServicePrincipal string `json:"service_principal_name,omitempty"`
	Level            string `json:"permission_level"`
}

func (g grant) principal() string { return g.User + g.Group + g.ServicePrincipal }

// objectPermissions stores the permissions on jobs, dashboards and workspace files. They have no effect: every signed-in user may do
// everything. Its methods may be called from any goroutine.
type objectPermissions struct {
	store  *store
	board  *jobBoard
	files  *workspaceFiles
	boards *dashboards
	exists func(principal string) bool

	mu   sync.Mutex
	kept map[string][]grant // by type and id, as in jobs/1
}

func openPermissions(p *objectPermissions) error {
	p.kept = map[string][]grant{}
	if err := p.store.load(permissionsFile, &p.kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// forget drops the permissions of a deleted object.
func (p *objectPermissions) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept[key] == nil {
		return
	}
	if err := p.keep(key, nil); err != nil {
		p.board.log.Warn("forget permissions", "object", key, "error", err)
	}
}

// levels are the permissions that a kind of object has, least first.
var levels = map[string][]string{
	"jobs":        {"CAN_VIEW", "CAN_MANAGE_RUN", "IS_OWNER", "CAN_MANAGE"},
	"directories": {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"},
	"files":       {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"},
	"dashboards":  {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"},
}

// object finds the object of a request: its own grants, and those that it inherits from its directory.
func (p *objectPermissions) object(r *http.Request) (own, inherited []grant, err error) {
	kind, id := r.PathValue("type"), r.PathValue("id")
	owner := localUser
	switch kind {
	case "jobs":
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return nil, nil, badParameter("%s is not an id.", id)
		}
		p.board.mu.Lock()
		j, err := p.board.job(number)
		if err == nil {
			owner = j.Creator
		}
		p.board.mu.Unlock()
		if err != nil {
			return nil, nil, refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Job %s does not exist.", id)
		}
		own = []grant{{User: owner, Level: "IS_OWNER"}}
	case "directories", "files":
		place, err := p.files.objectOf(id)
		if err != nil {
			return nil, nil, err
		}
		if len(place) > 1 && place[0] == "Users" {
			inherited = append(inherited, grant{User: place[1], Level: "CAN_MANAGE"})
		} else {
			inherited = append(inherited, grant{Group: "users", Level: "CAN_MANAGE"})
		}
	case "dashboards":
		if err := p.boards.has(id); err != nil {
			return nil, nil, err
		}
		own = []grant{{User: owner, Level: "CAN_MANAGE"}}
	default:
		return nil, nil, badParameter("The local workspace has no permissions on %s.", kind)
	}
	inherited = append(inherited, grant{Group: "admins", Level: "CAN_MANAGE"})
	if kept, ok := p.kept[kind+"/"+id]; ok {
		own = kept
	}
	return own, inherited, nil
}

// get answers with an object's permissions.
func (p *objectPermissions) get(w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, inherited, err := p.object(r)
	if err != nil {
		return err
	}
	p.write(w, r, own, inherited)
	return nil
}

func (p *objectPermissions) write(w http.ResponseWriter, r *http.Request, own, inherited []grant) {
	kind, id := r.PathValue("type"), r.PathValue("id")
	list := []map[string]any{}
	add := func(g grant, inherited bool) {
		permission := map[string]any{"permission_level": g.Level, "inherited": inherited}
		if inherited {
			permission["inherited_from_object"] = []string{"/" + kind + "/"}
		}
		for _, entry := range list {
			if entry["principal"] == g.principal() {
				entry["all_permissions"] = append(entry["all_permissions"].([]any), permission)
				return
			}
		}
		entry := map[string]any{"principal": g.principal(), "all_permissions": []any{permission}}
		for name, value := range map[string]string{"user_name": g.User, "group_name": g.Group, "service_principal_name": g.ServicePrincipal} {
			if value != "" {
				entry[name] = value
			}
		}
		list = append(list, entry)
	}
	for _, g := range own {
		add(p.named(g), false)
	}
	for _, g := range inherited {
		add(p.named(g), true)
	}
	for _, entry := range list {
		delete(entry, "principal")
	}
	singular := map[string]string{"jobs": "job", "directories": "directory", "files": "file", "dashboards": "dashboard"}
	writeJSON(w, http.StatusOK, map[string]any{"object_id": "/" + kind + "/" + id, "object_type": singular[kind], "access_control_list": list})
}

// named reports whether a principal is a person or a service principal.
func (p *objectPermissions) named(g grant) grant {
	if g.User != "" && g.User != localUser {
		g.User, g.ServicePrincipal = "", g.User
	}
	return g
}

// levelsOf lists the permissions that there are.
func (p *objectPermissions) levelsOf(w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, _, err := p.object(r); err != nil {
		return err
	}
	list := []map[string]string{}
	for _, level := range levels[r.PathValue("type")] {
		list = append(list, map[string]string{"permission_level": level})
	}
	writeJSON(w, http.StatusOK, map[string]any{"permission_levels": list})
	return nil
}

// set replaces an object's grants.
func (p *objectPermissions) set(w http.ResponseWriter, r *http.Request) error {
	return p.change(w, r, func(_, given []grant) []grant { return given })
}

// update adds grants to an object's, in place of those of the same principals.
func (p *objectPermissions) update(w http.ResponseWriter, r *http.Request) error {
	return p.change(w, r, func(own, given []grant) []grant {
		own = slices.DeleteFunc(slices.Clone(own), func(o grant) bool {
			return slices.ContainsFunc(given, func(g grant) bool { return g.principal() == o.principal() })
		})
		return append(own, given...)
	})
}

func (p *objectPermissions) change(w http.ResponseWriter, r *http.Request, change func(own, given []grant) []grant) error {
	var in struct {
		List []grant `json:"access_control_list"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	kind := r.PathValue("type")
	for _, g := range in.List {
		if err := p.knownPrincipal(g.principal()); err != nil {
			return err
		}
		if levels[kind] != nil && !slices.Contains(levels[kind], g.Level) {
			return badParameter("%s is not a permission level of %s.", g.Level, kind)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	own, inherited, err := p.object(r)
	if err != nil {
		return err
	}
	next := change(own, in.List)
	owners := 0
	for _, g := range next {
		if g.Level == "IS_OWNER" {
			owners++
		}
	}
	if kind == "jobs" && owners != 1 {
		return badParameter("The job must have exactly one owner.")
	}
	if err := p.keep(kind+"/"+r.PathValue("id"), next); err != nil {
		return err
	}
	p.write(w, r, next, inherited)
	return nil
}

// keep replaces an object's grants, also on disk; the caller holds mu.
func (p *objectPermissions) keep(key string, next []grant) error {
	before, had := p.kept[key]
	p.kept[key] = next
	if next == nil {
		delete(p.kept, key)
	}
	err := p.store.save(permissionsFile, p.kept)
	if err != nil {
		delete(p.kept, key)
		if had {
			p.kept[key] = before
		}
	}
	return err
}

// knownPrincipal refuses a principal that does not exist.
func (p *objectPermissions) knownPrincipal(name string) error {
	if name == "users" || name == "admins" || p.exists(name) {
		return nil
	}
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Principal: %s does not exist.", name)
}

// grantWarehouse accepts permissions on the SQL warehouse, which have no effect: every user may use it, unless a test withholds
// that.
func (s warehouseAPI) grantWarehouse(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		List []grant `json:"access_control_list"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	for _, g := range in.List {
		if err := s.grants.knownPrincipal(g.principal()); err != nil {
			return err
		}
		if !slices.Contains([]string{"CAN_USE", "CAN_MONITOR", "CAN_VIEW", "CAN_MANAGE", "IS_OWNER"}, g.Level) {
			return badParameter("%s is not a permission level of warehouses.", g.Level)
		}
	}
	return s.warehousePermissions(w, r)
}
