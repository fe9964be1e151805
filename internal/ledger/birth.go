package ledger

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/jackc/pglogrepl"

	"ingest/internal/schema"
)

// Birth says from which row on a table's log has a column under its name, and
// what the rows before it have in its place: the column of another name, where
// it was renamed, or the value that Postgres gave the rows that were there when
// it was added. The log itself has NULL there.
type Birth struct {
	Number int16  `json:"number"` // attribute number, by which a column is told
	Column string `json:"column"` // name in the source from here on
	// Was is the name in the source before, and From that in the target; "" of a
	// column that is new.
	Was  string `json:"was,omitempty"`
	From string `json:"from,omitempty"`
	// Type is that of Value, or of the column before.
	Type schema.Type `json:"type"`
	// Value is what the rows before have, as the log has it: masked, in the form
	// of vector.Column.AppendJSON, null where Type cannot hold it. Rescued then is
	// the text. None of a column that was renamed.
	Value   json.RawMessage `json:"value,omitempty"`
	Rescued *string         `json:"rescued,omitempty"`
	// Seq is the place of the first row that has the column, in the transaction
	// that commits at LSN.
	LSN pglogrepl.LSN `json:"-"`
	Seq int64         `json:"seq"`
}

// StagedBirth is a Birth since a table's newest snapshot.
type StagedBirth struct {
	Entry int64 // that says it; 0 while the log has no row that has the column
	Birth Birth
}

// checkpointBirth is the form of a StagedBirth.
type checkpointBirth struct {
	Entry int64 `json:"entry"`
	Birth Birth `json:"birth"`
}

// TableAhead are the columns that a table has in the catalog, where they are not
// those of its newest change. No row of the log has the columns of its births.
// The next change of the table says from where on they are. Without births it
// takes back what an older one says.
type TableAhead struct {
	Table schema.TableName `json:"table"`
	// Begin is the snapshot that it follows. One of an older snapshot says
	// nothing.
	Begin   int64           `json:"begin"`
	Columns []schema.Column `json:"columns"`
	Births  []Birth         `json:"births"`
	Entry   int64           `json:"-"` // that says it
}

// checkpointAhead is the form of a TableAhead, with the entry that says it.
type checkpointAhead struct {
	Entry int64      `json:"entry"`
	Ahead TableAhead `json:"ahead"`
}

// bear takes in what a part of the table's newest generation says of births.
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

// applyAhead takes those in that follow the tables' newest snapshots.
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

// Newest are the columns that the table has, as far as the ledger knows: those of
// the newest change, or those that the catalog has since.
func (t *TableState) Newest() []schema.Column {
	if t.Ahead != nil {
		return t.Ahead.Columns
	}
	return t.Columns
}

// Births lists the births of the column that has this attribute number, in the
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

// Key lists the columns of the snapshot's key by the names that they have in the
// newest columns. See Done.Key.
func (t *TableState) Key() []string {
	return SameNumbers(t.Snapshot.Key(), t.Snapshot.Columns, t.Newest())
}

// SameNumbers gives for names among the columns from the names of the columns
// that have the same attribute numbers; a name itself where there is none.
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

// lastChange is the entry of the table's newest change since its snapshot; 0 if
// there is none.
func (t *TableState) lastChange() int64 {
	if len(t.Changes) == 0 {
		return 0
	}
	return t.Changes[len(t.Changes)-1].Entry
}

// LastChange is the entry of the newest change of a table; 0 of one without.
func (s *State) LastChange(table schema.TableName) int64 {
	if t := s.Tables[table]; t != nil {
		return t.lastChange()
	}
	return 0
}

// Equal says whether both tell the same; nil is one without births.
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
