package selection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// misnamed is a name of the configuration that matches nothing. Because of it, data would be missing,
// taken although it was excluded, or unmasked although it was masked.
func misnamed(where, what, why, hint string) finding.Finding {
	return finding.Finding{
		Level: finding.Problem, Kind: failure.Usage, Subject: "configuration", What: where + ": " + what, Why: why, Remedy: hint,
	}
}

// CheckNames returns a usage error if a name or a pattern of the configuration matches nothing in the
// source or in the ledger. A table that was dropped after it was loaded keeps its name in the ledger,
// and does not stop the pipeline. forgetting means that a full load is about to make the ledger forget
// columns that the source dropped: options of patterns for them are then mistakes.
func (s *Selection) CheckNames(ctx context.Context, conn *pgx.Conn, forgetting bool) error {
	found, err := s.Misnamed(ctx, conn, forgetting)
	if err != nil {
		return err
	}
	return refusal(found)
}

// refusal is the error of a run for these mistakes; nil if there are none.
func refusal(found []finding.Finding) error {
	switch len(found) {
	case 0:
		return nil
	case 1:
		return failure.New(failure.Usage, "%s", found[0].What).WithHint("%s", found[0].Remedy)
	}
	lines := make([]string, len(found))
	for i, m := range found {
		lines[i] = m.What
	}
	return failure.New(failure.Usage, "%d names in the configuration match nothing: %s", len(found), strings.Join(lines, "; ")).
		WithHint("%s; `ingest check` has the fix for each", found[0].Remedy)
}

// Misnamed lists the mistakes in the order of the configuration. It queries the source only if the
// configuration has names.
func (s *Selection) Misnamed(ctx context.Context, conn *pgx.Conn, forgetting bool) ([]finding.Finding, error) {
	c := s.Config
	if !c.NamesAny() {
		return nil, nil
	}
	names, err := s.Source.Catalog(conn).AllNames(ctx)
	if err != nil {
		return nil, err
	}
	n := &naming{s: s, names: names, schemas: s.Schemas(nil), forgetting: forgetting}
	if forgetting {
		if n.moved, err = s.moved(ctx, conn); err != nil {
			return nil, err
		}
	}
	var out []finding.Finding
	for _, name := range c.Names {
		if m := n.look(name); m != nil {
			out = append(out, *m)
		}
	}
	if len(c.ColumnNames) == 0 {
		return out, nil
	}
	columns, err := n.columns(ctx, conn)
	if err != nil {
		return nil, err
	}
	return slices.Concat(out, columns, withoutKey(c)), nil
}

// withoutKey is the first column that is to be masked with a key, if the configuration has no key.
func withoutKey(c *config.Config) []finding.Finding {
	m := c.NeedsKey()
	if m == nil || len(c.Shape.Key) >= shape.MinKeyBytes {
		return nil
	}
	what, remedy := m.WithoutKey()
	return []finding.Finding{misnamed(m.Where, what, "", remedy)}
}

// naming looks up names of the configuration.
type naming struct {
	s       *Selection
	names   *postgres.CatalogNames
	schemas []string // from which tables are taken
	// forgetting means that what the ledger knows about columns counts only for sections of one table.
	forgetting bool
	moved      map[schema.TableName]schema.TableName // tables with another name by now
}

// moved maps tables of the ledger to their present names, if these differ.
func (s *Selection) moved(ctx context.Context, conn *pgx.Conn) (map[schema.TableName]schema.TableName, error) {
	heirs := s.State.ByOIDs()
	names, err := s.Source.Catalog(conn).Names(ctx, slices.Collect(maps.Keys(heirs)), nil)
	if err != nil {
		return nil, err
	}
	return renamed(heirs, names.Of), nil
}

