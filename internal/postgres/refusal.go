package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Reason is why Postgres refuses UPDATE and DELETE of a published table; empty if it does not.
type Reason string

// The reasons, as in PostgreSQL's CheckCmdReplicaIdentity.
const (
	NoIdentity   Reason = "it has no replica identity"
	OtherFilter  Reason = "the publication's row filter uses a column that is not in its replica identity"   // since 15
	ShortList    Reason = "the publication's column list leaves out a column of its replica identity"        // since 15
	NotGenerated Reason = "its replica identity has a generated column, which the publication does not send" // refused since 18
)

const (
	firstUserOID = 16384  // objects below are Postgres's own
	versionTerms = 150000 // has row filters, column lists, publications of schemas
	versionLists = 160000 // sends a list of columns for every table
	versionSends = 180000 // can send stored generated columns; refuses UPDATE and DELETE if an unsent one is in the identity
)

// held is a table that holds rows, as a publication of updates and deletes contains it. It has all
// that Postgres checks before it accepts an UPDATE or DELETE.
type held struct {
	version         int
	table           schema.TableName
	identity        schema.Identity
	key             []string // primary key; nil if there is none, or if it is deferrable
	deferrable      bool     // there is a primary key that is not in key
	stored, virtual []string // generated columns
	publication     string
	terms           check
	sendsStored     bool // the publication sends stored generated columns if it has no column list
}

// check is what a publication defines for one table and that affects its updates and deletes.
type check struct {
	filter []string // columns of the row filter; a reference to the whole row is ""
	list   []string // the column list; nil if there is none
}

// unsent are the generated columns that the publication does not send.
func (h *held) unsent() []string {
	switch {
	case h.version < versionSends:
		return slices.Concat(h.stored, h.virtual)
	case h.terms.list != nil:
		return slices.DeleteFunc(slices.Concat(h.stored, h.virtual), func(c string) bool { return slices.Contains(h.terms.list, c) })
	case h.sendsStored:
		return h.virtual
	}
	return slices.Concat(h.stored, h.virtual)
}

// refused returns why Postgres refuses the application's UPDATE and DELETE. For a partition, Postgres
// checks the partition's own identity, and the row filter and column list of the table that it is
// published as.
func (h *held) refused() Reason {
	full := h.identity.Kind == schema.IdentityFull
	outside := func(in []string) func(string) bool {
		return func(c string) bool { return !slices.Contains(in, c) }
	}
	switch {
	case !h.identity.Usable():
		return NoIdentity
	case h.version < versionTerms:
		return ""
	case !full && slices.ContainsFunc(h.terms.filter, outside(h.identity.Columns)):
		return OtherFilter
	case h.terms.list != nil && (full || slices.ContainsFunc(h.identity.Columns, outside(h.terms.list))):
		return ShortList
	case h.version < versionSends:
		return ""
	case full && (len(h.virtual) > 0 || len(h.stored) > 0 && !h.sendsStored):
		return NotGenerated
	case !full && h.terms.list == nil &&
		slices.ContainsFunc(h.unsent(), func(c string) bool { return slices.Contains(h.identity.Columns, c) }):
		return NotGenerated
	}
	return ""
}

// unclear returns why the sent columns do not identify the row of an update or delete. Before version
// 18 Postgres accepts such statements.
func (h *held) unclear() Reason {
	switch {
	case !h.identity.Usable():
		return NoIdentity
	case slices.ContainsFunc(h.unsent(), func(c string) bool { return slices.Contains(h.identity.Columns, c) }):
		return NotGenerated
	}
	return ""
}

// lacks returns why updates and deletes should not be published.
func (h *held) lacks() Reason { return cmp.Or(h.refused(), h.unclear()) }

// fix is the SQL after which nothing is lacking. It tests each candidate with the same rule: FULL does
// not help a table with a virtual generated column, for example.
func (h *held) fix() string {
	name := h.table.SQL()
	byKey, full := schema.Identity{Kind: schema.IdentityDefault, Columns: h.key}, schema.Identity{Kind: schema.IdentityFull}
	setDefault, setFull := "ALTER TABLE "+name+" REPLICA IDENTITY DEFAULT;", "ALTER TABLE "+name+" REPLICA IDENTITY FULL;"
	setStored := "ALTER PUBLICATION " + schema.QuotePostgres(h.publication) + " SET (publish_generated_columns = stored);"
	for _, try := range []struct {
		identity schema.Identity
		stored   bool
		sql      string
	}{
		{byKey, false, setDefault}, {full, false, setFull},
		{h.identity, true, setStored}, {byKey, true, setStored + " " + setDefault}, {full, true, setStored + " " + setFull},
	} {
		with := *h
		with.identity, with.sendsStored = try.identity, h.sendsStored || try.stored && h.version >= versionSends
		if with.lacks() == "" {
			return try.sql
		}
	}
	if h.key == nil && !h.deferrable {
		return "ALTER TABLE " + name + " ADD PRIMARY KEY (…);"
	}
	return "ALTER TABLE " + name + " REPLICA IDENTITY USING INDEX …; (a unique index of NOT NULL columns)"
}

