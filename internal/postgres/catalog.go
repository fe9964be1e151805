package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Catalog is the system catalog of a database as one session sees it.
type Catalog struct {
	conn    *pgx.Conn
	text    Text
	version int // of the server
}

// Catalog reads the catalog on a session.
func (s *Source) Catalog(conn *pgx.Conn) *Catalog {
	return &Catalog{conn: s.Text.reads(conn), text: s.Text, version: s.Facts.Version}
}

// Relations reads the relations of the given schemas or, if oids is not nil, exactly those relations.
// Partitions are not listed separately.
func (c *Catalog) Relations(ctx context.Context, schemas []string, oids []uint32) ([]Relation, error) {
	return c.relations(ctx, schemas, oids, false)
}

// relations is Relations. locked means that this session has locked the relations.
//
// The query reads its rows as of its begin, but its functions look at the present: of a relation that
// was dropped in between they are NULL. Such a relation is left out.
func (c *Catalog) relations(ctx context.Context, schemas []string, oids []uint32, locked bool) ([]Relation, error) {
	rows, err := c.conn.Query(ctx, `
		SELECT `+raw("n.nspname")+`, `+raw("c.relname")+
		`, c.oid, c.relkind::text, c.relnatts, c.relpersistence::text, c.relreplident::text, row_security_active(c.oid),
		       pg_has_role(c.relowner, 'USAGE'), coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false),
		       coalesce(has_any_column_privilege(c.oid, 'SELECT') AND NOT has_table_privilege(c.oid, 'SELECT'), false),
		       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid), `+raw(
		"coalesce(obj_description(c.oid, 'pg_class'), '')")+`
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE CASE WHEN $2::oid[] IS NULL THEN n.nspname = ANY($1) AND NOT c.relispartition AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		           ELSE c.oid = ANY($2) END
		      AND has_table_privilege(c.oid, 'SELECT') IS NOT NULL
		ORDER BY 1, 2`, schemas, oids)
	if err != nil {
		return nil, Error("read the catalog", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Relation, error) {
		var r Relation
		var ident string
		err := row.Scan(&r.Name.Schema, &r.Name.Name, &r.OID, &r.Kind, &r.Highest, &r.Persistence, &ident, &r.RowSecurity, &r.Owned,
			&r.Readable, &r.SomeColumns,
			&r.Inherits, &r.Comment)
		r.Partitioned = r.Kind == KindPartitionedTable
		r.version = c.version
		r.Identity.Kind = identityKinds[ident]
		c.text.illegible(&r, Illegible{OID: r.OID, Name: r.Name.Name})
		return r, err
	})
	if err != nil {
		return nil, Error("read the catalog", err)
	}
	return list, c.fill(ctx, list, locked)
}

var identityKinds = map[string]schema.IdentityKind{
	"d": schema.IdentityDefault, "i": schema.IdentityIndex, "f": schema.IdentityFull, "n": schema.IdentityNothing,
}

func (c *Catalog) fill(ctx context.Context, list []Relation, locked bool) error {
	byOID := make(map[uint32]*Relation, len(list))
	var oids []uint32
	for i := range list {
		byOID[list[i].OID] = &list[i]
		oids = append(oids, list[i].OID)
	}
	if err := c.fillLeaves(ctx, byOID, oids, locked); err != nil {
		return err
	}
	for i := range list {
		for _, l := range list[i].Leaves {
			list[i].Readable = list[i].Readable && l.Readable
		}
	}
	keys, err := c.indexes(ctx, list)
	if err != nil {
		return err
	}
	for i := range list {
		r := &list[i]
		r.PrimaryKey, r.Deferrable = keys[r.OID].primary, keys[r.OID].deferrable
		r.Identity.Columns = keys[r.OID].identity(r.Identity.Kind)
		for j := range r.Leaves {
			leaf := &r.Leaves[j]
			leaf.Identity.Columns = keys[leaf.OID].identity(leaf.Identity.Kind)
			leaf.primary, leaf.deferrable = keys[leaf.OID].primary, keys[leaf.OID].deferrable
		}
	}
	return c.fillColumns(ctx, byOID, oids)
}

type indexKeys struct {
	primary, replica []string
	deferrable       bool // there is a primary key, which is not in primary
}

