package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// rdsReplication is the role whose members may read slots on Amazon RDS and Aurora. No role may grant
// REPLICATION there.
const rdsReplication = "rds_replication"

// Role is what a role may do in the database of a session, which may belong to another role. A role
// that does not exist has the rights of PUBLIC.
type Role struct {
	Name         string
	Exists       bool
	MayReplicate bool
	MayConnect   bool
	MayCreate    bool // publications
	RDS          bool // REPLICATION is a membership on this server

	oid uint32 // 0, which stands for PUBLIC, if the role does not exist
}

// Role reads the rights of a role.
func (c *Catalog) Role(ctx context.Context, name string) (*Role, error) {
	r := &Role{Name: name}
	err := c.conn.QueryRow(ctx, `
		SELECT coalesce(r.oid, 0), r.oid IS NOT NULL, coalesce(`+mayReplicate+`, false),
		       has_database_privilege(coalesce(r.oid, 0), current_database(), 'CONNECT'),
		       has_database_privilege(coalesce(r.oid, 0), current_database(), 'CREATE'),
		       EXISTS (SELECT FROM pg_roles m WHERE m.rolname = '`+rdsReplication+`')
		FROM (SELECT) one LEFT JOIN pg_roles r ON r.rolname = $1`, name).
		Scan(&r.oid, &r.Exists, &r.MayReplicate, &r.MayConnect, &r.MayCreate, &r.RDS)
	return r, Error("read the role's privileges", err)
}

// Unread are what a role needs to read relations and may not use: schemas, and tables and partitions.
type Unread struct {
	Schemas []string
	Tables  []schema.TableName
}

// As sets the rights on relations and publications, which the session's role has read, to those of
// another role. It returns what that role may not read.
func (c *Catalog) As(ctx context.Context, role *Role, relations []Relation, publications map[string]*PublicationInfo) (*Unread, error) {
	var oids []uint32
	for i := range relations {
		oids = append(oids, relations[i].OID)
		for _, l := range relations[i].Leaves {
			oids = append(oids, l.OID)
		}
	}
	rights, err := c.rights(ctx, role, oids)
	if err != nil {
		return nil, err
	}
	unread := &Unread{}
	note := func(name schema.TableName, own tableRights) {
		if !own.usable && !slices.Contains(unread.Schemas, name.Schema) {
			unread.Schemas = append(unread.Schemas, name.Schema)
		}
		if !own.selects {
			unread.Tables = append(unread.Tables, name)
		}
	}
	for i := range relations {
		r := &relations[i]
		own := rights[r.OID]
		r.Owned, r.RowSecurity, r.Readable, r.SomeColumns = own.owned, own.secured, own.usable && own.selects, own.someColumns
		note(r.Name, own)
		for j := range r.Leaves {
			l := &r.Leaves[j]
			of := rights[l.OID]
			l.Readable = of.usable && of.selects
			r.Readable = r.Readable && l.Readable
			if l.OID != r.OID {
				note(l.Name, of)
			}
		}
	}
	for _, p := range publications {
		if err := c.conn.QueryRow(ctx, `SELECT `+ownedBy("$2::oid"), role.oid, p.owner).Scan(&p.Owned); err != nil {
			return nil, Error("read the owner of a publication", err)
		}
	}
	return unread, nil
}

// ownedBy is the condition that the role $1 has the rights of an owner.
func ownedBy(owner string) string {
	return "CASE WHEN $1::oid = 0 THEN false ELSE pg_has_role($1::oid, " + owner + ", 'USAGE') END"
}

// tableRights are a role's rights on a table: to use its schema, to select all columns or only some, and
// to alter it. secured means that policies hide rows from the role.
type tableRights struct{ usable, selects, someColumns, owned, secured bool }

func (c *Catalog) rights(ctx context.Context, role *Role, oids []uint32) (map[uint32]tableRights, error) {
	rows, err := c.conn.Query(ctx, `
		SELECT oid, usable, selects, partly AND NOT selects, owned, relrowsecurity AND NOT bypasses AND NOT (owned AND NOT relforcerowsecurity)
		FROM (SELECT c.oid, c.relrowsecurity, c.relforcerowsecurity,
		             has_schema_privilege($1::oid, c.relnamespace, 'USAGE') AS usable, has_table_privilege($1::oid, c.oid, 'SELECT') AS selects,
		             has_any_column_privilege($1::oid, c.oid, 'SELECT') AS partly, `+ownedBy("c.relowner")+` AS owned,
		             EXISTS (SELECT FROM pg_roles r WHERE r.oid = $1::oid AND (r.rolsuper OR r.rolbypassrls)) AS bypasses
		      FROM pg_class c WHERE c.oid = ANY($2)) t
		WHERE selects IS NOT NULL`, role.oid, oids)
	if err != nil {
		return nil, Error("read the role's privileges", err)
	}
	out := map[uint32]tableRights{}
	var oid uint32
	var t tableRights
	_, err = pgx.ForEachRow(rows, []any{&oid, &t.usable, &t.selects, &t.someColumns, &t.owned, &t.secured}, func() error {
		out[oid] = t
		return nil
	})
	return out, Error("read the role's privileges", err)
}

// Make is the SQL that makes the role, or lets an existing one connect and, if it replicates, read a
// slot; empty if it may. scripts/postgres-role.sql has the same statements.
func (r *Role) Make(database string, replicates bool) (out []string) {
	role := schema.QuotePostgres(r.Name)
	switch {
	case !r.Exists && !replicates:
		out = append(out, fmt.Sprintf("CREATE ROLE %s LOGIN;", role))
	case !r.Exists && r.RDS:
		out = append(out, fmt.Sprintf("CREATE ROLE %s LOGIN IN ROLE %s;", role, rdsReplication))
	case !r.Exists:
		out = append(out, fmt.Sprintf("CREATE ROLE %s LOGIN REPLICATION;", role))
	case !r.MayReplicate && replicates:
		out = append(out, letReplicate(r.Name, r.RDS))
	}
	if !r.MayConnect {
		out = append(out, fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s;", schema.QuotePostgres(database), role))
	}
	return out
}

// letReplicate is the SQL that lets a role read slots.
func letReplicate(name string, rds bool) string {
	if rds {
		return fmt.Sprintf("GRANT %s TO %s;", rdsReplication, schema.QuotePostgres(name))
	}
	return fmt.Sprintf("ALTER ROLE %s REPLICATION;", schema.QuotePostgres(name))
}

// BypassRowSecurity is the SQL that lets a role read all rows of tables with policies.
func BypassRowSecurity(role string) string {
	return fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", schema.QuotePostgres(role))
}
