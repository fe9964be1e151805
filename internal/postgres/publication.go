package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Publications are the two publications that a pipeline reads. The second contains the tables without
// a usable replica identity: publishing their updates would make the application's own UPDATE and
// DELETE fail.
type Publications struct {
	All     string // inserts, updates, deletes, truncates
	Inserts string // inserts and truncates; empty if All is FOR ALL TABLES and there is no other
}

// None reports that the pipeline reads no changes, and has no publications.
func (p Publications) None() bool { return p.All == "" }

// Names lists them in the order of the slot's options.
func (p Publications) Names() []string {
	switch {
	case p.None():
		return nil
	case p.Inserts == "":
		return []string{p.All}
	}
	return []string{p.All, p.Inserts}
}

// Option is the value of pgoutput's publication_names.
func (p Publications) Option() string {
	var quoted []string
	for _, name := range p.Names() {
		quoted = append(quoted, schema.QuotePostgres(name))
	}
	return strings.Join(quoted, ",")
}

// PublicationInfo is a publication as the catalog shows it.
type PublicationInfo struct {
	Name                             string
	OID                              uint32 // changes when the publication is dropped and made again
	AllTables                        bool
	Insert, Update, Delete, Truncate bool
	ViaRoot                          bool
	Owned                            bool
	Tables                           []uint32 // effective membership, schemas and all tables resolved
	// Members are the OIDs of the tables that are listed individually. MemberIDs are the OIDs of their
	// rows in pg_publication_rel: a changed id means that the table was removed and added again.
	Members, MemberIDs []uint32
	// terms are the row filters and column lists, by table.
	terms map[uint32]terms
	// checks are the terms that affect updates and deletes. sendsStored means that stored generated
	// columns are sent.
	checks      map[uint32]check
	sendsStored bool
	// schemas are the OIDs of the rows in pg_publication_namespace, by table.
	schemas        map[uint32]uint32
	version, owner uint32
	generated      string
}

// Membership is the id of a table's membership, 0 if the table is not listed individually.
func (p *PublicationInfo) Membership(oid uint32) uint32 {
	if i := slices.Index(p.Members, oid); i >= 0 {
		return p.MemberIDs[i]
	}
	return 0
}

// Has reports whether the publication contains a table.
func (p *PublicationInfo) Has(oid uint32) bool { return slices.Contains(p.Tables, oid) }

// held are CTEs. The last one, held (pub, relid), lists the tables whose changes each publication
// sends. pg_get_publication_tables returns the same, but since PostgreSQL 16 it locks each of the
// tables. During a long ALTER TABLE, a run would then wait for a table that it may not even read.
// TestTablesOfPublications compares the two.
func (c *Catalog) held() string {
	const publishable = "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384"
	bySchema := ""
	if c.version >= versionTerms {
		bySchema = `
			UNION SELECT n.pnpubid, c.oid, c.relkind FROM pg_publication_namespace n JOIN pg_class c ON c.relnamespace = n.pnnspid AND ` + publishable
	}
	return `listed AS (
			SELECT r.prpubid AS pub, c.oid AS relid, c.relkind FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid` + bySchema + `
		), below AS (
			SELECT l.pub, c.oid AS relid, c.relkind FROM listed l JOIN pg_inherits i ON i.inhparent = l.relid AND NOT i.inhdetachpending JOIN pg_class c ON c.oid = i.inhrelid WHERE l.relkind = 'p'
			UNION SELECT b.pub, c.oid, c.relkind FROM below b JOIN pg_inherits i ON i.inhparent = b.relid AND NOT i.inhdetachpending JOIN pg_class c ON c.oid = i.inhrelid WHERE b.relkind = 'p'
		), held AS (
			SELECT p.oid AS pub, c.oid AS relid FROM pg_publication p JOIN pg_class c ON ` + publishable + `
			     AND CASE WHEN p.pubviaroot THEN NOT c.relispartition ELSE c.relkind = 'r' END WHERE p.puballtables
			UNION SELECT l.pub, l.relid FROM listed l JOIN pg_publication p ON p.oid = l.pub AND NOT p.puballtables
			     WHERE CASE WHEN p.pubviaroot THEN NOT EXISTS (SELECT FROM below b WHERE b.pub = l.pub AND b.relid = l.relid) ELSE l.relkind <> 'p' END
			UNION SELECT b.pub, b.relid FROM below b JOIN pg_publication p ON p.oid = b.pub AND NOT p.puballtables AND NOT p.pubviaroot WHERE b.relkind <> 'p'
		)`
}

