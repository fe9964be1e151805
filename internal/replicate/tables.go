package replicate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"ingest/internal/config"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// selected reads the catalog and chooses the tables: those that the
// configuration selects, or, if names are given, those. clash is told of tables
// whose target another one has, which are left out; if it is nil, the first is
// an error.
func (p *Pipeline) selected(ctx context.Context, conn *pgx.Conn, names []string, clash func(schema.TableName, error)) ([]postgres.Relation, error) {
	patterns := make([]config.Pattern, len(names))
	for i, n := range names {
		var err error
		if patterns[i], err = config.ParsePattern(n); err != nil {
			return nil, failure.Wrap(failure.Usage, err)
		}
	}
	if err := p.checkNames(ctx, conn, clash == nil); err != nil {
		return nil, err
	}
	all, err := p.source.Catalog(ctx, conn, p.schemas(patterns), nil)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return p.usable(slices.DeleteFunc(all, func(r postgres.Relation) bool { return !p.config.Source.Selects(r.Name) }), clash)
	}
	chosen, err := p.named(all, names, patterns)
	if err != nil {
		return nil, err
	}
	return p.usable(chosen, clash)
}

// schemas lists those that tables may be in: the configuration's, and those of
// tables that it, or one of the patterns, names in full.
func (p *Pipeline) schemas(patterns []config.Pattern) []string {
	schemas := slices.Clone(p.config.Source.Schemas)
	for _, pattern := range slices.Concat(patterns, p.config.Source.Tables) {
		if name, ok := pattern.Literal(schemas[0]); ok && !slices.Contains(schemas, name.Schema) {
			schemas = append(schemas, name.Schema)
		}
	}
	return schemas
}

// unloaded says whether a table that is selected has no snapshot that its
// changes could follow, neither by its name nor by a former one. byOID are the
// ledger's tables.
func (p *Pipeline) unloaded(state *ledger.State, byOID map[uint32]*ledger.TableState, r *postgres.Relation) bool {
	return state.Origin != nil && !state.Ended && p.config.Source.Selects(r.Name) && unreplicable(r) == "" &&
		!state.Current(state.Tables[r.Name]) && !state.Current(byOID[r.OID])
}

// named finds the tables that --tables asks for; one that is not there is an
// error with the nearest name.
func (p *Pipeline) named(all []postgres.Relation, names []string, patterns []config.Pattern) ([]postgres.Relation, error) {
	var chosen []postgres.Relation
	for i, pattern := range patterns {
		found := false
		for _, r := range all {
			if !pattern.Match(r.Name) || !pattern.Qualified() && !slices.Contains(p.config.Source.Schemas, r.Name.Schema) {
				continue
			}
			found = true
			if _, one := pattern.Literal(""); one {
				if why := unreplicable(&r); why != "" {
					e := failure.New(failure.Usage, "%s cannot be loaded: %s", r.Name, why)
					if names := illegible(&r); len(names) > 0 {
						return nil, e.WithHint("%s", names[0].Rename())
					}
					return nil, e.WithHint("leave it out of --tables; `ingest check` lists the tables that there are")
				}
			}
			if !slices.ContainsFunc(chosen, func(c postgres.Relation) bool { return c.OID == r.OID }) {
				chosen = append(chosen, r)
			}
		}
		if !found {
			e := failure.New(failure.Usage, "table %q is not in the source (schemas %s)", names[i], strings.Join(p.config.Source.Schemas, ", "))
			var known []string
			for _, r := range all {
				known = append(known, r.Name.Bare(), r.Name.String())
			}
			if near := nearest(names[i], known); near != "" {
				return nil, e.WithHint("did you mean %s?", argument(near))
			}
			return nil, e.WithHint("`ingest check` lists the tables that there are")
		}
	}
	slices.SortFunc(chosen, func(a, b postgres.Relation) int { return a.Name.Compare(b.Name) })
	return chosen, nil
}

// argument quotes a table's name as an option on a shell's command line.
func argument(name string) string {
	if strings.Contains(name, `"`) {
		return "'" + name + "'"
	}
	return `"` + name + `"`
}

