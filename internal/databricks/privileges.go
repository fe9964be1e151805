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

	"github.com/ingest-tool/ingest/internal/failure"
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
func (p *Place) Lacks(ctx context.Context) ([]Lack, error) {
	needs, err := p.needs(ctx)
	if err != nil {
		return nil, err
	}
	var out []Lack
	for _, n := range needs {
		lack, err := p.lacking(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, lack...)
	}
	return out, nil
}

func (p *Place) needs(ctx context.Context) ([]need, error) {
	onCatalog := need{securable: catalog.SecurableTypeCatalog, name: p.catalog, privileges: []catalog.Privilege{catalog.PrivilegeUseCatalog}}
	if info, err := p.c.client.Catalogs.GetByName(ctx, url.PathEscape(p.catalog)); err == nil {
		onCatalog.owner = info.Owner
	}
	schemaName := p.schemaName()
	schemaInfo, err := p.c.client.Schemas.GetByFullName(ctx, url.PathEscape(schemaName))
	if errors.Is(err, apierr.ErrNotFound) {
		onCatalog.privileges = append(onCatalog.privileges, catalog.PrivilegeCreateSchema)
		return []need{onCatalog}, nil
	}
	if err := p.unseen("schema", schemaName, err); err != nil {
		return nil, err
	}
	onSchema := need{securable: catalog.SecurableTypeSchema, name: schemaName, privileges: []catalog.Privilege{catalog.PrivilegeUseSchema,
		catalog.PrivilegeCreateTable}}
	onTables := need{securable: catalog.SecurableTypeSchema, name: schemaName, privileges: []catalog.Privilege{catalog.PrivilegeModify,
		catalog.PrivilegeSelect}, optional: true}
	if schemaInfo != nil {
		onSchema.owner = schemaInfo.Owner
	}
	volumeName := p.volumeName()
	volumeInfo, err := p.c.client.Volumes.ReadByName(ctx, url.PathEscape(volumeName))
	if errors.Is(err, apierr.ErrNotFound) {
		onSchema.privileges = append(onSchema.privileges, catalog.PrivilegeCreateVolume)
		return []need{onCatalog, onSchema, onTables}, nil
	}
	if err := p.unseen("volume", volumeName, err); err != nil {
		return nil, err
	}
	onVolume := need{securable: catalog.SecurableTypeVolume, name: volumeName, privileges: []catalog.Privilege{catalog.PrivilegeReadVolume,
		catalog.PrivilegeWriteVolume}}
	if volumeInfo != nil {
		onVolume.owner = volumeInfo.Owner
	}
	return []need{onCatalog, onSchema, onVolume, onTables}, nil
}

// unseen returns an error unchanged, unless the error says that the object
// exists and the principal may not read it.
func (p *Place) unseen(what, name string, err error) error {
	if err == nil || errors.Is(err, apierr.ErrPermissionDenied) {
		return nil
	}
	return failure.New(failure.Destination, "describe %s %s: %w", what, name, p.c.redact.err(err))
}

// lacking lists the privileges on n that no known grant covers. It gives one
// Lack for privileges that the principal does not have, and one for privileges
// that only groups have.
func (p *Place) lacking(ctx context.Context, n need) ([]Lack, error) {
	if n.owner != "" && p.c.isMe(n.owner) {
		return nil, nil
	}
	assignments, err := p.effective(ctx, n)
	if errors.Is(err, apierr.ErrPermissionDenied) {
		return []Lack{p.newLack(n, n.privileges, nil, p.c.redact.err(err))}, nil
	}
	if err != nil {
		return nil, failure.New(failure.Destination, "read the privileges on %s %s: %w", strings.ToLower(string(n.securable)),
			n.name, p.c.redact.err(err))
	}
	var missing, ofGroups []catalog.Privilege
	var groups []string
	for _, wanted := range n.privileges {
		mine, others := p.holders(assignments, wanted)
		switch {
		case mine:
		case len(others) > 0:
			ofGroups = append(ofGroups, wanted)
			groups = append(groups, others...)
		default:
			missing = append(missing, wanted)
		}
	}
	var out []Lack
	if len(missing) > 0 {
		out = append(out, p.newLack(n, missing, nil, nil))
	}
	if len(ofGroups) > 0 {
		slices.Sort(groups)
		out = append(out, p.newLack(n, ofGroups, slices.Compact(groups), nil))
	}
	return out, nil
}