// renamed maps tables of the ledger, by OID, to their names in the catalog, if these differ.
func renamed(tables map[uint32]*ledger.TableState, names map[uint32]schema.TableName) map[schema.TableName]schema.TableName {
	moved := map[schema.TableName]schema.TableName{}
	for oid, t := range tables {
		if now, there := names[oid]; there && now != t.Table {
			moved[t.Table] = now
		}
	}
	return moved
}

// look returns what is wrong with a name; nil if it matches something.
func (n *naming) look(name config.Name) *finding.Finding {
	if name.Key == "source.schemas" {
		return n.schema(name)
	}
	for _, r := range n.names.Relations {
		if r.Root.Name == "" && n.stands(name, r.Name) {
			return nil
		}
	}
	for table := range n.s.State.Tables {
		if !name.Pattern.Match(table) {
			continue
		}
		if now, moved := n.moved[table]; moved && n.hides(name) {
			m := misnamed(
				name.Where, fmt.Sprintf("section %s is for a table that is called %s now", name.Key, now),
				"a full load under that name would not apply its options",
				fmt.Sprintf("rename the section to [tables.%q]", now.String()),
			)
			return &m
		}
		return nil
	}
	what, why := fmt.Sprintf("%s: %q matches no table of the source", name.Key, name.Text),
		"it selects nothing: the intended table is not loaded"
	switch {
	case name.Section:
		what, why = fmt.Sprintf("section %s is for a table that is not in the source", name.Key),
			"its options have no effect: a misspelt mask hides nothing"
	case name.Key == "source.exclude":
		why = "it excludes nothing: the intended table is loaded"
	}
	m := misnamed(name.Where, what, why, n.hint(name))
	return &m
}

// hides reports whether a name belongs to a section that masks or excludes columns. The key of another
// name is no section's label.
func (n *naming) hides(name config.Name) bool {
	return slices.ContainsFunc(n.s.Config.Shape.Sections, func(s shape.Section) bool {
		return s.Label == name.Key && len(s.Masks)+len(s.Exclude) > 0
	})
}

// stands reports whether a name matches a table in the way that the configuration uses it. An
// exclusion may match a table that is not taken anyway.
func (n *naming) stands(name config.Name, table schema.TableName) bool {
	if !name.Pattern.Match(table) {
		return false
	}
	switch {
	case name.Key == "source.exclude" && name.Pattern.Qualified():
		return true
	case name.Key == "source.tables" && !name.Pattern.Qualified():
		return slices.Contains(n.s.Config.Source.Schemas, table.Schema)
	}
	return slices.Contains(n.schemas, table.Schema)
}

func (n *naming) schema(name config.Name) *finding.Finding {
	if slices.Contains(n.names.Schemas, name.Text) {
		return nil
	}
	for table := range n.s.State.Tables {
		if table.Schema == name.Text {
			return nil
		}
	}
	m := misnamed(
		name.Where, fmt.Sprintf("source.schemas: there is no schema %q in the source", name.Text),
		"nothing is loaded from it: the intended tables are missing",
		"the schemas are "+strings.Join(n.names.Schemas, ", "),
	)
	if near := nearest(name.Text, n.names.Schemas); near != "" {
		m.Remedy = fmt.Sprintf("did you mean %q?", near)
	}
	return &m
}

// hint suggests the intended name.
func (n *naming) hint(name config.Name) string {
	var known []string
	for _, r := range n.names.Relations {
		matches := name.Pattern.Match(r.Name)
		switch {
		case matches && r.Root.Name != "":
			return fmt.Sprintf("%s is a partition of %s, and partitions are loaded with their table: name that table", r.Name, r.Root)
		case matches:
			return fmt.Sprintf("%s is in a schema that is not in source.schemas: put %q there, or name the table in full", r.Name, r.Name.Schema)
		case r.Root.Name == "" && slices.Contains(n.schemas, r.Name.Schema):
			known = append(known, r.Name.Bare(), r.Name.String())
		}
	}
	near := nearest(name.Text, known)
	switch {
	case near != "" && name.Section:
		return fmt.Sprintf("did you mean [tables.%q]?", near)
	case near != "":
		return fmt.Sprintf("did you mean %q?", near)
	case strings.ContainsAny(name.Text, "*?"):
		return "correct the pattern, or remove it; * stands for any characters, ? for one, and case counts"
	case name.Section:
		return "remove the section, or put its schema into source.schemas; `ingest check` lists the tables"
	}
	return "correct the name, or remove it; `ingest check` lists the tables"
}

