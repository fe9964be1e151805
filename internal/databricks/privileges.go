package databricks

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/sql"

	"ingest/internal/failure"
)

// Lack describes the privileges that the signed-in principal lacks on one
// object, according to Unity Catalog.
type Lack struct {
	On         string   // the object, such as schema main.bronze
	Privileges []string // as GRANT names them
	// Optional privileges are needed only if somebody else created the tables.
	Optional bool
	// Groups have the privileges, but it is unknown whether the principal is a
	// member: the workspace does not list them among the principal's groups.
	Groups []string
	Grant  string // the statement or command that fixes it
	// Unknown says why the object's privileges could not be read. Privileges
	// are then the required ones.
	Unknown error
}

// need is a set of required privileges on one object.
type need struct {
	securable  catalog.SecurableType
	name       string // full
	owner      string // empty: unknown
	privileges []catalog.Privilege
	optional   bool
}

// Lacks compares the privileges that full load and cdc need with the privileges
// of the signed-in principal. It does not wake a warehouse. The creator of a
// schema or a volume owns it. So if one is missing, only the privilege to
// create it is needed.
func (w *Workspace) Lacks(ctx context.Context) ([]Lack, error) {
	needs, err := w.needs(ctx)
	if err != nil {
		return nil, err
	}
	var out []Lack
	for _, n := range needs {
		lack, err := w.lacking(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, lack...)
	}
	return out, nil
}

func (w *Workspace) needs(ctx context.Context) ([]need, error) {
	c := w.config
	onCatalog := need{securable: catalog.SecurableTypeCatalog, name: c.Catalog, privileges: []catalog.Privilege{catalog.PrivilegeUseCatalog}}
	if info, err := w.client.Catalogs.GetByName(ctx, url.PathEscape(c.Catalog)); err == nil {
		onCatalog.owner = info.Owner
	}
	schemaName := c.Catalog + "." + c.Schema
	schemaInfo, err := w.client.Schemas.GetByFullName(ctx, url.PathEscape(schemaName))
	if errors.Is(err, apierr.ErrNotFound) {
		onCatalog.privileges = append(onCatalog.privileges, catalog.PrivilegeCreateSchema)
		return []need{onCatalog}, nil
	}
	if err := w.unseen("schema", schemaName, err); err != nil {
		return nil, err
	}
	onSchema := need{securable: catalog.SecurableTypeSchema, name: schemaName, privileges: []catalog.Privilege{catalog.PrivilegeUseSchema, catalog.PrivilegeCreateTable}}
	onTables := need{securable: catalog.SecurableTypeSchema, name: schemaName, privileges: []catalog.Privilege{catalog.PrivilegeModify, catalog.PrivilegeSelect}, optional: true}
	if schemaInfo != nil {
		onSchema.owner = schemaInfo.Owner
	}
	volumeName := schemaName + "." + c.Volume
	volumeInfo, err := w.client.Volumes.ReadByName(ctx, url.PathEscape(volumeName))
	if errors.Is(err, apierr.ErrNotFound) {
		onSchema.privileges = append(onSchema.privileges, catalog.PrivilegeCreateVolume)
		return []need{onCatalog, onSchema, onTables}, nil
	}
	if err := w.unseen("volume", volumeName, err); err != nil {
		return nil, err
	}
	onVolume := need{securable: catalog.SecurableTypeVolume, name: volumeName, privileges: []catalog.Privilege{catalog.PrivilegeReadVolume, catalog.PrivilegeWriteVolume}}
	if volumeInfo != nil {
		onVolume.owner = volumeInfo.Owner
	}
	return []need{onCatalog, onSchema, onVolume, onTables}, nil
}

// unseen returns an error unchanged, unless the error says that the object
// exists and the principal may not read it.
func (w *Workspace) unseen(what, name string, err error) error {
	if err == nil || errors.Is(err, apierr.ErrPermissionDenied) {
		return nil
	}
	return failure.New(failure.Destination, "describe %s %s: %w", what, name, w.redact.err(err))
}

// lacking lists the privileges on n that no known grant covers. It gives one
// Lack for privileges that the principal does not have, and one for privileges
// that only groups have.
func (w *Workspace) lacking(ctx context.Context, n need) ([]Lack, error) {
	if n.owner != "" && w.isMe(n.owner) {
		return nil, nil
	}
	assignments, err := w.effective(ctx, n)
	if errors.Is(err, apierr.ErrPermissionDenied) {
		return []Lack{w.newLack(n, n.privileges, nil, w.redact.err(err))}, nil
	}
	if err != nil {
		return nil, failure.New(failure.Destination, "read the privileges on %s %s: %w", strings.ToLower(string(n.securable)), n.name, w.redact.err(err))
	}
	var missing, ofGroups []catalog.Privilege
	var groups []string
	for _, p := range n.privileges {
		mine, others := w.holders(assignments, p)
		switch {
		case mine:
		case len(others) > 0:
			ofGroups = append(ofGroups, p)
			groups = append(groups, others...)
		default:
			missing = append(missing, p)
		}
	}
	var out []Lack
	if len(missing) > 0 {
		out = append(out, w.newLack(n, missing, nil, nil))
	}
	if len(ofGroups) > 0 {
		slices.Sort(groups)
		out = append(out, w.newLack(n, ofGroups, slices.Compact(groups), nil))
	}
	return out, nil
}