// Publications reads the existing publications among the given names.
func (c *Catalog) Publications(ctx context.Context, names []string) (map[string]*PublicationInfo, error) {
	rows, err := c.conn.Query(ctx, `
		WITH RECURSIVE `+c.held()+`
		SELECT p.pubname, p.oid, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot, pg_has_role(p.pubowner, 'USAGE'),
		       p.xmin::text::bigint, p.pubowner, coalesce(to_jsonb(p) ->> 'pubgencols', ''),
		       coalesce((SELECT array_agg(h.relid ORDER BY h.relid) FROM held h WHERE h.pub = p.oid), '{}'),
		       coalesce((SELECT array_agg(r.prrelid ORDER BY r.oid) FROM pg_publication_rel r WHERE r.prpubid = p.oid), '{}'),
		       coalesce((SELECT array_agg(r.oid ORDER BY r.oid) FROM pg_publication_rel r WHERE r.prpubid = p.oid), '{}')
		FROM pg_publication p WHERE p.pubname = ANY($1)`, names)
	if err != nil {
		return nil, Error("read the publications", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PublicationInfo, err error) {
		err = row.Scan(&p.Name, &p.OID, &p.AllTables, &p.Insert, &p.Update, &p.Delete, &p.Truncate, &p.ViaRoot, &p.Owned, &p.version, &p.owner,
			&p.generated, &p.Tables, &p.Members, &p.MemberIDs)
		return p, err
	})
	if err != nil {
		return nil, Error("read the publications", err)
	}
	out := make(map[string]*PublicationInfo, len(list))
	for i := range list {
		p := &list[i]
		out[p.Name] = p
		if p.terms, err = c.terms(ctx, p); err != nil {
			return nil, err
		}
		if err = c.checks(ctx, p); err != nil {
			return nil, err
		}
		if p.schemas, err = c.publishedSchemas(ctx, p.OID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// PublicationNames are the names of all publications of the database, by OID.
func (c *Catalog) PublicationNames(ctx context.Context) (map[uint32]string, error) {
	rows, err := c.conn.Query(ctx, `SELECT oid, `+raw("pubname")+` FROM pg_publication`)
	if err != nil {
		return nil, Error("list the publications", err)
	}
	names := map[uint32]string{}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error { names[oid] = name; return nil })
	return names, Error("list the publications", err)
}

// terms are what a publication defines for one of its tables. Both are empty if it defines nothing.
type terms struct {
	filter  string
	columns []string
}

// terms reads a publication's row filters and column lists, which exist since PostgreSQL 15. A table
// that is published through its schema has neither. Since 16, Postgres names the sent columns even
// without a list.
func (c *Catalog) terms(ctx context.Context, p *PublicationInfo) (map[uint32]terms, error) {
	if c.version < versionTerms {
		return nil, nil
	}
	sent := "a.attnum = ANY(r.prattrs::int2[])"
	if c.version >= versionLists {
		generated := "a.attgenerated = ''"
		if p.generated == "s" {
			generated = "a.attgenerated IN ('', 's')"
		}
		sent = "CASE WHEN r.prattrs IS NULL THEN " + generated + " ELSE " + sent + " END"
	}
	rows, err := c.conn.Query(ctx, `
		SELECT oid, filter, columns FROM (
			SELECT c.oid, `+raw("coalesce(pg_get_expr(r.prqual, r.prrelid), '')")+` AS filter,
			       (SELECT array_agg(`+raw("a.attname")+
		` ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND `+sent+`) AS columns
			FROM pg_class c LEFT JOIN pg_publication_rel r ON r.prrelid = c.oid AND r.prpubid = $1
			     AND NOT EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = $1 AND n.pnnspid = c.relnamespace)
			WHERE c.oid = ANY($2)
		) t WHERE length(filter) > 0 OR columns IS NOT NULL`, p.OID, p.Tables)
	if err != nil {
		return nil, Error("read the publications' filters", err)
	}
	out := map[uint32]terms{}
	var oid uint32
	var filter string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&oid, &filter, &columns}, func() error {
		out[oid] = terms{filter, columns}
		columns = nil
		return nil
	})
	return out, Error("read the publications' filters", err)
}

