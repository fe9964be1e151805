package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/schema"
)

// Publications are the two that a pipeline reads through. The second holds the
// tables without a usable replica identity: publishing their updates would
// make the application's own UPDATE and DELETE fail.
type Publications struct {
	All     string // inserts, updates, deletes, truncates
	Inserts string // inserts and truncates; empty if All is for all tables and there is no other
}

// Names lists them, in the order in which the slot's options name them.
func (p Publications) Names() []string {
	if p.Inserts == "" {
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
	AllTables                        bool
	Insert, Update, Delete, Truncate bool
	ViaRoot                          bool
	Owned                            bool
	Tables                           []uint32 // effective membership, schemas and all tables resolved
	// Members are the OIDs of the tables that are listed by themselves, and
	// MemberIDs those of their rows in pg_publication_rel: another one means
	// that the table was taken out and put back.
	Members, MemberIDs []uint32
	// Filtered are tables with a row filter or a column list.
	Filtered []uint32
}

// Membership is the id of a table's membership, 0 if it is not listed by
// itself.
func (p *PublicationInfo) Membership(oid uint32) uint32 {
	if i := slices.Index(p.Members, oid); i >= 0 {
		return p.MemberIDs[i]
	}
	return 0
}

// Has says whether the publication holds a table.
func (p *PublicationInfo) Has(oid uint32) bool { return slices.Contains(p.Tables, oid) }

// Publications reads those of the given names that exist.
func (s *Source) Publications(ctx context.Context, conn *pgx.Conn, names []string) (map[string]*PublicationInfo, error) {
	rows, err := conn.Query(ctx, `
		SELECT p.pubname, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot, pg_has_role(p.pubowner, 'USAGE'),
		       coalesce((SELECT array_agg(DISTINCT g.relid::oid) FROM pg_get_publication_tables(p.pubname) g), '{}'),
		       coalesce((SELECT array_agg(r.prrelid ORDER BY r.oid) FROM pg_publication_rel r WHERE r.prpubid = p.oid), '{}'),
		       coalesce((SELECT array_agg(r.oid ORDER BY r.oid) FROM pg_publication_rel r WHERE r.prpubid = p.oid), '{}'),
		       coalesce((SELECT array_agg(r.prrelid) FROM pg_publication_rel r WHERE r.prpubid = p.oid
		                   AND coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NOT NULL), '{}')
		FROM pg_publication p WHERE p.pubname = ANY($1)`, names)
	if err != nil {
		return nil, Error("read the publications", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PublicationInfo])
	if err != nil {
		return nil, Error("read the publications", err)
	}
	out := make(map[string]*PublicationInfo, len(list))
	for i := range list {
		out[list[i].Name] = &list[i]
	}
	return out, nil
}

// PublicationStatements lists the statements that make the publications hold
// the relations, nothing if they do already. It only adds: a relation that was
// published for inserts and has got an identity is in both then, and all its
// changes are sent, once.
func PublicationStatements(names Publications, have map[string]*PublicationInfo, want []Relation) []string {
	var all, inserts []string
	for i := range want {
		r := &want[i]
		if published(names, have, r.OID) && !(r.Owned && r.CanPublishUpdates() && insertsOnly(names, have, r.OID)) {
			continue
		}
		target := "ONLY " + r.Name.SQL()
		if r.Partitioned {
			target = r.Name.SQL()
		}
		if r.CanPublishUpdates() {
			all = append(all, target)
		} else {
			inserts = append(inserts, target)
		}
	}
	var out []string
	for _, p := range []struct {
		name, publish string
		tables        []string
	}{{names.All, "insert, update, delete, truncate", all}, {names.Inserts, "insert, truncate", inserts}} {
		switch {
		case p.name == "":
		case have[p.name] == nil:
			tables := ""
			if len(p.tables) > 0 {
				tables = " FOR TABLE " + strings.Join(p.tables, ", ")
			}
			out = append(out, "CREATE PUBLICATION "+schema.QuotePostgres(p.name)+tables+
				" WITH (publish = "+schema.QuotePostgresLiteral(p.publish)+", publish_via_partition_root = true)")
		case len(p.tables) > 0:
			out = append(out, "ALTER PUBLICATION "+schema.QuotePostgres(p.name)+" ADD TABLE "+strings.Join(p.tables, ", "))
		}
	}
	return out
}

// Membership is the id of a relation's membership in the first publication
// that lists it, 0 if none does.
func Membership(names Publications, have map[string]*PublicationInfo, oid uint32) uint32 {
	for _, n := range names.Names() {
		if p := have[n]; p != nil && p.Membership(oid) != 0 {
			return p.Membership(oid)
		}
	}
	return 0
}

// insertsOnly says whether updates of a published relation are not sent.
func insertsOnly(names Publications, have map[string]*PublicationInfo, oid uint32) bool {
	return names.Inserts != "" && (have[names.All] == nil || !have[names.All].Has(oid))
}

func published(names Publications, have map[string]*PublicationInfo, oid uint32) bool {
	for _, n := range names.Names() {
		if p := have[n]; p != nil && p.Has(oid) {
			return true
		}
	}
	return false
}

// Run executes statements one by one, each in a transaction of its own.
func Run(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			words := strings.Fields(sql)
			return Error(strings.ToLower(words[0]+" "+words[1])+" "+words[2], err)
		}
	}
	return nil
}

// MayCreatePublication says whether the role may create one in this database.
func (s *Source) MayCreatePublication(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var may bool
	err := conn.QueryRow(ctx, `SELECT has_database_privilege(current_database(), 'CREATE')`).Scan(&may)
	return may, Error("read the role's privileges", err)
}
