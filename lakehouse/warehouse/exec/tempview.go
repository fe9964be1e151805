//go:build cgo

package exec

import (
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// A temporary view belongs to its session and to no schema. A name of one part
// finds it before a table.

// createTemporary is CREATE TEMPORARY VIEW.
func (t definer) createTemporary(st *sparksql.CreateView) error {
	if len(st.Name) != 1 {
		return sparksql.Errorf("428EK", "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS",
			"CREATE TEMPORARY VIEW or the corresponding Dataset APIs only accept single-part view names, but got: %s.", sparksql.QuoteName(st.Name))
	}
	name := strings.ToLower(st.Name[0])
	if t.temporary(st.Name) != nil && !st.Replace {
		return sparksql.Errorf("42P07", "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", "Cannot create the temporary view %s because it already exists. "+
			"Choose a different name, drop or replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views.",
			sparksql.QuoteSpark(name))
	}
	r, err := t.translator().Query(st.Query)
	if err != nil {
		return err
	}
	if st.Columns != nil && len(st.Columns) != len(r.Columns) {
		return sparksql.Errorf("21S01", "CREATE_VIEW_COLUMN_ARITY_MISMATCH", "Cannot create view %s: it names %d columns but its query has %d.",
			sparksql.QuoteSpark(name), len(st.Columns), len(r.Columns))
	}
	now := t.store.Now()
	m := &store.Table{
		Name: name, Kind: store.KindView, Properties: map[string]string{}, View: st.Text, ViewSpace: t.space, Created: now, Updated: now,
	}
	m.ViewSpace.Session = t.readsTemporary
	for i, col := range r.Columns {
		mc := store.Column{Name: col.Name, Type: col.Type.String()}
		if st.Columns != nil {
			mc.Name, mc.Comment = st.Columns[i].Name, st.Columns[i].Comment
		}
		m.Columns = append(m.Columns, mc)
		m.Properties[propertyColumn+strconv.Itoa(i)] = col.Name
	}
	t.session.setTemporary(name, m)
	return nil
}

// temporary is the session's view of that name, or nil.
func (t *statement) temporary(name []string) *store.Table {
	if t.session == nil || len(name) != 1 {
		return nil
	}
	return t.session.temporary(name[0])
}

func (s *Session) temporary(name string) *store.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.views[strings.ToLower(name)]
}

// setTemporary keeps a view, or forgets it if m is nil.
func (s *Session) setTemporary(name string, m *store.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m == nil {
		delete(s.views, strings.ToLower(name))
		return
	}
	if s.views == nil {
		s.views = map[string]*store.Table{}
	}
	s.views[strings.ToLower(name)] = m
}

// temporaries are the session's views by name.
func (s *Session) temporaries() []*store.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*store.Table
	for _, name := range sortedKeys(s.views) {
		out = append(out, s.views[name])
	}
	return out
}

// temporaryCatalog means no catalog, in the description of a view.
var temporaryCatalog = &store.Catalog{}

// readTemporary is a temporary view as FROM reads it.
func (t *statement) readTemporary(m *store.Table) (translate.Table, error) {
	v, err := t.viewOf(temporaryCatalog, m, -1)
	v.Session = m.ViewSpace.Session
	return v, err
}