// effective lists all principals with privileges on an object, including
// inherited privileges. A page may be empty without being the last.
func (p *Place) effective(ctx context.Context, n need) ([]catalog.EffectivePrivilegeAssignment, error) {
	var all []catalog.EffectivePrivilegeAssignment
	request := catalog.GetEffectiveRequest{
		SecurableType: strings.ToLower(string(n.securable)), FullName: url.PathEscape(n.name), ForceSendFields: []string{"MaxResults"},
	}
	for {
		page, err := p.c.client.Grants.GetEffective(ctx, request)
		if err != nil && request.Principal == "" && request.PageToken == "" && errors.Is(err, apierr.ErrPermissionDenied) {
			request.Principal = p.c.user // a user who may not see all grants may see their own
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
func (p *Place) holders(assignments []catalog.EffectivePrivilegeAssignment, wanted catalog.Privilege) (mine bool, groups []string) {
	for _, a := range assignments {
		if !slices.ContainsFunc(a.Privileges, func(held catalog.EffectivePrivilege) bool {
			return held.Privilege == wanted || held.Privilege == catalog.PrivilegeAllPrivileges
		}) {
			continue
		}
		switch {
		case p.c.isMe(a.Principal):
			return true, nil
		case isGroup(a.Principal):
			groups = append(groups, a.Principal)
		}
	}
	return false, groups
}

// everybody is the group of all users and service principals of an account.
const everybody = "account users"

var applicationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// isGroup distinguishes groups from users, which have an e-mail address, and
// from service principals, which have an application id.
func isGroup(principal string) bool {
	return !strings.Contains(principal, "@") && !applicationID.MatchString(principal)
}

func (p *Place) newLack(n need, privileges []catalog.Privilege, groups []string, unknown error) Lack {
	words := make([]string, len(privileges))
	for i, one := range privileges {
		words[i] = strings.ReplaceAll(string(one), "_", " ")
	}
	parts := []string{p.catalog, p.schema, p.volume}[:strings.Count(n.name, ".")+1]
	for i := range parts {
		parts[i] = Quote(parts[i])
	}
	kind := strings.ToUpper(string(n.securable))
	return Lack{
		On: strings.ToLower(kind) + " " + n.name, Privileges: words, Optional: n.optional, Groups: groups, Unknown: unknown,
		Grant: "GRANT " + strings.Join(words, ", ") + " ON " + kind + " " + strings.Join(parts, ".") + " TO " + Quote(p.c.user) + ";",
	}
}

// usingLevels are the permission levels of a SQL warehouse that allow running
// statements.
var usingLevels = []sql.WarehousePermissionLevel{
	sql.WarehousePermissionLevelCanUse, sql.WarehousePermissionLevelCanMonitor, sql.WarehousePermissionLevelCanManage,
	sql.WarehousePermissionLevelIsOwner,
}

// Lack describes what the signed-in principal lacks to run statements here. It
// is nil if nothing is lacking, and also if that cannot be known: only a
// manager of a warehouse may read its permissions. It does not wake the
// warehouse.
func (h *Warehouse) Lack(ctx context.Context) (*Lack, error) {
	if err := h.Find(ctx); err != nil {
		return nil, err
	}
	c, id := h.c, h.warehouseID()
	lack := &Lack{
		On: "SQL warehouse " + h.Name(), Privileges: []string{"CAN USE"},
		Grant: "databricks warehouses update-permissions " + id + ` --json '{"access_control_list": [{"` + c.principalKind() + `": "` + c.user +
			`", "permission_level": "CAN_USE"}]}'`,
	}
	answer, err := c.client.Warehouses.GetPermissions(ctx, sql.GetWarehousePermissionsRequest{WarehouseId: id})
	if err != nil {
		_, err = c.client.Warehouses.GetById(ctx, id)
		switch {
		case err == nil:
			return nil, nil //nolint:nilnil // nothing is lacking
		case errors.Is(err, apierr.ErrPermissionDenied):
			return lack, nil
		}
		return nil, failure.New(failure.Destination, "describe %s: %w", lack.On, c.redact.err(err)).
			WithHint("`databricks warehouses list` shows those that you may use")
	}
	for _, a := range answer.AccessControlList {
		if !slices.ContainsFunc(a.AllPermissions,
			func(p sql.WarehousePermission) bool { return slices.Contains(usingLevels, p.PermissionLevel) }) {
			continue
		}
		switch {
		case a.GroupName == "":
			if c.isMe(a.UserName) || c.isMe(a.ServicePrincipalName) {
				return nil, nil //nolint:nilnil // nothing is lacking
			}
		case c.isMe(a.GroupName), a.GroupName == "users": // all users of the workspace
			return nil, nil //nolint:nilnil // nothing is lacking
		case a.GroupName != "admins":
			lack.Groups = append(lack.Groups, a.GroupName)
		}
	}
	slices.Sort(lack.Groups)
	return lack, nil
}
