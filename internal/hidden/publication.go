package hidden

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// altered returns why the publication may have sent less of a table than the log should have, now or
// for a while since the ledger noted what it sends; "" if it has not. A ledger of a version that noted
// nothing begins to note now.
func altered(before *ledger.Witness, now schema.Publication, r *postgres.Relation) string {
	if before == nil || before.Publication.Equal(now) {
		return ""
	}
	was := before.Publication
	switch {
	case was.Name != now.Name:
		return fmt.Sprintf("publication %s sends its changes now, and %s did", now.Name, was.Name)
	case was.Schema != now.Schema:
		return fmt.Sprintf("the table's schema was taken out of publication %s, or put into it: changes in between were not sent", now.Name)
	case was.Version == now.Version:
		return ""
	case !was.SendsAs(now):
		return narrowed(was, now, r)
	case was.Owner != now.Owner: // which is what altered it
		return ""
	}
	return fmt.Sprintf("publication %s was altered and sends what it did before: for a while it may have sent less", now.Name)
}

// narrowed returns what a publication no longer sends of a table, or sends differently. If it sends
// more than before, nothing needs to be done: the log did not have the rest at the beginning either.
func narrowed(was, now schema.Publication, r *postgres.Relation) string {
	switch {
	case slices.ContainsFunc(was.Operations, func(o string) bool { return !slices.Contains(now.Operations, o) }):
		return fmt.Sprintf("publication %s was altered: it sends only %s, and did %s", now.Name,
			quotedOr(now.Operations), quotedOr(was.Operations))
	case r.Partitioned && was.ViaRoot != now.ViaRoot:
		return fmt.Sprintf("publish_via_partition_root of publication %s was changed: changes in between came under other names, or not at all",
			now.Name)
	case len(r.Generated) > 0 && now.Generated == "n" && was.Generated != now.Generated:
		return fmt.Sprintf("publish_generated_columns of publication %s was changed: generated columns are not sent any more", now.Name)
	}
	return ""
}

func quotedOr(operations []string) string {
	if len(operations) == 0 {
		return "nothing"
	}
	return strings.Join(operations, ", ")
}

// witness is the record of a look at a table that needs no mark: the catalog and how the table is
// published. While the table has a column that the log lacks, the witness keeps the earlier files.
// They show what the column's default did to the rows when its first message comes.
func witness(t *ledger.TableState, r *postgres.Relation) ledger.TableWitness {
	w := stage.WitnessOf(r)
	known := map[string]bool{}
	for _, c := range t.Columns {
		known[c.Name] = true
	}
	if slices.ContainsFunc(r.PublishedColumns(),
		func(c schema.Column) bool { return !known[c.Name] && !slices.Contains(t.Snapshot.Excluded, c.Name) }) {
		w.Files = nil
		if t.Witness != nil {
			w.Files = t.Witness.Files
		}
	}
	return ledger.TableWitness{Table: t.Table, Begin: t.Snapshot.Begin, Witness: *w}
}
