package publication

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Refused is a publication that makes Postgres refuse statements of the application. It lists the
// tables that are affected for one reason.
type Refused struct {
	Publication string   `json:"publication"`
	Own         bool     `json:"own"` // it belongs to the pipeline
	Statements  string   `json:"statements"`
	Tables      []string `json:"tables"` // at most namedTables
	Count       int      `json:"count"`  // of all
	Why         string   `json:"why"`
	Remedy      string   `json:"remedy"` // for the named tables
}

// namedTables is how many tables a finding names.
const namedTables = 10

// What describes it in one sentence.
func (r *Refused) What() string {
	what := fmt.Sprintf("%s makes the application's own %s fail on %s", r.Publication, r.Statements, list(r.Tables, r.Count))
	if r.Count > 1 {
		what = fmt.Sprintf("%s makes the application's own %s fail on %d tables: %s", r.Publication, r.Statements,
			r.Count, list(r.Tables, r.Count))
	}
	return what
}

// list names tables, and adds the number of the others.
func list(tables []string, count int) string {
	out := strings.Join(tables, ", ")
	if more := count - len(tables); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// Group groups tables by publication and reason. own are the pipeline's publications.
func Group(own postgres.Publications, refusals []postgres.Refusal) []Refused {
	type group struct{ publication, why, statements string }
	at := map[group]int{}
	var out []Refused
	for i := range refusals {
		r := &refusals[i]
		g := group{r.Publication, string(r.Why), r.Statements()}
		if _, ok := at[g]; !ok {
			at[g] = len(out)
			out = append(out, Refused{
				Publication: r.Publication, Own: slices.Contains(own.Names(), r.Publication), Statements: r.Statements(), Why: string(r.Why),
			})
		}
		f := &out[at[g]]
		if f.Count++; f.Count > namedTables {
			continue
		}
		f.Tables = append(f.Tables, r.Table.String())
		if !strings.Contains(f.Remedy, r.Fix) { // a fix for the whole publication appears once
			f.Remedy = strings.TrimSpace(f.Remedy + " " + r.Fix)
		}
	}
	for i := range out {
		if more := out[i].Count - namedTables; more > 0 {
			out[i].Remedy += fmt.Sprintf(" Then run `ingest check` again, which names the next of the other %d.", more)
		}
	}
	return out
}

// Spare handles tables whose UPDATE or DELETE Postgres refuses because the pipeline's publication
// sends them. It decides how they move to the publication of inserts and truncates. A table without
// replicated updates can be reloaded later; a blocked application cannot wait. left are the tables
// that cannot move, because of the role's rights or because of how the publication contains them.
func (s *Set) Spare(refusals []postgres.Refusal) (statements []string, spared, left []postgres.Refusal) {
	all, inserts := s.all(), s.inserts()
	seen := map[uint32]bool{}
	for _, r := range refusals {
		switch {
		case r.Publication != s.Names.All || all == nil || !all.Owned || r.BySchema || !slices.Equal(r.Listed, []uint32{r.RootOID}),
			inserts == nil || inserts.Update || inserts.Delete || !inserts.Has(r.RootOID) && (!inserts.Owned || !r.RootOwned):
			left = append(left, r)
			continue
		case seen[r.RootOID]:
			continue
		}
		seen[r.RootOID] = true
		spared = append(spared, r)
		if !inserts.Has(r.RootOID) {
			statements = append(statements,
				"ALTER PUBLICATION "+schema.QuotePostgres(s.Names.Inserts)+" ADD TABLE "+all.Member(r.Root, r.RootOID, r.Partitioned()))
		}
		statements = append(statements,
			"ALTER PUBLICATION "+schema.QuotePostgres(s.Names.All)+" DROP TABLE "+postgres.Only(r.Root, r.Partitioned()))
	}
	return statements, spared, left
}

// WithInserts is the set with the second publication, as a full load of the relations makes it if it
// is missing.
func (s *Set) WithInserts(relations []postgres.Relation) *Set {
	if s.Names.Inserts == "" || s.inserts() != nil {
		return s
	}
	with := &Set{Facts: s.Facts, Names: s.Names, Have: maps.Clone(s.Have)}
	made := &postgres.PublicationInfo{Name: s.Names.Inserts, Owned: true}
	with.Have[s.Names.Inserts] = made
	for i := range relations {
		if r := &relations[i]; !with.Covers(r) && !r.CanPublishUpdates(with.all()) {
			made.Tables = append(made.Tables, r.OID)
		}
	}
	return with
}
