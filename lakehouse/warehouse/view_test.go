//go:build cgo

package warehouse

import (
	"testing"
)

// A view keeps the types that it was made with, unless it was made to follow.
func TestViewsOfAColumnThatWasWidened(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (id INT, n INT) TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
	b.exec("INSERT INTO s.t VALUES (1, 1)")
	b.exec("CREATE VIEW s.plain AS SELECT * FROM s.t")
	b.exec("CREATE VIEW s.compensated WITH SCHEMA COMPENSATION AS SELECT id, n FROM s.t")
	b.exec("CREATE VIEW s.bound (a, b) COMMENT 'bound' WITH SCHEMA BINDING AS SELECT id, n FROM s.t")
	b.exec("CREATE OR REPLACE VIEW s.following WITH SCHEMA TYPE EVOLUTION TBLPROPERTIES ('k' = 'v') AS SELECT id, n FROM s.t")
	b.want("SHOW TBLPROPERTIES s.following", "k|v")
	b.exec("ALTER TABLE s.t ALTER COLUMN n TYPE BIGINT")
	for _, view := range []string{"plain", "compensated", "following"} {
		b.want("SELECT n FROM s."+view, "1") // it still fits
	}
	b.exec("INSERT INTO s.t VALUES (2, 3000000000)")
	b.want("SELECT max(n) FROM s.following", "3000000000")
	b.refused("SELECT max(n) FROM s.plain", "CAST_OVERFLOW", "22003")
	b.refused("SELECT max(n) FROM s.compensated", "CAST_OVERFLOW", "22003")
	b.refused("SELECT max(b) FROM s.bound", "CANNOT_UP_CAST_DATATYPE", "42846")
	b.exec("ALTER VIEW s.compensated AS SELECT id, n FROM s.t")
	b.want("SELECT max(n) FROM s.compensated", "3000000000")
	b.exec("ALTER VIEW s.bound WITH SCHEMA TYPE EVOLUTION")
	b.want("SELECT max(b) FROM s.bound", "3000000000")
	b.exec("ALTER TABLE s.t ADD COLUMNS (more STRING)")
	b.exec("ALTER VIEW s.plain WITH SCHEMA TYPE EVOLUTION")
	b.want("SELECT * FROM s.plain ORDER BY id", "1|1", "2|3000000000") // of *, the columns that were there
	b.exec("ALTER VIEW s.following AS SELECT n FROM s.t")
	b.exec("ALTER TABLE s.t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
	b.exec("ALTER TABLE s.t DROP COLUMN n")
	b.refused("SELECT * FROM s.plain", "INCOMPATIBLE_VIEW_SCHEMA_CHANGE", "51024")
	b.refused("SELECT * FROM s.following", "UNRESOLVED_COLUMN", "42703")
	b.refused("ALTER VIEW s.t AS SELECT 1 AS x", "EXPECT_VIEW_NOT_TABLE", "42809")
	b.refused("ALTER VIEW s.none AS SELECT 1 AS x", "TABLE_OR_VIEW_NOT_FOUND", "42P01")
	b.refused("ALTER TABLE s.plain WITH SCHEMA BINDING", "PARSE_SYNTAX_ERROR", "42601")
	b.want("SHOW CREATE TABLE s.following", "CREATE VIEW main.s.following\nWITH SCHEMA TYPE EVOLUTION\nAS\nSELECT n FROM s.t")
}

func TestViewsOfAnOlderWarehouse(t *testing.T) {
	b := open(t, Options{Switches: Switches{NoSchemaEvolutionOfViews: true}})
	b.exec("CREATE SCHEMA s")
	b.refused("CREATE VIEW s.v WITH SCHEMA TYPE EVOLUTION AS SELECT 1 AS x", "PARSE_SYNTAX_ERROR", "42601")
	b.exec("CREATE VIEW s.v AS SELECT 1 AS x")
	b.refused("ALTER VIEW s.v WITH SCHEMA TYPE EVOLUTION", "PARSE_SYNTAX_ERROR", "42601")
}

// Replacing a view drops what was granted on it, altering it does not; replacing
// a table does not either.
func TestGrantsOnViewsAndTables(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t AS SELECT 1 AS x")
	b.exec("CREATE VIEW s.v AS SELECT * FROM s.t")
	grants := "SELECT table_name, grantee, privilege_type FROM information_schema.table_privileges ORDER BY 1, 2, 3"
	b.exec("GRANT SELECT, MODIFY ON TABLE s.t TO `analysts`")
	b.exec("GRANT SELECT ON VIEW s.v TO `ann@example.org`")
	b.exec("GRANT SELECT ON s.v TO analysts")
	b.exec("GRANT SELECT ON TABLE s.v TO analysts") // again
	b.exec("ALTER VIEW s.v SET TAGS ('domain' = 'sales')")
	all := []string{"t|analysts|MODIFY", "t|analysts|SELECT", "v|analysts|SELECT", "v|ann@example.org|SELECT"}
	b.want(grants, all...)
	b.want("SHOW GRANTS ON TABLE s.v", "analysts|SELECT|TABLE|main.s.v", "ann@example.org|SELECT|TABLE|main.s.v")
	b.want("SHOW GRANTS `analysts` ON s.t", "analysts|MODIFY|TABLE|main.s.t", "analysts|SELECT|TABLE|main.s.t")
	b.exec("ALTER VIEW s.v AS SELECT x FROM s.t")
	b.exec("CREATE OR REPLACE TABLE s.t AS SELECT 2 AS x")
	b.want(grants, all...)
	b.want("SELECT tag_name FROM information_schema.table_tags", "domain")
	b.exec("REVOKE MODIFY ON TABLE s.t FROM analysts")
	b.exec("CREATE OR REPLACE VIEW s.v AS SELECT x FROM s.t")
	b.want(grants, "t|analysts|SELECT")
	b.want("SELECT tag_name FROM information_schema.table_tags")
	b.exec("DROP TABLE s.t")
	b.want(grants)
	b.refused("GRANT SELECT ON TABLE s.none TO analysts", "TABLE_OR_VIEW_NOT_FOUND", "42P01")
	b.refused("GRANT SELECT ON SCHEMA s TO analysts", "UNSUPPORTED_FEATURE", "0A000")
}
