//go:build cgo && unix

package random

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
)

// birth is what the rows of a log before a place have in a column, by the ledger's
// entries: the column of another name, or a value.
type birth struct {
	from     string
	value    string
	has      bool // a value, and not NULL
	anywhere bool // no row has the column yet
	entry    int64
	commit   int64
	seq      int64
}

func (b *birth) after(r *logRow) bool {
	switch {
	case b.anywhere || r.entry != b.entry:
		return b.anywhere || r.entry < b.entry
	case r.commit != b.commit:
		return r.commit < b.commit
	}
	return r.seq < b.seq
}

// births are those of a table's columns, oldest first, by the names that these have now.
type births map[string][]birth

// birthsOf reads what the ledger says of the columns in one chapter. now are all columns
// that are compared, with their types. It is an error if a value had another type.
func (w *world) birthsOf(t *ledger.TableState, now []string, types map[string]string) (births, error) {
	out := births{}
	for _, c := range t.Newest() {
		if !slices.Contains(now, c.Target()) {
			continue
		}
		for _, s := range t.Births(c.Number) {
			b := birth{from: s.Birth.From, anywhere: s.Entry == 0, entry: s.Entry, commit: int64(s.Birth.LSN), seq: s.Birth.Seq}
			if !s.Birth.Type.Equal(c.Type) {
				return nil, fmt.Errorf("column %s had another type before its birth", c.Target())
			}
			if b.from == "" {
				var err error
				if b.value, b.has, err = w.bornValue(&s.Birth, types[c.Target()]); err != nil {
					return nil, err
				}
			}
			out[c.Target()] = append(out[c.Target()], b)
		}
	}
	return out, nil
}

// bornValue is a default as the target prints it.
func (w *world) bornValue(b *ledger.Birth, typ string) (string, bool, error) {
	switch {
	case b.Rescued != nil:
		return "rescued " + *b.Rescued, true, nil
	case b.Value == nil:
		return "", false, nil
	}
	constant, err := databricks.Constant(b.Type, b.Value)
	if err != nil {
		return "", false, err
	}
	answer, err := w.target.Warehouse().Query(w.t.Context(), "SELECT "+expression("x", typ)+" AS v FROM (SELECT "+constant+" AS x) c")
	if err != nil {
		return "", false, err
	}
	text, has := answer.Rows[0][0].(string)
	return text, has, nil
}

// read gives rows the values and names that their columns have now. older says that
// they are of a log of before.
func (all births) read(rows []logRow, older bool) []logRow {
	if len(all) == 0 {
		return rows
	}
	out := slices.Clone(rows)
	for i := range out {
		r, was := &out[i], &rows[i]
		if r.op == "truncate" {
			continue
		}
		r.values, r.unchanged = maps.Clone(was.values), slices.Clone(was.unchanged)
		for column, list := range all {
			n := slices.IndexFunc(list, func(b birth) bool { return older || b.after(was) })
			if n < 0 {
				continue
			}
			list[n].give(column, r.values, was.values)
			r.unchanged = slices.DeleteFunc(r.unchanged, func(c string) bool { return c == column })
			if slices.Contains(was.unchanged, list[n].from) {
				r.unchanged = append(r.unchanged, column)
			}
		}
	}
	return out
}

// give sets a column to what was there before the birth.
func (b *birth) give(column string, to, was row) {
	delete(to, column)
	if b.from != "" {
		if v, ok := was[b.from]; ok {
			to[column] = v
		}
	} else if b.has {
		to[column] = b.value
	}
}
