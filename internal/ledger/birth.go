package ledger

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Birth says from which row on a table's log has a column under its name. It
// also says what stands in for the column in earlier rows, where the log itself
// has NULL. For a renamed column, that is the column of the old name. For an
// added column, it is the value that Postgres gave the existing rows.
type Birth struct {
	Number int16  `json:"number"` // attribute number, which identifies the column
	Column string `json:"column"` // name in the source from here on
	// Was is the earlier name in the source, From the earlier name in the
	// target. Both are "" for a new column.
	Was  string `json:"was,omitempty"`
	From string `json:"from,omitempty"`
	// Type is the type of Value, or of the column under its earlier name.
	Type schema.Type `json:"type"`
	// Value is the value of the earlier rows, as the log would hold it: masked,
	// in the form of vector.Column.AppendJSON. If Type cannot hold the value,
	// Value is null and Rescued is its text. A renamed column has neither.
	Value   json.RawMessage `json:"value,omitempty"`
	Rescued *string         `json:"rescued,omitempty"`
	// Seq is the place of the first row that has the column, within the
	// transaction that commits at LSN.
	LSN pglogrepl.LSN `json:"-"`
	Seq int64         `json:"seq"`
}

// StagedBirth is a Birth since a table's newest snapshot.
type StagedBirth struct {
	Entry int64 // the entry that names it; 0 while no row of the log has the column
	Birth Birth
}

// checkpointBirth is the checkpoint's form of a StagedBirth.
type checkpointBirth struct {
	Entry int64 `json:"entry"`
	Birth Birth `json:"birth"`
}

// TableAhead holds the columns that a table has in the catalog, if they differ
// from those of its newest change. No row of the log has the columns in Births
// yet. The table's next change says where they begin. A TableAhead without
// births cancels an earlier one.
type TableAhead struct {
	Table schema.TableName `json:"table"`
	// Begin is the begin entry of the snapshot that this applies to. It is
	// ignored if the table's newest snapshot is another one.
	Begin   int64           `json:"begin"`
	Columns []schema.Column `json:"columns"`
	Births  []Birth         `json:"births"`
	Entry   int64           `json:"-"` // the entry that holds it
}

// checkpointAhead is the checkpoint's form of a TableAhead, with the entry that
// holds it.
type checkpointAhead struct {
	Entry int64      `json:"entry"`
	Ahead TableAhead `json:"ahead"`
}

// bear applies the births and excluded columns of a part of the table's newest
// generation.
func (t *TableState) bear(entry int64, part *TableChanges) {
	for _, b := range part.Births {
		t.Born = append(t.Born, StagedBirth{entry, b})
	}
	for _, name := range part.Excluded {
		if !slices.Contains(t.Excluded, name) {
			t.Excluded = append(t.Excluded, name)
		}
	}
	t.Ahead = nil
}

// applyAhead applies those of the list that belong to the tables' newest
// snapshots.
func (s *State) applyAhead(list []TableAhead, entry int64) {
	for i := range list {
		a := list[i]
		if t := s.Tables[a.Table]; s.Current(t) && t.Snapshot.Begin == a.Begin {
			if a.Entry, t.Ahead = entry, &a; len(a.Births) == 0 {
				t.Ahead = nil
			}
		}
	}
}

// Newest returns the table's columns as far as the ledger knows: those of the
// newest change, or newer ones from the catalog.
func (t *TableState) Newest() []schema.Column {
	if t.Ahead != nil {
		return t.Ahead.Columns
	}
	return t.Columns
}

// Births lists the births of the column with this attribute number, in the
// order of the log.
func (t *TableState) Births(number int16) []StagedBirth {
	var list []StagedBirth
	for _, b := range t.Born {
		if b.Birth.Number == number && number != 0 {
			list = append(list, b)
		}
	}
	if t.Ahead == nil {
		return list
	}
	for _, b := range t.Ahead.Births {
		if b.Number == number && number != 0 {
			list = append(list, StagedBirth{0, b})
		}
	}
	return list
}

// Key lists the columns of the snapshot's key by their names in the newest
// columns. See Done.Key.
func (t *TableState) Key() []string {
	return SameNumbers(t.Snapshot.Key(), t.Snapshot.Columns, t.Newest())
}

// SameNumbers maps column names of from to the names of the columns in to with
// the same attribute numbers. A name without such a column stays as it is.
func SameNumbers(names []string, from, to []schema.Column) []string {
	out := slices.Clone(names)
	for i, name := range names {
		k := slices.IndexFunc(from, func(c schema.Column) bool { return c.Name == name && c.Number != 0 })
		if k < 0 {
			continue
		}
		if now := slices.IndexFunc(to, func(c schema.Column) bool { return c.Number == from[k].Number }); now >= 0 {
			out[i] = to[now].Name
		}
	}
	return out
}

// lastChange returns the entry of the table's newest change since its snapshot,
// or 0 if there is none.
func (t *TableState) lastChange() int64 {
	if len(t.Changes) == 0 {
		return 0
	}
	return t.Changes[len(t.Changes)-1].Entry
}

// LastChange returns the entry of the newest change of a table, or 0 if there
// is none.
func (s *State) LastChange(table schema.TableName) int64 {
	if t := s.Tables[table]; t != nil {
		return t.lastChange()
	}
	return 0
}

// Equal reports whether both have the same content. nil equals a TableAhead
// without births.
func (a *TableAhead) Equal(o *TableAhead) bool {
	if a == nil || o == nil || len(a.Births) == 0 || len(o.Births) == 0 {
		return (a == nil || len(a.Births) == 0) == (o == nil || len(o.Births) == 0)
	}
	mine, errMine := marshal(a)
	other, errOther := marshal(o)
	return errMine == nil && errOther == nil && bytes.Equal(mine, other)
}

func (b Birth) MarshalJSON() ([]byte, error) {
	type plain Birth
	return marshal(struct {
		plain
		LSN lsnText `json:"lsn"`
	}{plain(b), lsnText(b.LSN)})
}

func (b *Birth) UnmarshalJSON(raw []byte) error {
	type plain Birth
	w := struct {
		*plain
		LSN *lsnText `json:"lsn"`
	}{(*plain)(b), (*lsnText)(&b.LSN)}
	return strict(raw, &w)
}
