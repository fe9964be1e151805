package chinook

import (
	"fmt"
	"strings"
)

// The operations of a Change.
const (
	Insert = "insert"
	Update = "update"
	Delete = "delete"
)

// Summary is what a simulation committed, in the order in which it happened.
type Summary struct {
	Inserted int      `json:"inserted"`
	Updated  int      `json:"updated"`
	Deleted  int      `json:"deleted"`
	Changes  []Change `json:"changes"`
}

func (s *Summary) add(changes ...Change) {
	for _, change := range changes {
		switch change.Op {
		case Insert:
			s.Inserted++
		case Update:
			s.Updated++
		case Delete:
			s.Deleted++
		}
		s.Changes = append(s.Changes, change)
	}
}

// Change is one row's change.
type Change struct {
	Op    string `json:"op"` // Insert, Update or Delete
	Table string `json:"table"`
	// Key has the primary key's columns.
	Key []Value `json:"key"`
	// Values has the other columns of an inserted row and the changed ones of an updated row; none of a deleted one.
	Values []Value `json:"values,omitempty"`
}

// Value is a column's value as text, nil for NULL.
type Value struct {
	Column string  `json:"column"`
	Value  *string `json:"value"`
	Old    *string `json:"old,omitempty"` // before an update; nil for NULL there too
}

// String is one line for people: `update track track_id=5: unit_price 0.99 → 1.29`.
func (c Change) String() string {
	var line strings.Builder
	line.WriteString(c.Op + " " + c.Table)
	for _, value := range c.Key {
		fmt.Fprintf(&line, " %s=%s", value.Column, shown(value.Value))
	}
	separator := ": "
	for _, value := range c.Values {
		if c.Op == Update {
			fmt.Fprintf(&line, "%s%s %s → %s", separator, value.Column, shown(value.Old), shown(value.Value))
		} else {
			fmt.Fprintf(&line, "%s%s=%s", separator, value.Column, shown(value.Value))
		}
		separator = ", "
	}
	return line.String()
}

func shown(value *string) string {
	switch {
	case value == nil:
		return "NULL"
	case *value == "" || strings.ContainsAny(*value, " ,=\n"):
		return fmt.Sprintf("%q", *value)
	default:
		return *value
	}
}

func textOf(value any) *string {
	if value == nil {
		return nil
	}
	text := fmt.Sprint(value)
	return &text
}
