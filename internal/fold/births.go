package fold

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A column that was added with a default, or renamed, appears in the log from
// its birth on. In older rows, whatever their op, the log has NULL in that
// column. Their actual value is the default, or the value of the column under
// its old name. This file is the only place that applies this rule. _entry,
// _commit_lsn and _seq identify a row.

// Birth says what log rows hold in place of a column of Table.Columns. It
// applies to rows that are before this birth and after the column's previous
// birth.
type Birth struct {
	Column string // name in the target, as in Table.Columns
	// From is the target name of the column that older rows have instead. If it
	// is "", they have Value, which is an expression; a Value of "" is NULL.
	// Both are of Type.
	From  string
	Value string
	Type  schema.Type
	// Rescued is the text of a Value that Type cannot hold.
	Rescued *string

	Entry, LSN, Seq int64 // of the first row that has the column
	// Open says that no such row exists yet. The target may lack the column.
	Open bool
}

// BirthsOf lists the births of a table's columns. has reports whether the
// target has a column. If the target does not have a column's name yet, no
// loaded row has the column, and its birth is open.
func BirthsOf(t *ledger.TableState, columns []schema.Column, has func(column string) bool) []Birth {
	var list []Birth
	for _, c := range columns {
		births := t.Births(c.Number)
		for i := 1; i < len(births); i++ {
			if !has(births[i].Birth.From) {
				births = births[:i]
				break
			}
		}
		for i, s := range births {
			b := Birth{
				Column: c.Target(), From: s.Birth.From, Type: s.Birth.Type, Rescued: s.Birth.Rescued, Entry: s.Entry,
				LSN: int64(s.Birth.LSN), Seq: s.Birth.Seq,
			}
			b.Open = s.Entry == 0 || i == len(births)-1 && !has(c.Target())
			if s.Birth.Value != nil {
				b.Value = constant(s.Birth)
			}
			list = append(list, b)
		}
	}
	return list
}

func constant(b ledger.Birth) string {
	expr, err := databricks.Constant(b.Type, b.Value)
	if err != nil {
		return "raise_error(" + databricks.Literal(err.Error()) + ")"
	}
	return expr
}

// Born reports whether a column can be read although the target does not have
// it yet.
func Born(births []Birth, column string) bool {
	return slices.ContainsFunc(births, func(b Birth) bool { return b.Column == column && b.Open })
}

func (b *Birth) compare(o *Birth) int {
	switch {
	case b.Open && o.Open:
		return 0
	case b.Open:
		return 1
	case o.Open:
		return -1
	}
	return cmp.Or(cmp.Compare(b.Entry, o.Entry), cmp.Compare(b.LSN, o.LSN), cmp.Compare(b.Seq, o.Seq))
}

// before is the predicate that selects the rows before the birth.
func (b *Birth) before() string {
	if b.Open {
		return "TRUE"
	}
	return fmt.Sprintf("(`_entry` < %d OR `_entry` = %[1]d AND (`_commit_lsn` < %d OR `_commit_lsn` = %[2]d AND `_seq` < %d))",
		b.Entry, b.LSN, b.Seq)
}

// births lists the births of column i, oldest first.
func (t *Table) births(i int) []Birth {
	var list []Birth
	for _, b := range t.Births {
		if b.Column == t.Columns[i].Target() {
			list = append(list, b)
		}
	}
	return list
}

// byAge is an expression of column i that depends on the row's age. of gives
// the expression for rows before a birth. now is the expression for rows since
// the last birth.
func (t *Table) byAge(i int, of func(*Birth) string, now string) string {
	births := t.births(i)
	if n := len(births); n > 0 && births[n-1].Open {
		births, now = births[:n-1], of(&births[n-1])
	}
	var cases strings.Builder
	other := false
	for _, b := range births {
		value := of(&b)
		other = other || value != now
		fmt.Fprintf(&cases, " WHEN %s THEN %s", b.before(), value)
	}
	if !other {
		return now
	}
	return "CASE" + cases.String() + " ELSE " + now + " END"
}

// value is the expression of column i in the log.
func (t *Table) value(i int) string {
	c := t.Columns[i]
	return t.byAge(i, func(b *Birth) string {
		value := b.Value
		switch {
		case b.From != "":
			value = databricks.Quote(b.From)
		case value == "":
			return databricks.Null(c.Type)
		}
		if b.Type.Equal(c.Type) {
			return value
		}
		return "CAST(" + value + " AS " + c.Type.String() + ")"
	}, databricks.Quote(c.Target()))
}

