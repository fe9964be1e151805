package replicate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// Refused is a publication that makes Postgres refuse statements of the
// application, with the tables that it does so on for one reason.
type Refused struct {
	Publication string   `json:"publication"`
	Own         bool     `json:"own"` // it is one of the pipeline's
	Statements  string   `json:"statements"`
	Tables      []string `json:"tables"` // at most namedTables
	Count       int      `json:"count"`  // of all
	Why         string   `json:"why"`
	Remedy      string   `json:"remedy"` // for those that are named
}

// namedTables is how many tables a finding names.
const namedTables = 10

// What says it in one sentence.
func (r *Refused) What() string {
	what := fmt.Sprintf("%s makes the application's own %s fail on %s", r.Publication, r.Statements, r.list())
	if r.Count > 1 {
		what = fmt.Sprintf("%s makes the application's own %s fail on %d tables: %s", r.Publication, r.Statements, r.Count, r.list())
	}
	return what
}

func (r *Refused) list() string {
	list := strings.Join(r.Tables, ", ")
	if more := r.Count - len(r.Tables); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// refused groups tables by publication and reason.
func (p *Pipeline) refused(refusals []postgres.Refusal) []Refused {
	type group struct{ publication, why, statements string }
	at := map[group]int{}
	var out []Refused
	for i := range refusals {
		r := &refusals[i]
		g := group{r.Publication, string(r.Why), r.Statements()}
		if _, ok := at[g]; !ok {
			at[g] = len(out)
			out = append(out, Refused{Publication: r.Publication, Own: slices.Contains(p.pubs.Names(), r.Publication), Statements: r.Statements(), Why: string(r.Why)})
		}
		f := &out[at[g]]
		if f.Count++; f.Count > namedTables {
			continue
		}
		f.Tables = append(f.Tables, r.Table.String())
		if !strings.Contains(f.Remedy, r.Fix) { // one for the whole publication comes once
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

// spare decides how tables whose UPDATE or DELETE Postgres refuses, because the
// pipeline's publication sends them, go over into the one of inserts and
// truncates: a table of which updates are not replicated can be loaded again, an
// application that stands still cannot wait. left are those that the role, or
// the way the publication holds them, does not allow it for.
func (p *Pipeline) spare(refusals []postgres.Refusal, have map[string]*postgres.PublicationInfo) (statements []string, spared, left []postgres.Refusal) {
	all, inserts := have[p.pubs.All], have[p.pubs.Inserts]
	seen := map[uint32]bool{}
	for _, r := range refusals {
		switch {
		case r.Publication != p.pubs.All || all == nil || !all.Owned || r.BySchema || !slices.Equal(r.Listed, []uint32{r.RootOID}),
			inserts == nil || inserts.Update || inserts.Delete || !inserts.Has(r.RootOID) && (!inserts.Owned || !r.RootOwned):
			left = append(left, r)
			continue
		case seen[r.RootOID]:
			continue
		}
		seen[r.RootOID] = true
		spared = append(spared, r)
		if !inserts.Has(r.RootOID) {
			statements = append(statements, "ALTER PUBLICATION "+schema.QuotePostgres(p.pubs.Inserts)+" ADD TABLE "+all.Member(r.Root, r.RootOID, r.Partitioned()))
		}
		statements = append(statements, "ALTER PUBLICATION "+schema.QuotePostgres(p.pubs.All)+" DROP TABLE "+postgres.Only(r.Root, r.Partitioned()))
	}
	return statements, spared, left
}

// warnOfSpared says what spare decided.
func (p *Pipeline) warnOfSpared(spared []postgres.Refusal) {
	for _, r := range spared {
		p.log.Warn("taking a table's updates and deletes out of the publication, which made the application's own fail",
			"table", r.Root.String(), "on", r.Table.String(), "because", string(r.Why), "publication", p.pubs.All,
			"remedy", fmt.Sprintf("%s then `ingest full-load --tables %s`", r.Fix, r.Root.Argument()))
	}
}

// sparing does so for a full load, which makes the second publication if it is
// missing. Of the tables in relations, which it warns of one by one, nothing is
// said here.
func (p *Pipeline) sparing(ctx context.Context, conn *pgx.Conn, have map[string]*postgres.PublicationInfo, relations []postgres.Relation) ([]string, error) {
	refusals, err := p.source.Refusals(ctx, conn)
	if err != nil {
		return nil, err
	}
	statements, spared, left := p.spare(refusals, p.withInserts(have, relations))
	p.warnOfSpared(spared)
	p.warnOfRefused(slices.DeleteFunc(left, func(r postgres.Refusal) bool {
		return slices.ContainsFunc(relations, func(s postgres.Relation) bool { return s.OID == r.RootOID })
	}))
	return statements, nil
}

// withInserts adds the second publication as a full load of the relations makes
// it, if it is missing.
func (p *Pipeline) withInserts(have map[string]*postgres.PublicationInfo, relations []postgres.Relation) map[string]*postgres.PublicationInfo {
	if p.pubs.Inserts == "" || have[p.pubs.Inserts] != nil {
		return have
	}
	have = maps.Clone(have)
	made := &postgres.PublicationInfo{Name: p.pubs.Inserts, Owned: true}
	have[p.pubs.Inserts] = made
	for i := range relations {
		if r := &relations[i]; !postgres.Covered(p.pubs, have, r) && !r.CanPublishUpdates(have[p.pubs.All]) {
			made.Tables = append(made.Tables, r.OID)
		}
	}
	return have
}

// spareApplication looks for statements of the application that a publication
// of the pipeline makes fail, which a partition, an identity or a column can
// bring about between two runs, and changes what may be changed. What may not is
// said. That the table needs a full load then shows in how it is published.
func (p *Pipeline) spareApplication(ctx context.Context) error {
	if p.ledger.State().Ended {
		return nil
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	refusals, have, err := p.refusals(ctx, conn)
	if err != nil || len(refusals) == 0 {
		return err
	}
	statements, spared, left := p.spare(refusals, have)
	p.warnOfSpared(spared)
	if err := postgres.Run(ctx, conn, statements); err != nil {
		if !answered(ctx, err) {
			return err
		}
		// A lock, or another run that does the same: the next look decides.
		p.log.Warn("the publication could not be changed, and the next run tries again", "because", err)
	}
	p.warnOfRefused(left)
	return nil
}

// answered says that an error is the server's answer, and not the run's end.
func answered(ctx context.Context, err error) bool {
	return ctx.Err() == nil && postgres.Code(err) != ""
}

// refusals reads them with the pipeline's publications.
func (p *Pipeline) refusals(ctx context.Context, conn *pgx.Conn) ([]postgres.Refusal, map[string]*postgres.PublicationInfo, error) {
	refusals, err := p.source.Refusals(ctx, conn)
	if err != nil || len(refusals) == 0 {
		return nil, nil, err
	}
	have, err := p.source.Publications(ctx, conn, p.pubs.Names())
	return refusals, have, err
}

// warnOfRefused warns of the pipeline's publications, once a run for each thing
// that there is to say.
func (p *Pipeline) warnOfRefused(refusals []postgres.Refusal) {
	for _, r := range p.refused(refusals) {
		if what := r.What(); r.Own && p.warned.first(what) {
			p.log.Warn("publication "+what, "because", r.Why, "remedy", r.Remedy)
		}
	}
}

// once remembers what was said. Its method may be called from several
// goroutines.
type once struct {
	mu   sync.Mutex
	said map[string]bool
}

// first says whether a text comes for the first time.
func (o *once) first(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said[text] {
		return false
	}
	if o.said == nil {
		o.said = map[string]bool{}
	}
	o.said[text] = true
	return true
}

// insertsOnlyNow says why a table whose publication is another one than in its
// snapshot is sent without updates and deletes; "" if it is not.
func (p *Pipeline) insertsOnlyNow(r *postgres.Relation, have map[string]*postgres.PublicationInfo) string {
	all, inserts := have[p.pubs.All], have[p.pubs.Inserts]
	if inserts == nil || !inserts.Has(r.OID) || all != nil && all.Has(r.OID) || r.CanPublishUpdates(all) {
		return ""
	}
	why, _ := lacking(r, all)
	return fmt.Sprintf("its updates and deletes are not replicated any more, because %s", why)
}

// application looks for statements of the application that a publication makes
// fail: one of any origin, and on any table of the database.
func (c *Checker) application(ctx context.Context, p *Pipeline, conn *pgx.Conn) error {
	refusals, err := p.source.Refusals(ctx, conn)
	if err != nil {
		return err
	}
	for _, r := range p.refused(refusals) {
		c.add(Problem, "publication", r.What(), r.Why, r.Remedy)
	}
	return nil
}

// applicationStatus names them in the status, and the tables of which updates and
// deletes are not sent.
func (p *Pipeline) applicationStatus(ctx context.Context, conn *pgx.Conn, s *Status) error {
	refusals, err := p.source.Refusals(ctx, conn)
	if err != nil {
		return err
	}
	s.Refused = p.refused(refusals)
	state := p.ledger.State()
	var oids []uint32
	for _, t := range state.Tables {
		if state.Current(t) {
			oids = append(oids, t.OID)
		}
	}
	if len(oids) == 0 {
		return nil
	}
	relations, err := p.source.Catalog(ctx, conn, nil, oids)
	if err != nil {
		return err
	}
	have, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return err
	}
	p.remedies(reloading(s.Tables), relations, have)
	p.unsent(s.Tables, relations, have)
	return nil
}

// unsent names the tables of which only inserts and truncates are sent, though
// all that is sent is loaded, and what changes that.
func (p *Pipeline) unsent(tables []TableStatus, relations []postgres.Relation, have map[string]*postgres.PublicationInfo) {
	well := map[string]*TableStatus{}
	for i := range tables {
		if t := &tables[i]; t.State == "loaded" || t.State == "behind" {
			well[t.Table] = t
		}
	}
	for i := range relations {
		r := &relations[i]
		all, inserts := have[p.pubs.All], have[p.pubs.Inserts]
		t := well[r.Name.String()]
		if t == nil || inserts == nil || !inserts.Has(r.OID) || all != nil && all.Has(r.OID) {
			continue
		}
		if t.NotReplicated, t.Remedy = p.identity(r, have); t.NotReplicated == "" {
			t.NotReplicated, t.Remedy = p.hadNoIdentity(), "ingest full-load --tables "+r.Name.Argument()
		}
	}
}

// reloading are the tables that wait for a full load, by name, but for those that
// wait for something else first.
func reloading(tables []TableStatus) map[string]*TableStatus {
	marked := map[string]*TableStatus{}
	for i := range tables {
		if t := &tables[i]; t.Reload != "" && t.Quarantine == "" {
			marked[t.Table] = t
		}
	}
	return marked
}

// remedies puts the SQL before the full load of those that are sent without
// updates and deletes.
func (p *Pipeline) remedies(marked map[string]*TableStatus, relations []postgres.Relation, have map[string]*postgres.PublicationInfo) {
	for i := range relations {
		r := &relations[i]
		if t := marked[r.Name.String()]; t != nil && p.insertsOnlyNow(r, have) != "" {
			_, fix := lacking(r, have[p.pubs.All])
			t.Remedy = fmt.Sprintf("%s then `ingest full-load --tables %s`", fix, r.Name.Argument())
		}
	}
}

// sparing plans what a run of cdc would do about statements of the application
// that fail.
func (pl *planning) sparing(ctx context.Context) error {
	conn, done, err := pl.p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	refusals, have, err := pl.p.refusals(ctx, conn)
	if err != nil {
		return err
	}
	statements, _, _ := pl.p.spare(refusals, have)
	pl.plan.Source.Statements = append(pl.plan.Source.Statements, statements...)
	return nil
}
