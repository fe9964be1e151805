package replicate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// Level says how bad a finding is.
type Level string

// The levels of findings.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Problem Level = "problem" // a full load or cdc would fail
)

// Finding is one thing that a preflight looked at.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	What    string `json:"what"`
	Why     string `json:"why,omitempty"`
	Remedy  string `json:"remedy,omitempty"` // SQL or a command

	kind failure.Kind // of a problem
}

// Checker collects findings of a preflight of both ends. Either end may be
// absent: then its error is the finding.
type Checker struct {
	Findings []Finding
}

func (c *Checker) add(level Level, subject, what, why, remedy string) {
	c.Findings = append(c.Findings, Finding{level, subject, what, why, remedy, failure.Source})
}

// Failed notes what could not be opened.
func (c *Checker) Failed(subject string, err error) {
	c.Findings = append(c.Findings, Finding{Problem, subject, err.Error(), "", failure.HintOf(err), failure.KindOf(err)})
}

// Err is an error if a problem was found; its kind is that of the first.
func (c *Checker) Err() error {
	n := 0
	var first *Finding
	for i, f := range c.Findings {
		if f.Level != Problem {
			continue
		}
		if n++; first == nil {
			first = &c.Findings[i]
		}
	}
	if n == 0 {
		return nil
	}
	e := failure.New(first.kind, "%d of %d findings must be mended first: %s: %s", n, len(c.Findings), first.Subject, first.What)
	if first.Remedy == "" {
		return e
	}
	return e.WithHint("%s", first.Remedy)
}

// Destination looks at the workspace, finds the SQL warehouse, without waking
// it, and looks for privileges that are missing.
func (c *Checker) Destination(ctx context.Context, w *databricks.Workspace) {
	c.add(OK, "destination", fmt.Sprintf("signed in to %s as %s (%s)", w.Host(), w.User(), w.AuthMethod()), "", "")
	c.add(OK, "destination", "catalog "+w.Catalog()+" is there", "", "")
	if err := w.Warehouse().Find(ctx); err != nil {
		c.Failed("destination", err)
	} else {
		c.add(OK, "destination", "SQL warehouse "+w.Warehouse().Name(), "", "")
		c.warehouse(ctx, w)
	}
	c.privileges(ctx, w)
}

// Spool makes sure that the local disk takes what is staged.
func (c *Checker) Spool(dir, run string) {
	spool, err := openSpool(dir, run)
	if err == nil {
		err = spool.Close()
	}
	if err != nil {
		c.Failed("spool", err)
		return
	}
	c.add(OK, "spool", filepath.Dir(spool.Dir())+" can be written", "", "")
}

// Server looks at the server and the role alone.
func (c *Checker) Server(s *postgres.Source) {
	f := &s.Facts
	c.add(OK, "source", fmt.Sprintf("PostgreSQL %s at %s, role %s", f.VersionStr, s.Describe(), f.User), "", "")
	c.server(f)
	c.clearPassword(s)
}

// longTransaction is the age from which an open transaction is told of.
const longTransaction = 5 * time.Minute