// effective lists all principals with privileges on an object, including
// inherited privileges. A page may be empty without being the last.
func (w *Workspace) effective(ctx context.Context, n need) ([]catalog.EffectivePrivilegeAssignment, error) {
	var all []catalog.EffectivePrivilegeAssignment
	request := catalog.GetEffectiveRequest{
		SecurableType: strings.ToLower(string(n.securable)), FullName: url.PathEscape(n.name), ForceSendFields: []string{"MaxResults"},
	}
	for {
		page, err := w.client.Grants.GetEffective(ctx, request)
		if err != nil && request.Principal == "" && request.PageToken == "" && errors.Is(err, apierr.ErrPermissionDenied) {
			request.Principal = w.user // a user who may not see all grants may see their own
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page.PrivilegeAssignments...)
		if page.NextPageToken == "" {
			return all, nil
		}
		request.PageToken = page.NextPageToken
	}
}

// holders reports whether the principal has a privilege. It also lists the
// groups that have it and that the principal may be a member of.
func (w *Workspace) holders(assignments []catalog.EffectivePrivilegeAssignment, wanted catalog.Privilege) (mine bool, groups []string) {
	for _, a := range assignments {
		if !slices.ContainsFunc(a.Privileges, func(p catalog.EffectivePrivilege) bool {
			return p.Privilege == wanted || p.Privilege == catalog.PrivilegeAllPrivileges
		}) {
			continue
		}
		switch {
		case w.isMe(a.Principal):
			return true, nil
		case isGroup(a.Principal):
			groups = append(groups, a.Principal)
		}
	}
	return false, groups
}

// everybody is the group of all users and service principals of an account.
const everybody = "account users"

// isMe reports whether a grant to principal applies to the signed-in user.
func (w *Workspace) isMe(principal string) bool {
	return strings.EqualFold(principal, w.user) || strings.EqualFold(principal, everybody) ||
		slices.ContainsFunc(w.groups, func(g string) bool { return strings.EqualFold(g, principal) })
}

var applicationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// isGroup distinguishes groups from users, which have an e-mail address, and
// from service principals, which have an application id.
func isGroup(principal string) bool {
	return !strings.Contains(principal, "@") && !applicationID.MatchString(principal)
}

func (w *Workspace) newLack(n need, privileges []catalog.Privilege, groups []string, unknown error) Lack {
	words := make([]string, len(privileges))
	for i, p := range privileges {
		words[i] = strings.ReplaceAll(string(p), "_", " ")
	}
	parts := []string{w.config.Catalog, w.config.Schema, w.config.Volume}[:strings.Count(n.name, ".")+1]
	for i := range parts {
		parts[i] = Quote(parts[i])
	}
	kind := strings.ToUpper(string(n.securable))
	return Lack{
		On: strings.ToLower(kind) + " " + n.name, Privileges: words, Optional: n.optional, Groups: groups, Unknown: unknown,
		Grant: "GRANT " + strings.Join(words, ", ") + " ON " + kind + " " + strings.Join(parts, ".") + " TO " + Quote(w.user) + ";",
	}
}

// usingLevels are the permission levels of a SQL warehouse that allow running
// statements.
var usingLevels = []sql.WarehousePermissionLevel{
	sql.WarehousePermissionLevelCanUse, sql.WarehousePermissionLevelCanMonitor, sql.WarehousePermissionLevelCanManage, sql.WarehousePermissionLevelIsOwner,
}

// Lack describes what the signed-in principal lacks to run statements here. It
// is nil if nothing is lacking, and also if that cannot be known: only a
// manager of a warehouse may read its permissions. It does not wake the
// warehouse.
func (h *Warehouse) Lack(ctx context.Context) (*Lack, error) {
	if err := h.Find(ctx); err != nil {
		return nil, err
	}
	w, id := h.w, h.warehouseID()
	lack := &Lack{
		On: "SQL warehouse " + h.Name(), Privileges: []string{"CAN USE"},
		Grant: "databricks warehouses update-permissions " + id + ` --json '{"access_control_list": [{"` + w.principalKind() + `": "` + w.user + `", "permission_level": "CAN_USE"}]}'`,
	}
	answer, err := w.client.Warehouses.GetPermissions(ctx, sql.GetWarehousePermissionsRequest{WarehouseId: id})
	if err != nil {
		_, err = w.client.Warehouses.GetById(ctx, id)
		switch {
		case err == nil:
			return nil, nil //nolint:nilnil // nothing is lacking
		case errors.Is(err, apierr.ErrPermissionDenied):
			return lack, nil
		}
		return nil, failure.New(failure.Destination, "describe %s: %w", lack.On, w.redact.err(err)).
			WithHint("`databricks warehouses list` shows those that you may use")
	}
	for _, a := range answer.AccessControlList {
		if !slices.ContainsFunc(a.AllPermissions, func(p sql.WarehousePermission) bool { return slices.Contains(usingLevels, p.PermissionLevel) }) {
			continue
		}
		switch {
		case a.GroupName == "":
			if w.isMe(a.UserName) || w.isMe(a.ServicePrincipalName) {
				return nil, nil //nolint:nilnil // nothing is lacking
			}
		case w.isMe(a.GroupName), a.GroupName == "users": // all users of the workspace
			return nil, nil //nolint:nilnil // nothing is lacking
		case a.GroupName != "admins":
			lack.Groups = append(lack.Groups, a.GroupName)
		}
	}
	slices.Sort(lack.Groups)
	return lack, nil
}

// principalKind is the field of a permission that identifies the signed-in
// principal.
func (w *Workspace) principalKind() string {
	if applicationID.MatchString(w.user) {
		return "service_principal_name"
	}
	return "user_name"
}