// publishedSchemas reads which schema membership publishes each table. Schemas can be published since
// PostgreSQL 15.
func (c *Catalog) publishedSchemas(ctx context.Context, publication uint32) (map[uint32]uint32, error) {
	if c.version < 150000 {
		return nil, nil
	}
	rows, err := c.conn.Query(ctx, `SELECT c.oid, n.oid FROM pg_publication_namespace n JOIN pg_class c ON c.relnamespace = n.pnnspid
		WHERE n.pnpubid = $1 AND c.relkind IN ('r', 'p')`, publication)
	if err != nil {
		return nil, Error("read the publications' schemas", err)
	}
	out := map[uint32]uint32{}
	var table, membership uint32
	_, err = pgx.ForEachRow(rows, []any{&table, &membership}, func() error { out[table] = membership; return nil })
	return out, Error("read the publications' schemas", err)
}

// as returns the settings that decide what the publication sends of a table.
func (p *PublicationInfo) as(table uint32) schema.Publication {
	out := schema.Publication{
		Name: p.Name, Version: p.version, Owner: p.owner, ViaRoot: p.ViaRoot, Generated: p.generated, Schema: p.schemas[table],
	}
	for _, o := range []struct {
		sent bool
		name string
	}{{p.Insert, "insert"}, {p.Update, "update"}, {p.Delete, "delete"}, {p.Truncate, "truncate"}} {
		if o.sent {
			out.Operations = append(out.Operations, o.name)
		}
	}
	return out
}

// Published is how a pipeline's publications contain a table.
type Published struct {
	// By is the first publication that contains the table.
	By schema.Publication
	// Membership is the id of the table's membership in the first publication that lists it, 0 if none
	// does.
	Membership uint32
	Filter     string   // a condition that rows must meet, as SQL; empty: all rows
	Columns    []string // in no order; nil: all columns
	// Ambiguous means that two publications contain the table with different filters. What is sent
	// then depends on the kind of the change.
	Ambiguous bool
	// Generated means that generated columns are taken too. So it is without publications, which may
	// not send them.
	Generated bool
}

// Equal reports whether two are the same.
func (p Published) Equal(q Published) bool {
	return p.By.Equal(q.By) && p.Membership == q.Membership && p.Filter == q.Filter && p.Ambiguous == q.Ambiguous &&
		p.Generated == q.Generated && slices.Equal(p.Columns, q.Columns)
}

// PublishedBy returns how the publications contain the table.
func PublishedBy(names Publications, have map[string]*PublicationInfo, oid uint32) Published {
	if names.None() {
		return Published{Generated: true}
	}
	var out Published
	held := 0
	for _, n := range names.Names() {
		p := have[n]
		if p == nil || !p.Has(oid) {
			continue
		}
		if id := p.Membership(oid); out.Membership == 0 {
			out.Membership = id
		}
		if held == 0 {
			out.By = p.as(oid)
		}
		t := p.terms[oid]
		out.Ambiguous = out.Ambiguous || held > 0 && t.filter != out.Filter
		out.Filter, out.Columns = t.filter, t.columns
		held++
	}
	return out
}

