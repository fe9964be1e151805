package replicate

import (
	"context"
	"fmt"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// application reports publications that make statements of the application fail. It also reports
// tables whose updates and deletes are not sent.
func (r *reporting) application(ctx context.Context) error {
	p := r.p
	if !p.link.Replicates() {
		return nil
	}
	refusals, err := p.source.Catalog(r.conn).Refusals(ctx)
	if err != nil {
		return err
	}
	r.s.Refused = publication.Group(p.link.Publications, refusals)
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
	relations, err := p.source.Catalog(r.conn).Relations(ctx, nil, oids)
	if err != nil {
		return err
	}
	pubs, err := publication.Read(ctx, r.conn, p.source, p.link.Publications)
	if err != nil {
		return err
	}
	remedies(reloading(r.s.Tables), relations, pubs)
	unsent(r.s.Tables, relations, pubs)
	return nil
}

// unsent names the tables that send only inserts and truncates although everything sent is loaded. It
// also returns the fix.
func unsent(tables []TableStatus, relations []postgres.Relation, pubs *publication.Set) {
	well := map[string]*TableStatus{}
	for i := range tables {
		if t := &tables[i]; t.State == "loaded" || t.State == "behind" {
			well[t.Table] = t
		}
	}
	for i := range relations {
		r := &relations[i]
		t := well[r.Name.String()]
		if t == nil || !pubs.SendsInsertsOnly(r.OID) {
			continue
		}
		if t.NotReplicated, t.Remedy = pubs.Identity(r); t.NotReplicated == "" {
			t.NotReplicated, t.Remedy = pubs.HadNoIdentity(), "ingest full-load --tables "+r.Name.Argument()
		}
	}
}

// reloading lists the tables that wait for a full load, by name. It omits tables that wait for
// something else first.
func reloading(tables []TableStatus) map[string]*TableStatus {
	marked := map[string]*TableStatus{}
	for i := range tables {
		if t := &tables[i]; t.Reload != "" && t.Quarantine == "" {
			marked[t.Table] = t
		}
	}
	return marked
}

// remedies puts the SQL before the full load for tables that send no updates and deletes.
func remedies(marked map[string]*TableStatus, relations []postgres.Relation, pubs *publication.Set) {
	for i := range relations {
		r := &relations[i]
		if t := marked[r.Name.String()]; t != nil && pubs.WithoutUpdates(r) != "" {
			t.Remedy = fmt.Sprintf("%s then `ingest full-load --tables %s`", pubs.Fix(r), r.Name.Argument())
		}
	}
}
