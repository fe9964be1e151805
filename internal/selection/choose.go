// Package selection decides which relations of the source a run takes: those that the configuration
// selects or a command names, if their changes can be read and their targets are their own. It also
// finds names of the configuration that match nothing. It must not know what is done with the tables.
package selection

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/target"
)

// Selection needs the configuration, the source and the ledger's state.
type Selection struct {
	Config *config.Config
	Source *postgres.Source
	State  *ledger.State
	Log    *slog.Logger
}

// Tables reads the catalog and chooses the tables: those that names lists, or, without names, those
// that the configuration selects. It leaves out a table whose target is taken and calls clash for it.
// If clash is nil, such tables are an error, which names all of them.
func (s *Selection) Tables(ctx context.Context, conn *pgx.Conn, names []string,
	clash func(schema.TableName, error)) ([]postgres.Relation, error) {
	patterns := make([]config.Pattern, len(names))
	for i, n := range names {
		var err error
		if patterns[i], err = config.ParsePattern(n); err != nil {
			return nil, failure.Wrap(failure.Usage, err)
		}
	}
	if err := s.CheckNames(ctx, conn, clash == nil); err != nil {
		return nil, err
	}
	all, err := s.Source.Catalog(conn).Relations(ctx, s.Schemas(patterns), nil)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return s.usable(slices.DeleteFunc(all, func(r postgres.Relation) bool { return !s.Config.Source.Selects(r.Name) }), clash)
	}
	chosen, err := s.named(all, names, patterns)
	if err != nil {
		return nil, err
	}
	return s.usable(chosen, clash)
}

// Schemas lists the schemas that tables may be in: the configuration's, and those of tables that it,
// or one of the patterns, names in full.
func (s *Selection) Schemas(patterns []config.Pattern) []string {
	schemas := slices.Clone(s.Config.Source.Schemas)
	for _, pattern := range slices.Concat(patterns, s.Config.Source.Tables) {
		if name, ok := pattern.Literal(schemas[0]); ok && !slices.Contains(schemas, name.Schema) {
			schemas = append(schemas, name.Schema)
		}
	}
	return schemas
}

// Pin gives each pattern of the configuration its schema, and sets the schemas to those of the tables.
// The configuration then selects the same relations, also when it is read from a file. If it selects
// schemas as a whole, tables stays empty.
func Pin(c *config.Config, relations []postgres.Relation) error {
	patterns := c.Source.Tables
	if len(patterns) == 0 {
		return nil
	}
	var schemas, whole []string
	var pinned []config.Pattern
	for _, p := range patterns {
		if name, all := p.All(); all {
			whole = append(whole, name)
		}
		for i := range relations {
			name := relations[i].Name
			if !p.Match(name) || !p.Qualified() && !slices.Contains(c.Source.Schemas, name.Schema) {
				continue
			}
			in, err := p.In(name.Schema)
			if err != nil {
				return err
			}
			if !slices.Contains(pinned, in) {
				pinned = append(pinned, in)
			}
			if !slices.Contains(schemas, name.Schema) {
				schemas = append(schemas, name.Schema)
			}
		}
	}
	c.Source.Schemas, c.Source.Tables = schemas, pinned
	if len(whole) == len(patterns) && len(c.Source.Exclude) == 0 {
		c.Source.Schemas, c.Source.Tables = whole, nil
	}
	return nil
}

// Unloaded reports whether a selected table has no snapshot that its changes could follow, neither
// under its name nor under a former one. byOID are the ledger's tables. A snapshot of another relation,
// whose name this one had for a while, is not the table's.
func (s *Selection) Unloaded(state *ledger.State, byOID map[uint32]*ledger.TableState, r *postgres.Relation) bool {
	former := byOID[r.OID]
	return state.Origin != nil && !state.Ended && s.Config.Source.Selects(r.Name) && Unreplicable(r) == "" &&
		!state.Current(state.Tables[r.Name]) && !(state.Current(former) && former.Snapshot.OID == r.OID)
}