// PublishedColumns are the columns whose values the publications send, in attribute order. A
// publication with a column list names them. Since version 16 every publication does; only then can
// generated columns be among them.
func (r *Relation) PublishedColumns() []schema.Column {
	as := r.Published
	if as.Columns == nil && !(as.Generated && len(r.Generated) > 0) {
		return r.Columns
	}
	var out []schema.Column
	for _, c := range slices.Concat(r.Columns, r.Generated) {
		if as.Generated || slices.Contains(as.Columns, c.Name) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b schema.Column) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// Statements lists the statements that make the publications contain the relations, on a server of
// this version. It is empty if they already do. It only adds: a relation that was published for inserts and then got an
// identity is in both publications afterwards. All its changes are sent, once.
func (p Publications) Statements(version int, have map[string]*PublicationInfo, want []Relation) []string {
	generated := ""
	if version >= 180000 {
		generated = ", publish_generated_columns = stored"
	}
	var all, inserts []string
	for i := range want {
		r := &want[i]
		if Covered(p, have, r) || !r.Owned && inserted(p, have, r.OID) {
			continue
		}
		target := Only(r.Name, r.Partitioned)
		if r.CanPublishUpdates(have[p.All]) {
			all = append(all, target)
		} else {
			inserts = append(inserts, target)
		}
	}
	var out []string
	for _, one := range []struct {
		name, publish string
		tables        []string
	}{{p.All, "insert, update, delete, truncate", all}, {p.Inserts, "insert, truncate", inserts}} {
		switch {
		case one.name == "":
		case have[one.name] == nil:
			tables := ""
			if len(one.tables) > 0 {
				tables = " FOR TABLE " + strings.Join(one.tables, ", ")
			}
			out = append(out, "CREATE PUBLICATION "+schema.QuotePostgres(one.name)+tables+
				" WITH (publish = "+schema.QuotePostgresLiteral(one.publish)+", publish_via_partition_root = true"+generated+")")
		case len(one.tables) > 0:
			out = append(out, "ALTER PUBLICATION "+schema.QuotePostgres(one.name)+" ADD TABLE "+strings.Join(one.tables, ", "))
		}
	}
	return out
}

// Only names a table in a statement on a publication, without its inheritance children.
func Only(table schema.TableName, partitioned bool) string {
	if partitioned {
		return table.SQL()
	}
	return "ONLY " + table.SQL()
}

// Member names a table as the publication lists it, with its column list and row filter. Another
// publication can then contain it in the same way.
func (p *PublicationInfo) Member(table schema.TableName, oid uint32, partitioned bool) string {
	out := Only(table, partitioned)
	if list := p.checks[oid].list; list != nil {
		quoted := make([]string, len(list))
		for i, c := range list {
			quoted[i] = schema.QuotePostgres(c)
		}
		out += " (" + strings.Join(quoted, ", ") + ")"
	}
	if filter := p.terms[oid].filter; filter != "" {
		out += " WHERE (" + filter + ")"
	}
	return out
}

// Covered reports whether the publications send all that can be sent of a relation. A relation that
// got a usable identity after it was published is not covered: it must be in the first publication as
// well.
func Covered(names Publications, have map[string]*PublicationInfo, r *Relation) bool {
	if names.None() {
		return true
	}
	if p := have[names.All]; p != nil && p.Has(r.OID) {
		return true
	}
	p := have[names.Inserts]
	return p != nil && p.Has(r.OID) && !r.CanPublishUpdates(have[names.All])
}

// inserted reports whether at least the inserts of a relation are published.
func inserted(names Publications, have map[string]*PublicationInfo, oid uint32) bool {
	p := have[names.Inserts]
	return p != nil && p.Has(oid)
}

// Run executes statements one by one, each in its own transaction.
func Run(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			words := strings.Fields(sql)
			return Error(strings.ToLower(words[0]+" "+words[1])+" "+words[2], err)
		}
	}
	return nil
}

// MayCreatePublication reports whether the role may create a publication in this database.
func (c *Catalog) MayCreatePublication(ctx context.Context) (bool, error) {
	var may bool
	err := c.conn.QueryRow(ctx, `SELECT has_database_privilege(current_database(), 'CREATE')`).Scan(&may)
	return may, Error("read the role's privileges", err)
}