// Source looks at the slot, the publications and each table.
func (c *Checker) Source(ctx context.Context, p *Pipeline) error {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := c.names(ctx, p, conn); err != nil {
		return err
	}
	if err := c.capacity(ctx, p, conn); err != nil {
		return err
	}
	if p.source.Facts.MayReplicate {
		if err := c.standby(ctx, p, conn); err != nil {
			return err
		}
		if err := c.slot(ctx, p, conn); err != nil {
			return err
		}
	}
	open, err := p.source.OpenTransactions(ctx, conn, longTransaction)
	if err != nil {
		return err
	}
	for _, t := range open {
		c.add(Warning, "source", t.Who, "a full load waits for its end, and the server keeps all WAL since it began", t.End)
	}
	all, err := p.source.Catalog(ctx, conn, p.schemas(nil), nil)
	if err != nil {
		return err
	}
	relations := slices.DeleteFunc(all, func(r postgres.Relation) bool { return !p.config.Source.Selects(r.Name) })
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return err
	}
	p.foundAll(pubs)
	c.publications(p, pubs)
	if err := errors.Join(c.publishing(ctx, p, conn, pubs, relations), c.application(ctx, p, conn)); err != nil {
		return err
	}
	targets := p.targets()
	state := p.ledger.State()
	byOID := state.ByOIDs()
	tables := 0
	for i := range relations {
		r := &relations[i]
		if why := unreplicable(r); why != "" {
			c.unreplicable(r, why)
			continue
		}
		tables++
		c.table(p, r, pubs)
		if p.unloaded(state, byOID, r) {
			c.add(Warning, r.Name.String(), "it is selected, and was never loaded: nothing of it is in the target", "it came after the last full load, or failed in it",
				"ingest full-load --tables "+r.Name.Argument()+" (cdc --snapshot-new loads new tables by itself); or leave it out by source.exclude")
		}
		c.collisions(targets, r)
	}
	for _, r := range relations {
		if unreplicable(&r) == "" {
			c.viewTaken(targets, r.Name)
		}
	}
	if err := c.targetFindings(ctx, p, relations); err != nil {
		return err
	}
	if tables == 0 {
		c.problem(failure.Usage, "source", "no table is selected", "there is nothing to load", "check source.schemas, source.tables and source.exclude")
	}
	return nil
}

// unreplicable says why a relation is left out, and of each name that keeps it out
// what renames it.
func (c *Checker) unreplicable(r *postgres.Relation, why string) {
	names := illegible(r)
	for _, i := range names {
		c.add(Warning, r.Name.String(), "left out: "+i.String(), "no statement of a client in UTF-8 can name it", i.Rename())
	}
	if len(names) == 0 {
		c.add(Note, r.Name.String(), "left out: "+why, "", "")
	}
}

func (c *Checker) problem(kind failure.Kind, subject, what, why, remedy string) {
	c.Findings = append(c.Findings, Finding{Problem, subject, what, why, remedy, kind})
}

// unusedSlots lists what might be dropped.
const unusedSlots = "SELECT slot_name, database, active FROM pg_replication_slots ORDER BY active;"

func (c *Checker) server(f *postgres.Facts) {
	if f.WALLevel == "logical" {
		c.add(OK, "source", "wal_level is logical", "", "")
	} else {
		c.add(Problem, "source", fmt.Sprintf("wal_level is %s", f.WALLevel), "changes can be decoded only with logical",
			"ALTER SYSTEM SET wal_level = 'logical'; and restart the server (on RDS: rds.logical_replication = 1)")
	}
	if !f.MayReplicate {
		c.add(Problem, "source", fmt.Sprintf("role %s may not replicate", f.User), "reading a slot needs the attribute REPLICATION",
			fmt.Sprintf("ALTER ROLE %s REPLICATION; (on RDS: GRANT rds_replication TO %s;)", schema.QuotePostgres(f.User), schema.QuotePostgres(f.User)))
	}
	if f.Standby {
		c.add(Problem, "source", "the server is a standby", "publications, locks and snapshots need the primary", standbyRemedy)
	}
	if f.OldSnapshots != "" {
		c.add(Warning, "source", "old_snapshot_threshold is "+f.OldSnapshots, "reading a table for longer than that fails with \"snapshot too old\"",
			"ALTER SYSTEM SET old_snapshot_threshold = -1; and restart the server")
	}
	for _, fixed := range []int{170005, 160009, 150013, 140018} {
		if f.Version/10000 == fixed/10000 && f.Version < fixed {
			c.add(Warning, "source", "PostgreSQL "+f.VersionStr+" has a defect in its cache of publications",
				"a transaction that is open while a table is added to a publication may lose later changes", fmt.Sprintf("upgrade to %d.%d or newer", fixed/10000, fixed%10000))
		}
	}
}

