package probe

import (
	"context"
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// askCase creates a table in one case and reads it in others.
func askCase(ctx context.Context, s *scratch) (seen, error) {
	t := s.table("MixedCase")
	if err := s.exec(ctx,
		databricks.CreateEmptyTable(t, []databricks.TargetColumn{{Name: "MixedColumn", Type: idType}}, databricks.TableOptions{}),
		"INSERT INTO "+t.String()+" VALUES (1)"); err != nil {
		return seen{}, err
	}
	upper := t
	upper.Name = strings.ToUpper(t.Name)
	if _, err := s.number(ctx, "SELECT mixedCOLUMN AS n FROM "+upper.String()); err != nil {
		return seen{}, err
	}
	info, err := s.w.Tables().Info(ctx, upper)
	if err != nil {
		return seen{}, err
	}
	if len(info.Columns) != 1 || info.Columns[0].Name != "MixedColumn" {
		return wrong("the columns are %v", info.Columns)
	}
	err = s.make(ctx, databricks.Table{Catalog: t.Catalog, Schema: t.Schema, Name: t.Name})
	if err != nil {
		return seen{}, err
	}
	twice := append(idColumns[:1:1], databricks.TargetColumn{Name: "ID", Type: idType})
	switch err := s.exec(ctx, databricks.CreateEmptyTable(s.table("twice"), twice, databricks.TableOptions{})); {
	case err == nil:
		return other("a table may have the columns id and ID")
	case !databricks.Refused(err):
		return seen{}, err
	}
	return fits("names are the same in any case; columns keep theirs")
}

// oddTables and oddColumns are names that tables and columns of a source may
// have.
var (
	oddTables  = []string{"a-b", `q"u'o`, "ü漢字😀", "d$ollar%", "semi;colon,comma", "#hash@at!"}
	oddColumns = []string{"a b,c;d{e}f(g)h=i", "dot.ted", `q"u'o` + "`t", "ü漢字😀", "slash/back\\slash", "#@!$%^&*", "select"}
)

// longName is a name of the maximum length.
func longName(begin string) string { return begin + strings.Repeat("n", 255-len(begin)) }

// askTableNames creates tables with odd names.
func askTableNames(ctx context.Context, s *scratch) (seen, error) {
	var refused []string
	for _, name := range append([]string{longName(s.id)}, oddTables...) {
		t := s.w.Table(name)
		if name != longName(s.id) {
			t = s.table(name)
		}
		err := s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}), "INSERT INTO "+t.String()+" VALUES (1)")
		if err == nil {
			_, err = s.w.Tables().Info(ctx, t)
		}
		if passing(err) {
			return seen{}, err
		}
		if err != nil {
			refused = append(refused, fmt.Sprintf("%.20q (%s)", name, s1(err)))
		}
	}
	if len(refused) > 0 {
		return other("not %s", strings.Join(refused, ", "))
	}
	return fits("%d odd names, one of 255 characters", len(oddTables)+1)
}

// askColumnNames creates a table with oddly named columns.
func askColumnNames(ctx context.Context, s *scratch) (seen, error) {
	var refused []string
	for i, name := range append([]string{longName("c")}, oddColumns...) {
		t := s.table(fmt.Sprint(i))
		columns := []databricks.TargetColumn{{Name: name, Type: schema.Type{Kind: schema.String}, Comment: "c"}}
		err := s.exec(ctx, databricks.CreateEmptyTable(t, columns, databricks.TableOptions{}), "INSERT INTO "+t.String()+" VALUES ('x')")
		if err == nil {
			_, err = s.text(ctx, "SELECT "+databricks.Quote(name)+" AS v FROM "+t.String())
		}
		if passing(err) {
			return seen{}, err
		}
		if err != nil {
			refused = append(refused, fmt.Sprintf("%.20q (%s)", name, s1(err)))
		}
	}
	if len(refused) > 0 {
		return other("not %s", strings.Join(refused, ", "))
	}
	return fits("%d odd names, one of 255 characters, under column mapping", len(oddColumns)+1)
}

// largeView is how many characters the view of a wide table has.
const largeView = 256 << 10

// askViewText creates a view with a long text.
func askViewText(ctx context.Context, s *scratch) (seen, error) {
	view := s.table("v")
	var columns []string
	const width = 1 << 10
	for i := range largeView / width {
		columns = append(columns, fmt.Sprintf("%s AS c%d", databricks.Literal(strings.Repeat("x", width-20)), i))
	}
	sql := "CREATE OR REPLACE VIEW " + view.String() + " AS\nSELECT " + strings.Join(columns, ", ")
	if err := s.exec(ctx, sql); err != nil {
		return seen{}, err
	}
	n, err := s.count(ctx, view)
	if err != nil {
		return seen{}, err
	}
	return fits("a view of %d characters is made, and gives %d row", len(sql), n)
}

// viewed checks whether a view follows a column that is widened after the view
// was created.
func viewed(clause string) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		t, view := s.table("t"), s.table("v")
		if err := s.narrow(ctx, t); err != nil {
			return seen{}, err
		}
		if err := s.exec(ctx, "CREATE OR REPLACE VIEW "+view.String()+clause+" AS\nSELECT id FROM "+t.String()); err != nil {
			return seen{}, err
		}
		if err := s.widen(ctx, t); err != nil {
			if databricks.Refused(err) {
				return unasked("no column is widened here: %s", s1(err))
			}
			return seen{}, err
		}
		n, err := s.number(ctx, "SELECT max(id) AS n FROM "+view.String())
		if databricks.Refused(err) {
			return seen{"it fails: " + s1(err), Other}, nil
		}
		if err != nil {
			return seen{}, err
		}
		if n != 1<<40 {
			return wrong("the value 2^40 reads as %d", n)
		}
		return fits("it gives the wide value")
	}
}

// askViewFrozen makes the same check for a view without a clause. It expects
// the view not to follow.
func askViewFrozen(ctx context.Context, s *scratch) (seen, error) {
	found, err := viewed("")(ctx, s)
	if found.verdict == Fits {
		found.verdict = Other
	} else if found.verdict == Other {
		found.verdict = Fits
	}
	return found, err
}

// askViewGrants replaces a view with grants, as runs do.
func askViewGrants(ctx context.Context, s *scratch) (seen, error) {
	t, view := s.table("t"), s.table("v")
	if err := s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}),
		"CREATE VIEW "+view.String()+" AS SELECT id FROM "+t.String()); err != nil {
		return seen{}, err
	}
	if err := s.exec(ctx, "GRANT SELECT ON VIEW "+view.String()+" TO "+databricks.Quote(anybody)); err != nil {
		if databricks.Refused(err) {
			return unasked("it cannot be granted here: %s", s1(err))
		}
		return seen{}, err
	}
	if err := s.exec(ctx, "ALTER VIEW "+view.String()+" AS SELECT id, id + 1 AS next FROM "+t.String()); err != nil {
		return seen{}, err
	}
	kept, text, err := granted(ctx, s, "VIEW", view)
	switch {
	case err != nil:
		return seen{}, err
	case !kept:
		return wrong("lost: %s", text)
	}
	return fits("kept")
}