func (k indexKeys) identity(kind schema.IdentityKind) []string {
	switch kind {
	case schema.IdentityDefault:
		return k.primary
	case schema.IdentityIndex:
		return k.replica
	default:
		return nil
	}
}

// indexes reads the primary keys and identity indexes of relations and leaves. A deferrable primary
// key does not count: Postgres does not accept it as an identity, and two rows may share a key within
// a transaction.
func (c *Catalog) indexes(ctx context.Context, list []Relation) (map[uint32]indexKeys, error) {
	var oids []uint32
	for _, r := range list {
		oids = append(oids, r.OID)
		for _, l := range r.Leaves {
			oids = append(oids, l.OID)
		}
	}
	rows, err := c.conn.Query(ctx, `
		SELECT i.indrelid, i.indisprimary, i.indisreplident, i.indimmediate, array_agg(`+raw("a.attname")+` ORDER BY k.n)
		FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n), pg_attribute a
		WHERE i.indrelid = ANY($1) AND (i.indisprimary OR i.indisreplident) AND i.indisvalid AND k.n <= i.indnkeyatts
		  AND a.attrelid = i.indrelid AND a.attnum = k.attnum
		GROUP BY i.indexrelid, 1, 2, 3`, oids)
	if err != nil {
		return nil, Error("read the catalog's indexes", err)
	}
	keys := map[uint32]indexKeys{}
	var oid uint32
	var primary, replica, immediate bool
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&oid, &primary, &replica, &immediate, &columns}, func() error {
		k := keys[oid]
		if primary && immediate {
			k.primary = columns
		}
		k.deferrable = k.deferrable || primary && !immediate
		if replica {
			k.replica = columns
		}
		keys[oid] = k
		columns = nil
		return nil
	})
	return keys, Error("read the catalog's indexes", err)
}

// fillLeaves lists the tables that hold the rows of every relation. A partition was created as one if
// the command that created it also attached it to its parent. ATTACH rewrites all attributes of a
// table, and the table may have rows by then. CREATE TABLE rewrites only some attributes, those with a
// default. So a single attribute that was written only once is proof of a created partition.
//
// Measuring a table waits for a session that holds an exclusive lock on it. Unless locked reports that
// this session has locked all of them, the size of such a table is the planner's estimate.
func (c *Catalog) fillLeaves(ctx context.Context, byOID map[uint32]*Relation, oids []uint32, locked bool) error {
	rows, err := c.conn.Query(ctx, `
		SELECT tree.root, `+raw("n.nspname")+`, `+raw("c.relname")+
		`, c.oid, coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false), c.relreplident::text, c.relfilenode,
		       coalesce(CASE WHEN busy.oid IS NULL THEN pg_relation_size(c.oid) / b.size ELSE c.relpages END, 0),
		       coalesce(CASE WHEN busy.oid IS NULL THEN pg_table_size(c.oid) ELSE c.relpages * b.size END, 0), c.reltuples::bigint,
		       ARRAY(SELECT i.inhrelid FROM pg_partition_ancestors(c.oid) WITH ORDINALITY way(relid, step), pg_inherits i, pg_class k, pg_type t
		             WHERE way.step <= tree.level AND i.inhrelid = way.relid AND k.oid = way.relid AND t.oid = k.reltype
		               AND NOT (i.xmin = t.xmin AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
		                                                    AND a.xmin = t.xmin AND a.cmin::text = t.cmin::text)))
		FROM (SELECT oid AS root, oid AS leaf, 0 AS level FROM unnest($1::oid[]) oid
		      UNION ALL
		      SELECT r.oid, p.relid, p.level FROM pg_class r CROSS JOIN LATERAL pg_partition_tree(r.oid) p
		      WHERE r.oid = ANY($1) AND r.relkind = 'p' AND p.isleaf) tree
		JOIN pg_class c ON c.oid = tree.leaf AND c.relkind = 'r'
		JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN (SELECT current_setting('block_size')::bigint AS size) b
		LEFT JOIN (SELECT DISTINCT relation AS oid FROM pg_locks
		           WHERE NOT $2 AND locktype = 'relation' AND mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid()
		             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) busy ON busy.oid = c.oid
		ORDER BY 1, c.oid`, oids, locked)
	if err != nil {
		return Error("read the catalog's partitions", err)
	}
	var root uint32
	var l Leaf
	var ident string
	var tuples int64
	_, err = pgx.ForEachRow(rows, []any{&root, &l.Name.Schema, &l.Name.Name, &l.OID, &l.Readable, &ident, &l.File, &l.Blocks, &l.Bytes,
		&tuples, &l.Attached}, func() error {
		r := byOID[root]
		l.Identity.Kind = identityKinds[ident]
		if l.OID != r.OID {
			c.text.illegible(r, Illegible{OID: l.OID, Partition: true, Name: l.Name.Name})
		}
		r.Leaves = append(r.Leaves, l)
		l.Attached = nil
		r.Bytes += l.Bytes
		if tuples < 0 || r.Rows < 0 {
			r.Rows = -1
		} else {
			r.Rows += tuples
		}
		return nil
	})
	return Error("read the catalog's partitions", err)
}