// standby looks at the standby that changes are read from, if any.
func (c *Checker) standby(ctx context.Context, p *Pipeline, primary *pgx.Conn) error {
	if p.standby == nil {
		return nil
	}
	c.add(OK, "standby", fmt.Sprintf("changes are read from %s, a standby of PostgreSQL %s", p.standby.Describe(), p.standby.Facts.VersionStr), "", "")
	left, err := p.source.Slot(ctx, primary, p.slot)
	if err != nil {
		return err
	}
	if left != nil {
		c.add(Warning, "standby", fmt.Sprintf("the primary has a slot %s too", p.slot), "it is not read any more, and keeps WAL for ever",
			fmt.Sprintf("on the primary: SELECT pg_drop_replication_slot('%s');", p.slot))
	}
	conn, err := p.standby.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	feedback, err := p.standby.HotStandbyFeedback(ctx, conn)
	if err == nil && !feedback {
		c.add(Warning, "standby", "hot_standby_feedback is off", "the primary removes old rows of its catalog that the slot needs: then the slot is lost",
			"on the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); and give it a slot on the primary (primary_slot_name)")
	}
	return err
}

func (c *Checker) slot(ctx context.Context, p *Pipeline, conn *pgx.Conn) error {
	slot, err := p.readSlot(ctx, conn)
	if err != nil {
		return err
	}
	state := p.ledger.State()
	switch {
	case state.Origin == nil && slot == nil:
		var free int
		err := p.atSlot(ctx, conn, func(at *postgres.Source, conn *pgx.Conn) (err error) {
			free, err = at.FreeSlots(ctx, conn)
			return err
		})
		if err != nil {
			return err
		}
		if free <= 0 {
			c.add(Problem, "slot", "no replication slot is free", "the first full load makes one", "raise max_replication_slots and restart the server, or drop a slot that nobody uses: "+unusedSlots)
			return nil
		}
		c.add(Note, "slot", fmt.Sprintf("%s does not exist yet; the first full load makes it", p.slot), "", "")
		if free == 1 {
			c.add(Warning, "slot", "one replication slot is free, and the first full load takes it",
				"making it takes a second, temporary one for a moment, or waits up to 15 seconds; a repair, a standby or another pipeline finds none then",
				"raise max_replication_slots and restart the server, or drop a slot that is not used: "+unusedSlots)
		}
		return nil
	case state.Origin == nil:
		c.problem(failure.Conflict, "slot", fmt.Sprintf("%s exists, but the ledger is empty", p.slot), "it may belong to another pipeline",
			fmt.Sprintf("set source.slot to another name, or, if nobody uses it: SELECT pg_drop_replication_slot('%s');", p.slot))
		return nil
	}
	if err := p.source.Identify(ctx); err != nil {
		c.Failed("slot", err)
		return nil
	}
	if slot, err = p.checkSlot(ctx, conn, state); err != nil {
		c.Failed("slot", err)
		return nil
	}
	if slot.Active {
		c.add(Warning, "slot", fmt.Sprintf("%s is in use by pid %d (%s)", slot.Name, slot.ActivePID, slot.Holder),
			"only one session can read a slot: unless that is this pipeline's own run, cdc will fail", fmt.Sprintf("SELECT pg_terminate_backend(%d);", slot.ActivePID))
	}
	c.add(OK, "slot", fmt.Sprintf("%s fits the ledger, which stands at %s", slot.Name, state.Position), "", "")
	if what, why, remedy := slotWarning(slot); what != "" {
		c.add(Warning, "slot", what, why, remedy)
	}
	return nil
}