// Refusal is a table whose UPDATE or DELETE Postgres refuses for every role, because of how a
// publication contains it.
type Refusal struct {
	Table, Root    schema.TableName // one that holds rows, and its partitioned table, or itself
	RootOID        uint32
	RootKind       RelationKind
	RootOwned      bool // the role may add the root to a publication
	Publication    string
	BySchema       bool     // the publication contains the table through its schema
	Listed         []uint32 // OIDs that the publication lists, of the table and what it is a partition of
	Update, Delete bool     // which of the two are refused
	Why            Reason
	Fix            string // SQL
}

// Partitioned reports whether the root is a partitioned table.
func (r *Refusal) Partitioned() bool { return r.RootKind == KindPartitionedTable }

// Statements names the refused statements.
func (r *Refusal) Statements() string {
	switch {
	case !r.Delete:
		return "UPDATE"
	case !r.Update:
		return "DELETE"
	}
	return "UPDATE and DELETE"
}

// refusalSQL lists tables that hold rows, with each publication that sends their updates or deletes,
// if they may be refused. It leaves out tables that have an identity and nothing else that the rule
// checks.
func refusalSQL(version int) string {
	filter, list, sends, risk := "NULL::bytea[]", "NULL::bytea[]", "false", "false"
	bySchema := func(string) string { return "false" }
	if version >= versionTerms {
		filter, list, risk = filterColumns, listColumns, "r.prattrs IS NOT NULL OR r.prqual IS NOT NULL"
		bySchema = func(oids string) string {
			return `EXISTS (SELECT FROM pg_publication_namespace s JOIN pg_class a ON a.relnamespace = s.pnnspid WHERE s.pnpubid = p.oid AND a.oid = ANY(` + oids + `))`
		}
	}
	if version >= versionSends {
		sends = "p.pubgencols = 's'"
		risk += " OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped)"
	}
	return `
		SELECT ` + raw("n.nspname") + `, ` + raw("c.relname") + `, c.relreplident::text, ` + raw("rn.nspname") + `, ` + raw("root.relname") +
		`, root.oid, root.relkind::text, pg_has_role(root.relowner, 'USAGE'),
		       ` + raw("p.pubname") + `, m.byschema, m.listed, p.pubupdate, p.pubdelete, ` + sends + `,
		       identity.replica, identity.key, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
		       ` + generatedColumns("s") + `, ` + generatedColumns("v") + `, ` + filter + `, ` + list + `
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL (
			SELECT CASE WHEN c.relispartition
			            THEN ARRAY(SELECT a.relid::oid FROM pg_partition_ancestors(c.oid) WITH ORDINALITY a(relid, step) ORDER BY a.step)
			            ELSE ARRAY[c.oid] END AS oids) way
		JOIN pg_class root ON root.oid = way.oids[array_upper(way.oids, 1)] JOIN pg_namespace rn ON rn.oid = root.relnamespace
		JOIN pg_publication p ON p.pubupdate OR p.pubdelete
		CROSS JOIN LATERAL (
			SELECT ARRAY(SELECT r.prrelid FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = ANY(way.oids)) AS listed,
			       ` + bySchema("way.oids") + ` AS byschema) m
		CROSS JOIN LATERAL (
			SELECT coalesce((SELECT a.oid FROM unnest(way.oids) WITH ORDINALITY a(oid, step)
			                 WHERE p.pubviaroot AND a.step > 1 AND (a.oid = ANY(m.listed) OR ` + bySchema("ARRAY[a.oid]") + `)
			                 ORDER BY a.step DESC LIMIT 1), c.oid) AS oid) published
		LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = published.oid
		CROSS JOIN LATERAL (SELECT ` + indexColumns("i.indisreplident") + ` AS replica, ` + indexColumns("i.indisprimary") + ` AS key) identity
		WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= $1 AND (p.puballtables OR m.byschema OR m.listed <> '{}')
		  AND (CASE c.relreplident WHEN 'd' THEN identity.key IS NULL WHEN 'i' THEN identity.replica IS NULL ELSE c.relreplident = 'n' END OR ` + risk + `)
		ORDER BY p.pubname, n.nspname, c.relname`
}