func (c *Catalog) fillColumns(ctx context.Context, byOID map[uint32]*Relation, oids []uint32) error {
	rows, err := c.conn.Query(ctx, `
		SELECT a.attrelid, `+raw("a.attname")+`, a.attnum, a.atttypid, a.atttypmod, a.attgenerated::text, `+
		raw("coalesce(col_description(a.attrelid, a.attnum), '')")+`,
		       NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated)
		FROM pg_attribute a WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attrelid, a.attnum`, oids)
	if err != nil {
		return Error("read the catalog's columns", err)
	}
	var rel uint32
	var column schema.Column
	var generated string
	var comment string
	var nullable bool
	var wanted []TypeRef
	_, err = pgx.ForEachRow(rows,
		[]any{&rel, &column.Name, &column.Number, &column.Postgres.OID, &column.Postgres.Typmod, &generated, &comment, &nullable}, func() error {
			r := byOID[rel]
			c.text.illegible(r, Illegible{OID: rel, Column: column.Number, Name: column.Name})
			if comment != "" {
				if r.Comments == nil {
					r.Comments = map[string]string{}
				}
				r.Comments[column.Name] = comment
			}
			column.Key = r.Identity.Kind == schema.IdentityFull || slices.Contains(r.Identity.Columns, column.Name)
			if generated == "" {
				r.Columns = append(r.Columns, column)
			} else {
				r.Generated = append(r.Generated, column)
			}
			if nullable {
				r.Nullable = append(r.Nullable, column.Name)
			}
			if generated == "v" {
				r.Virtual = append(r.Virtual, column.Name)
			}
			wanted = append(wanted, TypeRef{column.Postgres.OID, column.Postgres.Typmod})
			return nil
		})
	if err != nil {
		return Error("read the catalog's columns", err)
	}
	types, err := c.Types(ctx, wanted)
	if err != nil {
		return err
	}
	for _, r := range byOID {
		for _, columns := range [][]schema.Column{r.Columns, r.Generated} {
			for i := range columns {
				t := types[TypeRef{columns[i].Postgres.OID, columns[i].Postgres.Typmod}]
				columns[i].Postgres, columns[i].Type = t, schema.Map(t).Type
			}
		}
	}
	return nil
}

// TypeRef is a type with its modifier, as a column has it.
type TypeRef struct {
	OID    uint32
	Typmod int32
}

type typeRow struct {
	OID, Base, Elem       uint32
	Typmod                int32
	Class, Delim, Display string
	Name, Extension       string
}

