package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Merge is a translated MERGE: queries whose results are kept one after the other.
type Merge struct {
	// Source yields the source's rows, which are SourceRows from then on.
	Source string
	// Candidates yields the rows of the target that can have a match, by their keys
	// alone, with the columns that Pairs reads; empty where the condition has no keys.
	Candidates string
	// Pairs yields what the condition holds for: RowID, the source's row, and the
	// number of the first WHEN MATCHED clause that holds, or 0. The other two yield the
	// same of the source's rows and of the target's rows without a match; they are
	// empty where no clause is for them. Each sees in Changes what those before it found.
	Pairs, NotMatched, NotMatchedBySource string
	Clauses                               []MergeClause // number 1 first
	// Reads yields the rows of AddedRows that the MERGE would have read.
	Reads string
	// Repeatable says that a row of the target may have several matches, since all that
	// can happen to it is to be deleted.
	Repeatable bool
}

// MergeClause is what becomes of the rows of a clause: Action is UPDATE, DELETE or
// INSERT, and Values yields the rows that UPDATE and INSERT make. Values takes a
// condition on RowID that all changed rows meet, or nothing.
type MergeClause struct {
	Action string
	Values func(narrow string) string
}

// merge is one MERGE on its way through the translator.
type merge struct {
	t      *Translator
	target Table
	into   string // the target as a relation
	alias  string // and its name there
	rels   []*rel // the target's, and after it the source's
	source string // the name of SourceRows
}

// Merge translates MERGE INTO target, whose relation has a column RowID.
func (t *Translator) Merge(target Table, st *sparksql.Merge) (Merge, error) {
	into, trels, err := t.relations.tableRel(target, st.Target.Alias)
	if err != nil {
		return Merge{}, err
	}
	using, srels, err := t.relations.relation(st.Source, &scope{})
	if err != nil {
		return Merge{}, err
	}
	out := Merge{}
	m := &merge{t: t, target: target, into: into, alias: trels[0].alias, source: t.fresh("s")}
	kept := m.keep(srels)
	out.Source = "SELECT " + selected(srels) + " FROM " + using
	m.rels = append(append([]*rel{}, trels...), kept...)
	if err := m.translate(st, &out); err != nil {
		return Merge{}, unresolvedInMerge(err)
	}
	return out, nil
}

// selected lists the columns of relations, as c0, c1, ….
func selected(rels []*rel) string {
	var list []string
	for _, r := range rels {
		for _, f := range r.cols {
			list = append(list, fmt.Sprintf("%s AS c%d", f.val.sql, len(list)))
		}
	}
	return strings.Join(list, ", ")
}

// keep gives the relations as they are found in SourceRows.
func (m *merge) keep(rels []*rel) []*rel {
	n := 0
	out := make([]*rel, len(rels))
	for i, r := range rels {
		cols := slices.Clone(r.cols)
		for j := range cols {
			cols[j].val = value{sql: fmt.Sprintf("%s.c%d", quote(m.source), n), typ: cols[j].val.typ}
			n++
		}
		out[i] = &rel{alias: m.source, names: r.names, cols: cols}
	}
	return out
}

func (m *merge) both() *scope     { return &scope{rels: m.rels} }
func (m *merge) ofTarget() *scope { return &scope{rels: m.rels[:1]} }
func (m *merge) ofSource() *scope { return &scope{rels: m.rels[1:]} }

func (m *merge) translate(st *sparksql.Merge, out *Merge) error {
	if err := checkMerge(st); err != nil {
		return err
	}
	on, err := m.t.boolean(st.On, m.both())
	if err != nil {
		return err
	}
	out.Reads = "SELECT 1 FROM " + AddedRows + " AS " + quote(m.alias)
	if !has(st.Whens, "NOT MATCHED BY SOURCE") {
		out.Reads += " JOIN " + SourceRows + " AS " + quote(m.source) + " ON " + on.sql
	}
	matched, err := m.first(st.Whens, "MATCHED", m.both())
	if err != nil {
		return err
	}
	found := m.into
	if out.Candidates = m.candidates(st.On, on.sql+matched); out.Candidates != "" {
		found = Candidates + " AS " + quote(m.alias)
	}
	out.Pairs = m.rows(m.row(), m.sourceRow(), matched, found+" JOIN "+SourceRows+" AS "+quote(m.source)+" ON "+on.sql)
	if has(st.Whens, "NOT MATCHED") {
		number, err := m.first(st.Whens, "NOT MATCHED", m.ofSource())
		if err != nil {
			return err
		}
		out.NotMatched = m.rows("NULL", m.sourceRow(), number,
			SourceRows+" AS "+quote(m.source)+" ANTI JOIN "+Changes+" AS p ON p.source = "+m.sourceRow())
	}
	if has(st.Whens, "NOT MATCHED BY SOURCE") {
		number, err := m.first(st.Whens, "NOT MATCHED BY SOURCE", m.ofTarget())
		if err != nil {
			return err
		}
		out.NotMatchedBySource = m.rows(m.row(), "NULL", number, m.into+" ANTI JOIN "+Changes+" AS p ON p."+RowID+" = "+m.row())
	}
	out.Repeatable = repeatable(st.Whens)
	for i, w := range st.Whens {
		clause, err := m.clause(i+1, w)
		if err != nil {
			return err
		}
		out.Clauses = append(out.Clauses, clause)
	}
	return nil
}

