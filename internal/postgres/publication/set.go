// Package publication says what a pipeline's publications are and mean: which of the two
// exist, how they hold a table, what they lack, what makes them hold it, and which rights
// the role needs for that. It must not know the ledger, the target or the configuration.
package publication

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// Set is a pipeline's publications as they are: their names, and those of them that
// exist. It does not change while others change the publications: Read reads it again.
type Set struct {
	Source *postgres.Source // whose Facts say version, role and database
	Names  postgres.Publications
	Have   map[string]*postgres.PublicationInfo // by name
}

// Read reads the publications of these names.
func Read(ctx context.Context, conn *pgx.Conn, source *postgres.Source, names postgres.Publications) (*Set, error) {
	have, err := source.Publications(ctx, conn, names.Names())
	return &Set{Source: source, Names: names, Have: have}, err
}

// all is the first publication, inserts the second one; nil if it does not exist.
func (s *Set) all() *postgres.PublicationInfo     { return s.Have[s.Names.All] }
func (s *Set) inserts() *postgres.PublicationInfo { return s.Have[s.Names.Inserts] }

// OnlyForAll says that somebody made the first publication for all tables, and no second
// one: no table needs another.
func (s *Set) OnlyForAll() bool {
	return s.all() != nil && s.all().AllTables && s.inserts() == nil
}

// Owned are those that exist and that the role owns.
func (s *Set) Owned() []string {
	return slices.DeleteFunc(s.Names.Names(), func(name string) bool { return s.Have[name] == nil || !s.Have[name].Owned })
}

// OIDs are those of the publications that exist, by name.
func (s *Set) OIDs() map[string]uint32 {
	oids := map[string]uint32{}
	for name, pub := range s.Have {
		oids[name] = pub.OID
	}
	return oids
}

// Published is how the publications hold a table.
func (s *Set) Published(oid uint32) postgres.Published {
	return postgres.PublishedBy(s.Names, s.Have, oid)
}

// As is the relation with what the publications send of it.
func (s *Set) As(r *postgres.Relation) *postgres.Relation {
	as := *r
	as.Published = s.Published(r.OID)
	return &as
}

// Holds says whether one of the publications holds a table.
func (s *Set) Holds(oid uint32) bool {
	return slices.ContainsFunc(s.Names.Names(), func(n string) bool { return s.Have[n] != nil && s.Have[n].Has(oid) })
}

// Covers says whether the publications send what they can of the relation.
func (s *Set) Covers(r *postgres.Relation) bool { return postgres.Covered(s.Names, s.Have, r) }

// Statements are those that make the publications hold the relations.
func (s *Set) Statements(relations []postgres.Relation) []string {
	return s.Source.PublicationStatements(s.Names, s.Have, relations)
}

// Incomplete says why changes would be missing in a publication that somebody made, and what
// fixes it; "" if none would.
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

// notViaRoot names a publication that sends the changes of partitions under the
// partitions' names, or is "".
func (s *Set) notViaRoot() string {
	for _, n := range s.Names.Names() {
		if s.Have[n] != nil && !s.Have[n].ViaRoot {
			return n
		}
	}
	return ""
}

// altering matches the statements that alter a publication.
func altering(name string) func(sql string) bool {
	return func(sql string) bool {
		return strings.HasPrefix(sql, "ALTER PUBLICATION "+schema.QuotePostgres(name)+" ")
	}
}