// indexColumns are the columns of the index of a table c that can be an identity.
func indexColumns(which string) string {
	return `(SELECT array_agg(` + raw("a.attname") + ` ORDER BY k.n)
	         FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n), pg_attribute a
	         WHERE i.indrelid = c.oid AND ` + which + ` AND i.indisvalid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
	           AND k.n <= i.indnkeyatts AND a.attrelid = c.oid AND a.attnum = k.attnum)`
}

// generatedColumns are the columns of a table c of one kind: s stored, v virtual.
func generatedColumns(kind string) string {
	return `ARRAY(SELECT ` + raw("a.attname") + ` FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = '` +
		kind + `' AND NOT a.attisdropped)`
}

// listColumns is the column list of a member r.
var listColumns = `CASE WHEN r.prattrs IS NOT NULL THEN
	ARRAY(SELECT ` + raw("a.attname") + ` FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs::int2[])) END`

// filterColumns lists the columns of a row filter by their numbers. The catalog stores the filter as a
// node tree. A reference to the whole row has number 0.
var filterColumns = `CASE WHEN r.prqual IS NOT NULL THEN
	ARRAY(SELECT DISTINCT ` + raw("coalesce(a.attname::text, '')") + ` FROM regexp_matches(r.prqual::text, ':varattno (\d+)', 'g') v(m)
	      LEFT JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = v.m[1]::int2 AND a.attnum > 0) END`

// Refusals lists all tables of the database, in any schema, whose UPDATE or DELETE Postgres refuses
// because of a publication, of any origin.
func (c *Catalog) Refusals(ctx context.Context) ([]Refusal, error) {
	rows, err := c.conn.Query(ctx, refusalSQL(c.version), firstUserOID)
	if err != nil {
		return nil, Error("look for statements that a publication makes fail", err)
	}
	var out []Refusal
	for rows.Next() {
		var r Refusal
		var ident string
		var replica []string
		var primary bool
		h := held{version: c.version}
		if err := rows.Scan(&r.Table.Schema, &r.Table.Name, &ident, &r.Root.Schema, &r.Root.Name, &r.RootOID, &r.RootKind, &r.RootOwned,
			&r.Publication, &r.BySchema, &r.Listed, &r.Update, &r.Delete, &h.sendsStored,
			&replica, &h.key, &primary, &h.stored, &h.virtual, &h.terms.filter, &h.terms.list); err != nil {
			rows.Close()
			return nil, Error("look for statements that a publication makes fail", err)
		}
		h.table, h.publication, h.deferrable = r.Table, r.Publication, primary && h.key == nil
		h.identity = schema.Identity{
			Kind: identityKinds[ident], Columns: indexKeys{primary: h.key, replica: replica}.identity(identityKinds[ident]),
		}
		if r.Why = h.refused(); r.Why == "" {
			continue
		}
		r.Fix = h.fix()
		out = append(out, r)
	}
	return out, Error("look for statements that a publication makes fail", rows.Err())
}

// checks reads what a publication defines for its tables' updates and deletes, and whether it sends
// stored generated columns.
func (c *Catalog) checks(ctx context.Context, p *PublicationInfo) error {
	if c.version < versionTerms {
		return nil
	}
	rows, err := c.conn.Query(ctx, `
		SELECT r.prrelid, `+filterColumns+`, `+listColumns+`
		FROM pg_publication_rel r WHERE r.prpubid = $1 AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)`, p.OID)
	if err != nil {
		return Error("read the publications' filters", err)
	}
	p.checks = map[uint32]check{}
	var oid uint32
	var found check
	if _, err := pgx.ForEachRow(rows, []any{&oid, &found.filter, &found.list}, func() error {
		p.checks[oid] = found
		found = check{}
		return nil
	}); err != nil {
		return Error("read the publications' filters", err)
	}
	if c.version < versionSends {
		return nil
	}
	err = c.conn.QueryRow(ctx, `SELECT pubgencols = 's' FROM pg_publication WHERE oid = $1`, p.OID).Scan(&p.sendsStored)
	return Error("read the publications", err)
}

// Owners names the roles that own one of the relations, without those that this role is a member of.
// It is empty if a superuser is among them.
func (c *Catalog) Owners(ctx context.Context, oids []uint32) ([]string, error) {
	var names []string
	err := c.conn.QueryRow(ctx, `
		SELECT CASE WHEN bool_or(o.rolsuper) THEN '{}' ELSE coalesce(array_agg(DISTINCT `+raw("o.rolname")+`), '{}') END
		FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner WHERE c.oid = ANY($1) AND NOT pg_has_role(c.relowner, 'USAGE')`, oids).Scan(&names)
	return names, Error("read the tables' owners", err)
}