// Types describes types. It resolves domains to their base and true arrays to their element, and names
// the types of extensions. A type that the catalog does not (or no longer) contain is described as a
// text type.
func (c *Catalog) Types(ctx context.Context, refs []TypeRef) (map[TypeRef]schema.PostgresType, error) {
	known := map[uint32]typeRow{}
	var pending []uint32
	want := func(oid uint32) {
		if _, ok := known[oid]; !ok && oid != 0 && !slices.Contains(pending, oid) {
			pending = append(pending, oid)
		}
	}
	seen := map[uint32]bool{}
	for _, r := range refs {
		if !seen[r.OID] {
			seen[r.OID] = true
			pending = append(pending, r.OID)
		}
	}
	for len(pending) > 0 {
		rows, err := c.conn.Query(ctx, `
			SELECT t.oid, t.typbasetype, CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0 END, t.typtypmod, t.typtype::text,
			       coalesce(e.typdelim, ',')::text, `+raw("format_type(t.oid, NULL)")+`, `+raw("t.typname")+`,
			       coalesce((SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
			                 WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass), '')
			FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.oid = ANY($1)`, pending)
		if err != nil {
			return nil, Error("read the catalog's types", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[typeRow])
		if err != nil {
			return nil, Error("read the catalog's types", err)
		}
		for _, oid := range pending {
			known[oid] = typeRow{OID: oid, Class: "b", Typmod: -1, Display: "dropped type " + itoa(oid)}
		}
		pending = nil
		for _, t := range list {
			known[t.OID] = t
		}
		for _, t := range list {
			want(t.Base)
			want(t.Elem)
		}
	}
	names, err := c.typeNames(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := make(map[TypeRef]schema.PostgresType, len(refs))
	for _, r := range refs {
		t := describe(known, r)
		if n := names[r]; n != "" {
			t.Name = n
		}
		out[r] = t
	}
	return out, nil
}

func (c *Catalog) typeNames(ctx context.Context, refs []TypeRef) (map[TypeRef]string, error) {
	oids, mods := make([]uint32, len(refs)), make([]int32, len(refs))
	for i, r := range refs {
		oids[i], mods[i] = r.OID, r.Typmod
	}
	rows, err := c.conn.Query(ctx, `SELECT DISTINCT o, m, `+raw("format_type(o, m)")+` FROM unnest($1::oid[], $2::int4[]) u(o, m)`, oids, mods)
	if err != nil {
		return nil, Error("read the catalog's types", err)
	}
	names := map[TypeRef]string{}
	var r TypeRef
	var name string
	_, err = pgx.ForEachRow(rows, []any{&r.OID, &r.Typmod, &name}, func() error { names[r] = name; return nil })
	return names, Error("read the catalog's types", err)
}

func describe(known map[uint32]typeRow, r TypeRef) schema.PostgresType {
	base, typmod := known[r.OID], r.Typmod
	for base.Class == "d" {
		if base.Typmod >= 0 {
			typmod = base.Typmod
		}
		base = known[base.Base]
	}
	t := schema.PostgresType{
		OID: r.OID, Typmod: r.Typmod, Name: known[r.OID].Display,
		Base: base.OID, BaseTypmod: typmod, Class: base.Class, Extension: base.Extension,
	}
	if t.Extension != "" {
		t.BaseName = base.Name
	}
	if base.Elem != 0 {
		elem := describe(known, TypeRef{base.Elem, typmod})
		t.Elem, t.Delim = &elem, base.Delim
	}
	return t
}

// Attribute is a column in the present catalog. It supplies what a Relation message leaves out.
type Attribute struct {
	Number int16
	// HasDefault means that the column has a default now (also an identity's or a type's), or a value
	// for older rows, in the table or in a partition.
	HasDefault bool
	Type       TypeRef
	Generated  bool
}

// Attributes are the columns of a relation by name, and the numbers of dropped columns.
type Attributes struct {
	Columns map[string]Attribute
	Dropped []int16
}

// Attributes reads the columns of a relation; nothing if it is gone.
func (c *Catalog) Attributes(ctx context.Context, oid uint32) (Attributes, error) {
	rows, err := c.conn.Query(ctx, `
		SELECT `+raw("a.attname")+
		`, a.attnum, a.attisdropped, a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR coalesce(t.typdefault IS NOT NULL, false)
		       OR EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL pg_partition_tree(c.oid) l JOIN pg_attribute la ON la.attrelid = l.relid
		                  WHERE c.oid = a.attrelid AND c.relkind = 'p' AND la.attname = a.attname AND la.atthasmissing),
		       a.atttypid, a.atttypmod, a.attgenerated <> ''
		FROM pg_attribute a LEFT JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = $1 AND a.attnum > 0`, oid)
	out := Attributes{Columns: map[string]Attribute{}}
	if err != nil {
		return out, Error("read the catalog's columns", err)
	}
	var name string
	var a Attribute
	var dropped bool
	_, err = pgx.ForEachRow(rows, []any{&name, &a.Number, &dropped, &a.HasDefault, &a.Type.OID, &a.Type.Typmod, &a.Generated}, func() error {
		if dropped {
			out.Dropped = append(out.Dropped, a.Number)
		} else {
			out.Columns[name] = a
		}
		return nil
	})
	return out, Error("read the catalog's columns", err)
}
