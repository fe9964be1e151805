package publication

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Identity explains what a table's missing replica identity means, and what fixes it; "" if the table
// has one.
func (s *Set) Identity(r *postgres.Relation) (what, remedy string) {
	all := s.all()
	if s.Names.None() || r.CanPublishUpdates(all) || s.misleads(r) { // which is an obstacle
		return "", ""
	}
	why, remedy := lacking(r, all)
	if all != nil && all.Has(r.OID) && (all.Update || all.Delete) { // the server refuses them, or it would mislead
		return fmt.Sprintf("%s, and publication %s makes the application's own UPDATE and DELETE on it fail", why, s.Names.All), remedy
	}
	if r.Identity.Kind == schema.IdentityDefault && len(r.PrimaryKey) == 0 && !r.Deferrable && !strings.Contains(remedy, "PRIMARY KEY") {
		remedy += fmt.Sprintf(" or ALTER TABLE %s ADD PRIMARY KEY (…);", r.Name.SQL())
	}
	return why + ": updates and deletes are not replicated", fmt.Sprintf("%s then `ingest full-load --tables %s`", remedy, r.Name.Argument())
}

// InsertsOnly reports that a relation was published without an identity, and has one now.
func (s *Set) InsertsOnly(r *postgres.Relation) bool {
	return s.inserts() != nil && s.inserts().Has(r.OID) && !s.Covers(r)
}

// SendsInsertsOnly reports that a table is in the second publication and not in the first.
func (s *Set) SendsInsertsOnly(oid uint32) bool {
	return s.inserts() != nil && s.inserts().Has(oid) && !(s.all() != nil && s.all().Has(oid))
}

// HadNoIdentity explains what InsertsOnly means.
func (s *Set) HadNoIdentity() string {
	return "publication " + s.Names.Inserts + " sends its inserts and truncates: updates and deletes are not replicated"
}

// Fix is the SQL that makes it possible to send a relation's updates and deletes.
func (s *Set) Fix(r *postgres.Relation) string {
	_, fix := lacking(r, s.all())
	return fix
}

// WithoutUpdates returns why a table is sent without updates and deletes, if its publication differs
// from the one in its snapshot; "" if it is sent with them.
func (s *Set) WithoutUpdates(r *postgres.Relation) string {
	if !s.SendsInsertsOnly(r.OID) || r.CanPublishUpdates(s.all()) {
		return ""
	}
	why, _ := lacking(r, s.all())
	return fmt.Sprintf("its updates and deletes are not replicated any more, because %s", why)
}

// misleads reports that another owner's publication sends updates and deletes of a relation that do
// not identify the row. The application does not notice.
func (s *Set) misleads(r *postgres.Relation) bool {
	all := s.all()
	return all != nil && all.Has(r.OID) && (all.Update || all.Delete) && !r.CanPublishUpdates(all) && r.Refused(all) == ""
}

// lacking returns why a relation's updates and deletes do not identify the row, or why the publication
// cannot send them. It also returns the SQL that fixes it.
func lacking(r *postgres.Relation, pub *postgres.PublicationInfo) (why, remedy string) {
	remedy = r.IdentityFix(pub)
	notSent, fix := r.NotSent(pub)
	switch {
	case r.Identity.Kind == schema.IdentityNothing:
		return "its replica identity is NOTHING", remedy
	case r.Identity.Kind == schema.IdentityIndex && len(r.Identity.Columns) == 0:
		return "the index of its replica identity was dropped", remedy
	case !r.Identity.Usable() && r.Deferrable:
		return "its primary key is deferrable, which is no replica identity", remedy
	case !r.Identity.Usable():
		return "it has no primary key and no replica identity", remedy
	case notSent != "":
		return notSent, fix
	}
	partitions := r.PartitionsThatTellLess()
	var all []string
	for i := range partitions {
		all = append(all, r.LeafFix(pub, &partitions[i]))
	}
	return fmt.Sprintf("its partition %s has its own replica identity, which is weaker than the table's",
		partitions[0].Name), strings.Join(all, " ")
}