// text is the expression of the rescued text of column i in the log.
func (t *Table) text(i int) string {
	return t.byAge(i, func(b *Birth) string {
		switch {
		case b.From != "":
			return databricks.RescuedText(b.From)
		case b.Rescued != nil:
			return databricks.Literal(*b.Rescued)
		}
		return "CAST(NULL AS STRING)"
	}, databricks.RescuedText(t.Columns[i].Target()))
}

// age describes what differs in the rows before a birth and after the previous
// one.
type age struct {
	birth Birth
	names map[string]string // present column name → the column's name then
	texts map[string]string // present column name → rescued text of its value
}

// ages lists the ages of the log whose names or rescued texts differ from the
// present ones, oldest first. Rows since the last age need no change.
func (t *Table) ages() []age {
	births := slices.Clone(t.Births)
	slices.SortStableFunc(births, func(a, b Birth) int { return a.compare(&b) })
	births = slices.CompactFunc(births, func(a, b Birth) bool { return a.compare(&b) == 0 })
	ages := make([]age, 0, len(births))
	for _, at := range births {
		a := age{birth: at, names: map[string]string{}, texts: map[string]string{}}
		for i, c := range t.Columns {
			list := t.births(i)
			k := slices.IndexFunc(list, func(b Birth) bool { return b.compare(&at) >= 0 })
			switch {
			case k < 0:
			case list[k].From != "" && list[k].From != c.Target():
				a.names[c.Target()] = list[k].From
			case list[k].Rescued != nil:
				a.texts[c.Target()] = *list[k].Rescued
			}
		}
		ages = append(ages, a)
	}
	if !slices.ContainsFunc(ages, func(a age) bool { return len(a.names)+len(a.texts) > 0 }) {
		return nil
	}
	return ages
}

// inAges is the expression of a metadata column that depends on the row's age.
// of gives the expression for one age.
func (t *Table) inAges(now string, of func(*age) string) string {
	var cases strings.Builder
	for _, a := range t.ages() {
		fmt.Fprintf(&cases, " WHEN %s THEN %s", a.birth.before(), of(&a))
	}
	if cases.Len() == 0 {
		return now
	}
	return "CASE" + cases.String() + " ELSE " + now + " END"
}

// unchanged is the expression of _unchanged with the present column names.
func (t *Table) unchanged() string {
	const now = "`_unchanged`"
	return t.inAges(now, func(a *age) string {
		if len(a.names) == 0 {
			return now
		}
		// A column that the source no longer has may exist beside the column of
		// its new name.
		var was []string
		now, several := map[string][]string{}, false
		for _, c := range t.Columns {
			name := cmp.Or(a.names[c.Target()], c.Target())
			if now[name] == nil {
				was = append(was, name)
			}
			now[name] = append(now[name], databricks.Literal(c.Target()))
			several = several || len(now[name]) > 1
		}
		var cases strings.Builder
		for _, name := range was {
			switch is := databricks.Literal(name); {
			case len(now[name]) > 1:
				fmt.Fprintf(&cases, " WHEN %s THEN array(%s)", is, strings.Join(now[name], ", "))
			case now[name][0] != is && several:
				fmt.Fprintf(&cases, " WHEN %s THEN array(%s)", is, now[name][0])
			case now[name][0] != is:
				fmt.Fprintf(&cases, " WHEN %s THEN %s", is, now[name][0])
			}
		}
		if several {
			return "flatten(transform(`_unchanged`, n -> CASE n" + cases.String() + " ELSE array(n) END))"
		}
		return "transform(`_unchanged`, n -> CASE n" + cases.String() + " ELSE n END)"
	})
}

// rescued is the expression of _rescued with the present column names.
func (t *Table) rescued() string {
	const now = "`_rescued`"
	return t.inAges(now, func(a *age) string {
		if len(a.names)+len(a.texts) == 0 {
			return now
		}
		texts := textsOf(now)
		var cases strings.Builder
		var names []string
		for _, c := range t.Columns {
			name := databricks.Literal(c.Target())
			names = append(names, name)
			if was, ok := a.names[c.Target()]; ok {
				fmt.Fprintf(&cases, " WHEN %s THEN %s[%s]", name, texts, databricks.Literal(was))
			}
			if text, ok := a.texts[c.Target()]; ok {
				fmt.Fprintf(&cases, " WHEN %s THEN %s", name, databricks.Literal(text))
			}
		}
		text := "CASE n" + cases.String() + " ELSE " + texts + "[n] END"
		object := "nullif(concat('{', array_join(filter(transform(array(" + strings.Join(names, ", ") + "), n -> concat(" +
			databricks.JSONString("n") + ", ':', " + databricks.JSONString(text) + ")), m -> m IS NOT NULL), ','), '}'), '{}')"
		if len(a.texts) > 0 {
			return object
		}
		return "CASE WHEN `_rescued` IS NOT NULL THEN " + object + " END"
	})
}
