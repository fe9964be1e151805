package fold

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// A column that was added with a default, or renamed, is in the log from its
// birth on. Rows before it, whatever their op, have the default, or what the
// column of the old name has; the log has NULL there. This file is the one place
// that reads the log so. A row is told by its _entry, _commit_lsn and _seq.

// Birth says what rows of the log have in place of a column of Table.Columns,
// if they are before the birth and behind the column's one before.
type Birth struct {
	Column string // name in the target, as among Table.Columns
	// From is the name in the target of the column that rows before have instead;
	// "" if they have Value, an expression, where "" is NULL. Both are of Type.
	From  string
	Value string
	Type  schema.Type
	// Rescued is the text of a Value that Type cannot hold.
	Rescued *string

	Entry, LSN, Seq int64 // of the first row that has the column
	// Open says that there is no such row, and that the target may lack the
	// column.
	Open bool
}

// BirthsOf lists the births of a table's columns. Where the target does not have
// a name of a column yet, as has says, no row is loaded that has it: the birth is
// open.
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
			b := Birth{Column: c.Target(), From: s.Birth.From, Type: s.Birth.Type, Rescued: s.Birth.Rescued, Entry: s.Entry, LSN: int64(s.Birth.LSN), Seq: s.Birth.Seq}
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

// Born says that a column can be read although the target does not have it yet.
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

// before is the predicate of the rows before the birth.
func (b *Birth) before() string {
	if b.Open {
		return "TRUE"
	}
	return fmt.Sprintf("(`_entry` < %d OR `_entry` = %[1]d AND (`_commit_lsn` < %d OR `_commit_lsn` = %[2]d AND `_seq` < %d))", b.Entry, b.LSN, b.Seq)
}

// births lists those of column i, oldest first.
func (t *Table) births(i int) []Birth {
	var list []Birth
	for _, b := range t.Births {
		if b.Column == t.Columns[i].Target() {
			list = append(list, b)
		}
	}
	return list
}

// byAge is a value of column i by the row's age: of is that of rows before a
// birth, now that of rows since the last one.
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

// age is what differs in rows before a birth, and behind the one before it.
type age struct {
	birth Birth
	names map[string]string // by the names that columns have now: those that they had
	texts map[string]string // by the names that columns have now: rescued texts of their values
}

// ages are the ages of the log that differ from now in names or rescued texts,
// oldest first. Rows since the last one are as now.
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

// inAges is a metadata column by the row's age; of is what it is in one.
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

// unchanged is the expression of _unchanged, with the names that columns have now.
func (t *Table) unchanged() string {
	const now = "`_unchanged`"
	return t.inAges(now, func(a *age) string {
		if len(a.names) == 0 {
			return now
		}
		// A column that the source has no more may stay beside the one of its new name.
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

// rescued is the expression of _rescued, with the names that columns have now.
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