// usable leaves out what cannot be replicated, with a word about it, and
// refuses what the target cannot hold, before anything is written.
func (p *Pipeline) usable(relations []postgres.Relation, clash func(schema.TableName, error)) ([]postgres.Relation, error) {
	var out []postgres.Relation
	var renamed error
	targets := p.targets()
	for _, r := range relations {
		if why := unreplicable(&r); why != "" {
			if names := illegible(&r); len(names) > 0 {
				p.log.Warn("left out", "relation", r.Name.String(), "because", why, "fix", names[0].Rename())
			} else {
				p.log.Info("left out", "relation", r.Name.String(), "because", why)
			}
			continue
		}
		if found := targets.take(r.Name); len(found) > 0 {
			err := targets.refusal(found[0])
			switch {
			case clash != nil:
				clash(r.Name, err)
			case found[0].logs() && targets.formerly(&r, found[0].other.table):
				p.log.Warn("left out", "relation", r.Name.String(), "because", "it is "+found[0].other.table.String()+" under another name of the same target, and its changes go on there")
				renamed = err
			default:
				return nil, err
			}
			continue
		}
		out = append(out, r)
	}
	if len(out) == 0 && renamed != nil {
		return nil, renamed
	}
	if len(out) == 0 && clash == nil {
		return nil, failure.New(failure.Usage, "no table is selected in %s (schemas %s)", p.source.Describe(), strings.Join(p.config.Source.Schemas, ", ")).
			WithHint("check source.schemas, source.tables and source.exclude; `ingest check` lists what there is")
	}
	return out, nil
}

// unreplicable says why changes of a relation cannot be read; "" if they can.
func unreplicable(r *postgres.Relation) string {
	if names := illegible(r); len(names) > 0 {
		return names[0].String()
	}
	return unlogged(r)
}

// illegible are the names that alone keep a relation from being read.
func illegible(r *postgres.Relation) []postgres.Illegible {
	if unlogged(r) != "" {
		return nil
	}
	return r.Illegible
}

// unlogged says why the WAL has no changes of a relation; "" if it has.
func unlogged(r *postgres.Relation) string {
	switch {
	case r.Kind == postgres.KindView:
		return "it is a view, and views are not replicated"
	case r.Kind == postgres.KindMaterializedView:
		return "it is a materialized view, and views are not replicated"
	case r.Kind == postgres.KindForeignTable:
		return "it is a foreign table"
	case r.Persistence == postgres.Unlogged:
		return "it is unlogged, so its changes are not in the WAL"
	case r.Persistence == postgres.Temporary:
		return "it is temporary"
	}
	return ""
}

// standbyRemedy is what to do with the address of a standby.
const standbyRemedy = "set source.url to the primary's address; changes can be read from the standby with source.standby (PostgreSQL 16 and newer)"

// checkPrimary refuses a standby as the source.
func (p *Pipeline) checkPrimary() error {
	if !p.source.Facts.Standby {
		return nil
	}
	return failure.New(failure.Source, "%s is a standby: publications, locks and snapshots need the primary", p.source.Describe()).WithHint(standbyRemedy)
}

// checkSource says what keeps the source from being read at all.
func (p *Pipeline) checkSource() error {
	if err := p.checkPrimary(); err != nil {
		return err
	}
	return p.checkFacts(p.source.Facts)
}

// checkServer is checkSource of the server that a session is on, which after a
// failover is another one than at the beginning.
func (p *Pipeline) checkServer(ctx context.Context, conn *pgx.Conn) error {
	f, err := p.source.Ask(ctx, conn)
	if err != nil {
		return err
	}
	return p.checkFacts(f)
}

func (p *Pipeline) checkFacts(f postgres.Facts) error {
	if f.WALLevel != "logical" {
		return failure.New(failure.Source, "wal_level is %q on %s, and changes can be read only with logical", f.WALLevel, p.source.Describe()).
			WithHint("ALTER SYSTEM SET wal_level = 'logical'; then restart the server (on RDS: rds.logical_replication = 1)")
	}
	if !f.MayReplicate {
		return failure.New(failure.Source, "role %q may not replicate", f.User).
			WithHint("ALTER ROLE %s REPLICATION (on RDS: GRANT rds_replication TO %s)", schema.QuotePostgres(f.User), schema.QuotePostgres(f.User))
	}
	return nil
}

// publish makes the publications hold what was decided. Another run may do the
// same meanwhile, also one that was killed: its session ends its statement
// first. Then what is there is looked at anew.
func (p *Pipeline) publish(ctx context.Context, conn *pgx.Conn, d *decision) error {
	statements := d.statements
	for try := 1; ; try++ {
		err := postgres.Run(ctx, conn, statements)
		// A name or a member is there already, or gone.
		moved := []string{pgerrcode.UniqueViolation, pgerrcode.DuplicateObject, pgerrcode.UndefinedObject}
		if try == publishTries || !slices.Contains(moved, postgres.Code(err)) {
			return err
		}
		p.log.Info("looking at the publications again", "because", err)
		if statements, err = p.publicationStatements(ctx, conn, d.published); err != nil {
			return err
		}
	}
}

const publishTries = 5

// publicationStatements decides how to make the publications hold the relations,
// and says what they will lack.
func (p *Pipeline) publicationStatements(ctx context.Context, conn *pgx.Conn, relations []postgres.Relation) ([]string, error) {
	have, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	p.foundAll(have)
	for _, name := range p.pubs.Names() {
		if what, remedy := p.unfit(have[name], name); what != "" {
			return nil, failure.New(failure.Source, "publication %s %s", name, what).WithHint("%s", remedy)
		}
	}
	for _, r := range relations {
		if what, remedy := p.identity(&r, have); what != "" {
			p.log.Warn(what, "table", r.Name.String(), "remedy", remedy)
		}
	}
	statements := p.source.PublicationStatements(p.pubs, have, relations)
	spared, err := p.sparing(ctx, conn, have, relations)
	if err != nil {
		return nil, err
	}
	statements = append(statements, spared...)
	return statements, p.mayPublish(ctx, conn, have, statements)
}

