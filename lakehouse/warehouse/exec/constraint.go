//go:build cgo

package exec

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// constraintPrefix begins the table properties that Delta keeps CHECK constraints
// in.
const constraintPrefix = "delta.constraints."

// addConstraint adds a CHECK constraint, which has to be true for all rows: NULL is not
// enough.
func (t alterer) addConstraint(c *store.Catalog, m *store.Table, p *sparksql.Property) error {
	key := constraintPrefix + strings.ToLower(p.Key)
	if _, taken := m.Properties[key]; taken {
		return sparksql.Errorf("42710", "DELTA_CONSTRAINT_ALREADY_EXISTS",
			"Constraint '%s' already exists. Please delete the old constraint first.", p.Key)
	}
	m.Properties[key] = p.Value
	n, err := t.breaking(c, m, p.Value, 0)
	if err != nil {
		return err
	}
	if n > 0 {
		return sparksql.Errorf("23512", "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION", "%d rows in %s violate the new CHECK constraint (%s).",
			n, sparksql.QuoteName([]string{m.Schema, m.Name}), p.Value)
	}
	return nil
}

func dropConstraint(m *store.Table, name string, ifExists bool) error {
	key := constraintPrefix + strings.ToLower(name)
	if _, there := m.Properties[key]; !there && !ifExists {
		return sparksql.Errorf("42704", "DELTA_CONSTRAINT_DOES_NOT_EXIST", "Cannot drop nonexistent constraint %s from table %s.",
			sparksql.QuoteSpark(name), sparksql.QuoteName([]string{m.Schema, m.Name}))
	}
	delete(m.Properties, key)
	return nil
}

// checkConstraints refuses new rows of a version that violate a constraint of their table. Older rows were checked before.
func (t *statement) checkConstraints(c *store.Catalog, m *store.Table) error {
	for _, key := range sortedKeys(m.Properties) {
		name, ok := strings.CutPrefix(key, constraintPrefix)
		if !ok {
			continue
		}
		n, err := t.breaking(c, m, m.Properties[key], store.Stamp(m.Version+1, false))
		if err != nil {
			return err
		}
		if n > 0 {
			return sparksql.Errorf("23001", "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
				"CHECK constraint %s (%s) violated by row with values.", name, m.Properties[key])
		}
	}
	return nil
}

// breaking counts the rows born since a version for which a condition is not true.
func (t *statement) breaking(c *store.Catalog, m *store.Table, condition string, since int64) (int64, error) {
	target, err := t.target(c, m)
	if err != nil {
		return 0, err
	}
	target.SQL = fmt.Sprintf("(FROM %s WHERE %s >= %d)", target.SQL, store.BornColumn, since)
	return t.countWhere(target, "NOT coalesce(("+condition+"), false)")
}

// countWhere counts the rows of a table for which a condition is true.
func (t *statement) countWhere(target translate.Table, condition string) (int64, error) {
	st, err := sparksql.Parse("DELETE FROM t WHERE " + condition)
	if err != nil {
		return 0, err
	}
	sql, err := t.translator().Where(target, sparksql.Alias{}, st.(*sparksql.Delete).Where)
	if err != nil {
		return 0, err
	}
	return t.Number("SELECT count(*) " + sql)
}