// named finds the tables that --tables asks for. A missing table is an error with the nearest name.
func (s *Selection) named(all []postgres.Relation, names []string, patterns []config.Pattern) ([]postgres.Relation, error) {
	var chosen []postgres.Relation
	for i, pattern := range patterns {
		found := false
		for _, r := range all {
			if !pattern.Match(r.Name) || !pattern.Qualified() && !slices.Contains(s.Config.Source.Schemas, r.Name.Schema) {
				continue
			}
			found = true
			if _, one := pattern.Literal(""); one {
				if why := Unreplicable(&r); why != "" {
					e := failure.New(failure.Usage, "%s cannot be loaded: %s", r.Name, why)
					if names := Illegible(&r); len(names) > 0 {
						return nil, e.WithHint("%s", renames(names))
					}
					return nil, e.WithHint("leave it out of --tables; `ingest check` lists the tables")
				}
			}
			if !slices.ContainsFunc(chosen, func(c postgres.Relation) bool { return c.OID == r.OID }) {
				chosen = append(chosen, r)
			}
		}
		if !found {
			e := failure.New(failure.Usage, "table %q is not in the source (schemas %s)", names[i], strings.Join(s.Config.Source.Schemas, ", "))
			var known []string
			for _, r := range all {
				known = append(known, r.Name.Bare(), r.Name.String())
			}
			if near := nearest(names[i], known); near != "" {
				return nil, e.WithHint("did you mean %s?", argument(near))
			}
			return nil, e.WithHint("`ingest check` lists the tables")
		}
	}
	slices.SortFunc(chosen, func(a, b postgres.Relation) int { return a.Name.Compare(b.Name) })
	return chosen, nil
}

// usable leaves out what cannot be replicated, and logs it. It refuses what the target cannot hold,
// before anything is written.
func (s *Selection) usable(relations []postgres.Relation, clash func(schema.TableName, error)) ([]postgres.Relation, error) {
	var out []postgres.Relation
	var renamed error
	var refusals []error
	claims := (target.Names{Config: s.Config}).Claims(s.State)
	for _, r := range relations {
		if why := Unreplicable(&r); why != "" {
			if names := Illegible(&r); len(names) > 0 {
				s.Log.Warn("left out", "relation", r.Name.String(), "because", why, "fix", renames(names))
			} else {
				s.Log.Info("left out", "relation", r.Name.String(), "because", why)
			}
			continue
		}
		if found := claims.Take(r.Name); len(found) > 0 {
			var errs []error
			for _, c := range found {
				errs = append(errs, claims.Refusal(c))
			}
			err := failure.All(errs)
			former, goesOn := claims.GoesOn(found[0], &r)
			switch {
			case clash != nil:
				clash(r.Name, err)
			case goesOn:
				s.Log.Warn("left out", "relation", r.Name.String(),
					"because", "it is "+former.String()+" under another name of the same target, and its changes go on there")
				renamed = err
			default:
				refusals = append(refusals, err)
			}
			continue
		}
		out = append(out, r)
	}
	if len(refusals) > 0 {
		return nil, failure.All(refusals)
	}
	if len(out) == 0 && renamed != nil {
		return nil, renamed
	}
	if len(out) == 0 && clash == nil {
		return nil, failure.New(failure.Usage, "no table is selected in %s (schemas %s)", s.Source.Describe(),
			strings.Join(s.Config.Source.Schemas, ", ")).
			WithHint("check source.schemas, source.tables and source.exclude; `ingest check` lists what there is")
	}
	return out, nil
}

// Unreplicable returns why changes of a relation cannot be read; "" if they can.
func Unreplicable(r *postgres.Relation) string {
	if names := Illegible(r); len(names) > 0 {
		whys := make([]string, len(names))
		for i, n := range names {
			whys[i] = n.String()
		}
		return strings.Join(whys, "; ")
	}
	return unlogged(r)
}

// renames are the statements that give legible names.
func renames(names []postgres.Illegible) string {
	statements := make([]string, len(names))
	for i, n := range names {
		statements[i] = n.Rename()
	}
	return strings.Join(statements, "; ")
}

// Illegible are the names that alone keep a relation from being read.
func Illegible(r *postgres.Relation) []postgres.Illegible {
	if unlogged(r) != "" {
		return nil
	}
	return r.Illegible
}

// unlogged returns why the WAL has no changes of a relation; "" if it has.
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