func (m *merge) row() string       { return quote(m.alias) + "." + RowID }
func (m *merge) sourceRow() string { return quote(m.source) + ".rowid" }

func (m *merge) rows(target, source, number, from string) string {
	return "SELECT CAST(" + target + " AS BIGINT) AS " + RowID + ", CAST(" + source + " AS BIGINT) AS source, " +
		number + " AS clause FROM " + from
}

func has(whens []sparksql.MergeWhen, match string) bool {
	return slices.ContainsFunc(whens, func(w sparksql.MergeWhen) bool { return w.Match == match })
}

// repeatable reports whether all that can happen to a matched row is a DELETE
// without a condition.
func repeatable(whens []sparksql.MergeWhen) bool {
	n := 0
	for _, w := range whens {
		if w.Match != "MATCHED" {
			continue
		}
		if n++; n > 1 || w.Action != "DELETE" || w.And != nil {
			return false
		}
	}
	return true
}

// first is the number of the first clause of a kind whose condition holds; 0 is none.
func (m *merge) first(whens []sparksql.MergeWhen, match string, s *scope) (string, error) {
	sql, otherwise := "", "0"
	for i, w := range whens {
		switch {
		case w.Match != match:
		case w.And == nil:
			otherwise = fmt.Sprint(i + 1)
		default:
			v, err := m.t.boolean(w.And, s)
			if err != nil {
				return "", err
			}
			sql += fmt.Sprintf(" WHEN %s THEN %d", v.sql, i+1)
		}
	}
	if sql == "" {
		return otherwise, nil
	}
	return "CASE" + sql + " ELSE " + otherwise + " END", nil
}

func (m *merge) clause(number int, w sparksql.MergeWhen) (MergeClause, error) {
	out := MergeClause{Action: w.Action}
	ofClause := fmt.Sprintf("clause = %d", number)
	from := " FROM (FROM " + Changes + " WHERE " + ofClause + ") AS p"
	if w.Match != "NOT MATCHED BY SOURCE" {
		from += " JOIN " + SourceRows + " AS " + quote(m.source) + " ON " + m.sourceRow() + " = p.source"
	}
	var list string
	var err error
	switch w.Action {
	case "DELETE":
		return out, nil
	case "INSERT":
		list, err = m.inserted(w)
	default:
		list, err = m.updated(w)
	}
	// Old rows are read only for their values. DuckDB reads the whole table for them, and all columns that are named.
	old := strings.Contains(list, quote(m.alias)+".")
	out.Values = func(narrow string) string {
		if !old {
			return "SELECT " + list + from
		}
		return "SELECT " + list + from + " JOIN " + changedRows(m.target, ofClause, narrow) + " AS " + quote(m.alias) + " ON " +
			m.row() + " = p." + RowID
	}
	return out, err
}

func (m *merge) updated(w sparksql.MergeWhen) (string, error) {
	set, s := w.Set, m.both()
	switch {
	case w.All:
		s = m.ofSource()
		set = nil
		for _, f := range m.rels[0].cols {
			set = append(set, sparksql.Assignment{Column: []string{f.name}, Value: &sparksql.Name{Parts: []string{f.name}}})
		}
	case w.Match == "NOT MATCHED BY SOURCE":
		s = m.ofTarget()
	}
	return m.t.assignments(set, m.rels[0], s)
}

func (m *merge) inserted(w sparksql.MergeWhen) (string, error) {
	names, vals := w.Columns, w.Values
	if w.All || names == nil {
		for _, f := range m.rels[0].cols {
			names = append(names, f.name)
			if w.All {
				vals = append(vals, &sparksql.Name{Parts: []string{f.name}})
			}
		}
	}
	if len(names) != len(vals) {
		return "", sparksql.Errorf("21S01", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
			"MERGE inserts %d values into %d columns.", len(vals), len(names))
	}
	set := make([]sparksql.Assignment, len(names))
	for i, n := range names {
		if slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, n) }) {
			return "", sparksql.Errorf("42701", "DELTA_DUPLICATE_COLUMNS_ON_INSERT", "Duplicate column names in INSERT clause")
		}
		set[i] = sparksql.Assignment{Column: []string{n}, Value: vals[i]}
	}
	// What is not said of a new row is NULL.
	empty := &rel{names: m.rels[0].names, cols: slices.Clone(m.rels[0].cols)}
	for i := range empty.cols {
		empty.cols[i].val.sql = "NULL"
	}
	return m.t.assignments(set, empty, m.ofSource())
}

// key is a pair of columns, one of each side, that a condition wants to be equal.
type key struct {
	target, source string
	nulls          bool // NULL equals NULL
}