func (c *Checker) publications(p *Pipeline, pubs map[string]*postgres.PublicationInfo) {
	for _, name := range p.pubs.Names() {
		info := pubs[name]
		if info == nil {
			continue
		}
		if !info.Truncate {
			c.add(Warning, "publication", name+" does not publish truncates", "rows of a truncated table stay", fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');", schema.QuotePostgres(name)))
		}
		if what, remedy := p.unfit(info, name); what != "" {
			c.add(Problem, "publication", name+" "+what, "what it does not publish would be missing in silence", remedy)
		}
	}
}

func (c *Checker) table(p *Pipeline, r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
	name := r.Name.String()
	before := len(c.Findings)
	for _, o := range p.obstacles(r, pubs) {
		if o.shared {
			o.remedy = ""
		}
		c.add(Problem, name, o.what, o.why, o.remedy)
	}
	if another(p.ledger.State(), r) {
		c.add(Warning, name, "it is another table than the one of its name that was loaded: nothing of it is in the target",
			"the one that was loaded was renamed or dropped", "ingest full-load --tables "+r.Name.Argument())
	}
	for _, o := range p.optionsForDropped(r, pubs) {
		if c.misnamed(o.what) {
			continue
		}
		c.add(Warning, name, o.what, "it had it when it was loaded: changes go on, and a full load of it fails until then", o.remedy)
	}
	switch what, remedy := p.identity(r, pubs); {
	case what != "":
		c.add(Warning, name, what, "updates and deletes can be published only with the old row's key", remedy)
	case p.insertsOnly(r, pubs):
		c.add(Warning, name, p.hadNoIdentity(),
			"it had no replica identity when it was loaded, and has one now", "ingest full-load --tables "+r.Name.Argument())
	case r.Identity.Kind == schema.IdentityFull && r.Deferrable:
		c.add(Note, name, "its primary key is deferrable: under REPLICA IDENTITY FULL an update is a delete and an insert of the whole row", "", "")
	case r.Identity.Kind == schema.IdentityFull && len(r.PrimaryKey) == 0:
		c.add(Note, name, "it has no primary key: under REPLICA IDENTITY FULL an update is a delete and an insert of the whole row", "", "")
	case r.Identity.Kind == schema.IdentityFull:
		c.add(Note, name, "REPLICA IDENTITY FULL: an update or delete sends the whole old row", "its primary key would do, and keeps the server's WAL smaller", "")
	case r.Identity.Kind == schema.IdentityIndex:
		c.add(Note, name, fmt.Sprintf("its replica identity is an index: an update or delete tells its row by %s", quotedList(r.Identity.Columns)), "", "")
	}
	if p.Target(r.Name).Name == p.config.Load.TableName.Name(r.Name) && !p.config.Load.TableName.Keeps(r.Name) {
		c.add(Note, name, "it becomes "+p.Target(r.Name).Display(), "Unity Catalog takes no period, space, slash or control character in the name of a table", "")
	}
	c.leftOut(p, r, pubs)
	if r.Inherits {
		c.add(Note, name, "tables inherit from it: their rows are in tables of their own", "a SELECT of it shows them too, unless it says ONLY", "")
	}
	if r.Partitioned {
		c.add(Note, name, fmt.Sprintf("it is partitioned (%d partitions) and becomes one table", len(r.Leaves)), "a TRUNCATE of a single partition is not replicated; `ingest verify` finds it", "")
	}
	if len(c.Findings) == before {
		c.add(OK, name, "ready", "", "")
	}
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}

// leftOut says which columns of a table are not moved, and why.
func (c *Checker) leftOut(p *Pipeline, r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
	name := r.Name.String()
	as := *r
	as.Published = postgres.PublishedBy(p.pubs, pubs, r.OID)
	sent := as.PublishedColumns()
	missing := func(columns []schema.Column) string {
		var out []string
		for _, col := range columns {
			if !slices.ContainsFunc(sent, func(s schema.Column) bool { return s.Name == col.Name }) {
				out = append(out, col.Name)
			}
		}
		return strings.Join(out, ", ")
	}
	if columns := missing(r.Generated); columns != "" && (p.source.Facts.Version < 180000 || p.published(r, pubs)) {
		remedy := ""
		if p.source.Facts.Version >= 180000 && len(r.Virtual) < len(r.Generated) {
			remedy = fmt.Sprintf("ALTER PUBLICATION %s SET (publish_generated_columns = stored); then `ingest full-load --tables %s` (virtual ones cannot be published)", schema.QuotePostgres(p.pubs.All), r.Name)
		}
		c.add(Note, name, "generated columns are left out: "+columns, "the publication does not send them", remedy)
	}
	if columns := missing(r.Columns); columns != "" {
		c.add(Note, name, "the publication's column list leaves out: "+columns, "", "")
	}
	if excluded := p.config.Shape.Of(r.Name).Excluded(sent); len(excluded) > 0 {
		c.add(Note, name, "the configuration leaves out: "+strings.Join(excluded, ", "), "", "")
	}
	if as.Published.Filter != "" {
		c.add(Note, name, "the publication moves only rows with "+as.Published.Filter, "", "")
	}
}