// nearest is the likely candidate: one that differs only in case or quotes, else the one with the most
// similar spelling.
func nearest(name string, candidates []string) string {
	plain := strings.NewReplacer(`"`, "")
	if i := slices.IndexFunc(candidates, func(c string) bool { return strings.EqualFold(plain.Replace(c), plain.Replace(name)) }); i >= 0 {
		return candidates[i]
	}
	return config.Nearest(name, candidates)
}

// columns finds options for columns that no table of their section has, or had when it was loaded.
func (n *naming) columns(ctx context.Context, conn *pgx.Conn) ([]finding.Finding, error) {
	matched, tables := n.matched()
	of, err := n.s.Source.Catalog(conn).ColumnNames(ctx, tables)
	if err != nil {
		return nil, err
	}
	return n.missing(matched, of), nil
}

// matched lists the tables of each section with options for columns, and all of them.
func (n *naming) matched() (matched map[config.Pattern][]schema.TableName, tables []schema.TableName) {
	matched = map[config.Pattern][]schema.TableName{}
	for _, option := range n.s.Config.ColumnNames {
		if _, done := matched[option.Pattern]; done {
			continue
		}
		matched[option.Pattern] = []schema.TableName{}
		for _, r := range n.names.Relations {
			if r.Root.Name == "" && option.Pattern.Match(r.Name) && slices.Contains(n.schemas, r.Name.Schema) {
				matched[option.Pattern] = append(matched[option.Pattern], r.Name)
				tables = append(tables, r.Name)
			}
		}
	}
	return matched, tables
}

// missing finds options for columns that none of the section's tables has. of are the tables' columns.
func (n *naming) missing(matched map[config.Pattern][]schema.TableName, of map[schema.TableName][]string) []finding.Finding {
	var out []finding.Finding
	for _, option := range n.s.Config.ColumnNames {
		var columns []string
		for _, table := range matched[option.Pattern] {
			columns = append(columns, of[table]...)
		}
		// If no table matches, the section itself is the mistake.
		if len(columns) == 0 || slices.Contains(columns, option.Column) || n.hadColumn(option) {
			continue
		}
		slices.Sort(columns)
		columns = slices.Compact(columns)
		m := misnamed(
			option.Where, fmt.Sprintf("%s %s names column %q, which it does not have", option.Label, option.Option, option.Column),
			"an option for a column that does not exist has no effect: a misspelt mask hides nothing",
			"its columns are "+strings.Join(columns, ", "),
		)
		if tables := matched[option.Pattern]; len(tables) == 1 {
			m.Remedy = "its columns are " + strings.Join(of[tables[0]], ", ")
		}
		if near := nearest(option.Column, columns); near != "" {
			m.Remedy = fmt.Sprintf("did you mean %q? %s", near, m.Remedy)
		}
		out = append(out, m)
	}
	return out
}

// hadColumn reports whether the ledger knows a column that an option names: the source may have
// dropped it since.
func (n *naming) hadColumn(option config.ColumnName) bool {
	if _, one := option.Pattern.Literal(""); n.forgetting && !one {
		return false
	}
	for _, t := range n.s.State.Tables {
		if !option.Pattern.Match(t.Table) {
			continue
		}
		has := func(c schema.Column) bool { return c.Name == option.Column }
		if slices.ContainsFunc(t.Columns, has) {
			return true
		}
		if s := t.Snapshot; s != nil && (slices.ContainsFunc(s.Columns, has) || slices.Contains(s.Excluded, option.Column)) {
			return true
		}
	}
	return false
}