// foundAll sees that somebody made the publication for all tables: then it is
// the only one, since no table needs another. Once there is a ledger, its
// origin says which there are.
func (p *Pipeline) foundAll(have map[string]*postgres.PublicationInfo) {
	state := p.ledger.State()
	all := have[p.pubs.All]
	if (state.Origin == nil || state.Ended) && all != nil && all.AllTables && have[p.pubs.Inserts] == nil {
		p.pubs.Inserts = ""
	}
}

// unfit says why changes would be missing in a publication that somebody made,
// and how to mend it; "" if none would.
func (p *Pipeline) unfit(info *postgres.PublicationInfo, name string) (what, remedy string) {
	if info == nil || info.Insert && (name == p.pubs.Inserts || info.Update && info.Delete) {
		return "", ""
	}
	publish := "insert, update, delete, truncate"
	if name == p.pubs.Inserts {
		publish = "insert, truncate"
	}
	return "does not publish all changes", fmt.Sprintf("ALTER PUBLICATION %s SET (publish = '%s');", schema.QuotePostgres(name), publish)
}

// identity says what a table's missing replica identity means, and how to mend
// it; "" if it has one.
func (p *Pipeline) identity(r *postgres.Relation, have map[string]*postgres.PublicationInfo) (what, remedy string) {
	all := have[p.pubs.All]
	if r.CanPublishUpdates(all) || p.misled(r, have) { // which is an obstacle
		return "", ""
	}
	why, remedy := lacking(r, all)
	if all != nil && all.Has(r.OID) && (all.Update || all.Delete) && r.Refused(all) != "" {
		return fmt.Sprintf("%s, and publication %s makes the application's own UPDATE and DELETE on it fail", why, p.pubs.All), remedy
	}
	if r.Identity.Kind == schema.IdentityDefault && len(r.PrimaryKey) == 0 && !r.Deferrable && !strings.Contains(remedy, "PRIMARY KEY") {
		remedy += fmt.Sprintf(" or ALTER TABLE %s ADD PRIMARY KEY (…);", r.Name.SQL())
	}
	return why + ": updates and deletes are not replicated", fmt.Sprintf("%s then `ingest full-load --tables %s`", remedy, r.Name.Argument())
}

// insertsOnly says that a relation was published without an identity, and has
// got one since.
func (p *Pipeline) insertsOnly(r *postgres.Relation, have map[string]*postgres.PublicationInfo) bool {
	inserts := have[p.pubs.Inserts]
	return inserts != nil && inserts.Has(r.OID) && !postgres.Covered(p.pubs, have, r)
}

// hadNoIdentity says what insertsOnly means.
func (p *Pipeline) hadNoIdentity() string {
	return "publication " + p.pubs.Inserts + " sends its inserts and truncates: updates and deletes are not replicated"
}

// misled says that a publication that somebody made sends updates and deletes
// of a relation although they do not tell which row they are of. The
// application does not notice.
func (p *Pipeline) misled(r *postgres.Relation, have map[string]*postgres.PublicationInfo) bool {
	all := have[p.pubs.All]
	return all != nil && all.Has(r.OID) && (all.Update || all.Delete) && !r.CanPublishUpdates(all) && r.Refused(all) == ""
}

// lacking says why updates and deletes of a relation do not tell which row they
// are of, or cannot be sent by the publication, and the SQL that changes it.
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
	return fmt.Sprintf("its partition %s has a replica identity of its own, which tells less than the table's", partitions[0].Name), strings.Join(all, " ")
}

// mayPublish says which right the role lacks for the statements, before any of
// them is run.
func (p *Pipeline) mayPublish(ctx context.Context, conn *pgx.Conn, have map[string]*postgres.PublicationInfo, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	may, err := p.source.MayCreatePublication(ctx, conn)
	if err != nil {
		return err
	}
	user := p.source.Facts.User
	for _, name := range p.pubs.Names() {
		if have[name] == nil && !may {
			return failure.New(failure.Source, "publication %s does not exist, and role %s may not create it", name, user).WithHint("%s", p.grantCreate())
		}
	}
	for _, sql := range statements {
		for _, name := range p.pubs.Names() {
			if altering(name)(sql) && have[name] != nil && !have[name].Owned {
				return failure.New(failure.Source, "publication %s lacks tables, and role %s does not own it", name, user).WithHint("as its owner: %s;", sql)
			}
		}
	}
	return nil
}
