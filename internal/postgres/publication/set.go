// Package publication describes a pipeline's publications: which of the two exist, how they contain a
// table, what they lack, which statements add a table, and which rights the role needs for that. It
// must not know the ledger, the target or the configuration.
package publication

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Set is the state of a pipeline's publications when they were read: their names, and those that
// exist. It does not follow later changes; Read reads it again.
type Set struct {
	Facts postgres.Facts // version, role and database
	Names postgres.Publications
	Have  map[string]*postgres.PublicationInfo // by name
}

// Read reads the publications of these names.
func Read(ctx context.Context, conn *pgx.Conn, source *postgres.Source, names postgres.Publications) (*Set, error) {
	if names.None() {
		return &Set{Facts: source.Facts}, nil
	}
	have, err := source.Catalog(conn).Publications(ctx, names.Names())
	return &Set{Facts: source.Facts, Names: names, Have: have}, err
}

// all is the first publication, inserts the second one; nil if it does not exist.
func (s *Set) all() *postgres.PublicationInfo     { return s.Have[s.Names.All] }
func (s *Set) inserts() *postgres.PublicationInfo { return s.Have[s.Names.Inserts] }

// OnlyForAll reports that the first publication is FOR ALL TABLES and that there is no second one: no
// table needs another.
func (s *Set) OnlyForAll() bool {
	return s.all() != nil && s.all().AllTables && s.inserts() == nil
}

// Owned are the existing publications that the role owns.
func (s *Set) Owned() []string {
	return slices.DeleteFunc(s.Names.Names(), func(name string) bool { return s.Have[name] == nil || !s.Have[name].Owned })
}

// Anothers are the existing publications that another role owns.
func (s *Set) Anothers() []string {
	return slices.DeleteFunc(s.Names.Names(), func(name string) bool { return s.Have[name] == nil || s.Have[name].Owned })
}

// OIDs are the OIDs of the existing publications, by name.
func (s *Set) OIDs() map[string]uint32 {
	oids := map[string]uint32{}
	for name, pub := range s.Have {
		oids[name] = pub.OID
	}
	return oids
}

// Published is how the publications contain a table.
func (s *Set) Published(oid uint32) postgres.Published {
	return postgres.PublishedBy(s.Names, s.Have, oid)
}

// As is the relation with what the publications send of it.
func (s *Set) As(r *postgres.Relation) *postgres.Relation {
	as := *r
	as.Published = s.Published(r.OID)
	return &as
}

// Holds reports whether one of the publications contains a table.
func (s *Set) Holds(oid uint32) bool {
	return slices.ContainsFunc(s.Names.Names(), func(n string) bool { return s.Have[n] != nil && s.Have[n].Has(oid) })
}

// Covers reports whether the publications send all they can of the relation.
func (s *Set) Covers(r *postgres.Relation) bool { return postgres.Covered(s.Names, s.Have, r) }

// Statements are the statements that make the publications contain the relations.
func (s *Set) Statements(relations []postgres.Relation) []string {
	return s.Names.Statements(s.Facts.Version, s.Have, relations)
}

// Incomplete returns why changes would be missing in a publication that the pipeline did not make, and
// what fixes it; "" if none would be missing.
func (s *Set) Incomplete(name string) (what, remedy string) {
	info := s.Have[name]
	if info == nil || info.Insert && (name == s.Names.Inserts || info.Update && info.Delete) {
		return "", ""
	}
	publish := "insert, update, delete, truncate"
	if name == s.Names.Inserts {
		publish = "insert, truncate"
	}
	return "does not publish all changes", fmt.Sprintf("ALTER PUBLICATION %s SET (publish = '%s');", schema.QuotePostgres(name), publish)
}

// notViaRoot returns a publication that sends the changes of partitions under the partitions' names,
// or "".
func (s *Set) notViaRoot() string {
	for _, n := range s.Names.Names() {
		if s.Have[n] != nil && !s.Have[n].ViaRoot {
			return n
		}
	}
	return ""
}

// altering matches statements that alter a publication.
func altering(name string) func(sql string) bool {
	return func(sql string) bool {
		return strings.HasPrefix(sql, "ALTER PUBLICATION "+schema.QuotePostgres(name)+" ")
	}
}