// keys are the pairs that every match has in common. DuckDB finds these rows by what
// it knows of the blocks of a table, and computes the rest of the condition for them alone.
func (m *merge) keys(on sparksql.Expr) []key {
	op, ok := on.(*sparksql.Operation)
	switch {
	case !ok:
		return nil
	case op.Op == "AND":
		return append(m.keys(op.L), m.keys(op.R)...)
	case op.Op != "=" && op.Op != "==" && op.Op != "<=>":
		return nil
	}
	for _, sides := range [][2]sparksql.Expr{{op.L, op.R}, {op.R, op.L}} {
		l, ok1 := sides[0].(*sparksql.Name)
		r, ok2 := sides[1].(*sparksql.Name)
		if !ok1 || !ok2 {
			return nil
		}
		a, err1 := m.ofTarget().resolve(l.Parts)
		b, err2 := m.ofSource().resolve(r.Parts)
		_, ambiguous1, _ := m.ofSource().local(l.Parts)
		_, ambiguous2, _ := m.ofTarget().local(r.Parts)
		if err1 != nil || err2 != nil || ambiguous1 || ambiguous2 || a.typ.Nested() || !a.typ.Equal(b.typ) {
			continue
		}
		return []key{{a.sql, b.sql, op.Op == "<=>"}}
	}
	return nil
}

// candidates are the rows with a key of the source, with the columns that are named in the text used.
func (m *merge) candidates(on sparksql.Expr, used string) string {
	keys := m.keys(on)
	if len(keys) == 0 {
		return ""
	}
	equal, same := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		equal[i] = k.target + " = " + k.source
		if same[i] = equal[i]; k.nulls {
			same[i] = k.target + " IS NOT DISTINCT FROM " + k.source
		}
	}
	columns := []string{m.row()}
	for _, f := range m.rels[0].cols {
		if strings.Contains(used, f.val.sql) {
			columns = append(columns, f.val.sql)
		}
	}
	list := "SELECT " + strings.Join(columns, ", ") + " FROM " + m.target.Stored + " AS " + quote(m.alias) + " SEMI JOIN "
	selects := []string{list + SourceRows + " AS " + quote(m.source) + " ON " + strings.Join(equal, " AND ")}
	for _, k := range keys {
		if k.nulls {
			selects = append(selects, list+"(FROM "+SourceRows+" AS "+quote(m.source)+" WHERE "+k.source+" IS NULL) AS "+quote(m.source)+
				" ON "+strings.Join(same, " AND ")+" WHERE "+k.target+" IS NULL")
		}
	}
	union := " UNION ALL "
	if len(selects) > 2 { // two keys of a row may be NULL
		union = " UNION "
	}
	all := strings.Join(selects, union)
	if m.target.Dead != "" {
		all = "SELECT k.* FROM (" + all + ") AS k ANTI JOIN " + m.target.Dead + " AS d ON d." + RowID + " = k." + RowID
	}
	return all
}

// checkMerge refuses what Delta refuses before it looks at any row.
func checkMerge(st *sparksql.Merge) error {
	if err := checkCondition("search", st.On); err != nil {
		return err
	}
	for _, w := range st.Whens {
		if err := checkCondition(w.Action, w.And); err != nil {
			return err
		}
	}
	return nil
}

func checkCondition(what string, x sparksql.Expr) error {
	what += " condition of MERGE operation"
	switch {
	case x == nil:
	case sparksql.Contains(x, random):
		return sparksql.Errorf("0AKDC", "DELTA_NON_DETERMINISTIC_FUNCTION_NOT_SUPPORTED",
			"Non-deterministic functions are not supported in the %s %s", what, Pretty(x))
	case sparksql.Contains(x, aggregates):
		return sparksql.Errorf("42903", "DELTA_AGGREGATION_NOT_SUPPORTED", "Aggregate functions are not supported in the %s %s.", what, Pretty(x))
	case sparksql.Contains(x, asks):
		return sparksql.Errorf("0AKDC", "DELTA_UNSUPPORTED_SUBQUERY", "Subqueries are not supported in the %s (condition = %s).", what, Pretty(x))
	}
	return nil
}

// random reports whether an expression may have another value each time.
func random(x sparksql.Expr) bool {
	c, ok := x.(*sparksql.Call)
	return ok && (c.Name == "rand" || c.Name == "random" || c.Name == "uuid")
}

func aggregates(x sparksql.Expr) bool {
	c, ok := x.(*sparksql.Call)
	return ok && builtins[c.Name].aggregate
}

// asks reports whether an expression is a query.
func asks(x sparksql.Expr) bool {
	switch x := x.(type) {
	case *sparksql.Exists, *sparksql.Subquery:
		return true
	case *sparksql.In:
		return x.Query != nil
	}
	return false
}

// unresolvedInMerge is Delta's own class for a name that MERGE does not find.
func unresolvedInMerge(err error) error {
	var e *sparksql.Error
	if !errors.As(err, &e) || !e.HasClass("UNRESOLVED_COLUMN") {
		return err
	}
	return sparksql.Errorf("42601", "DELTA_MERGE_UNRESOLVED_EXPRESSION", "%s", e.Message)
}
