package sparksql

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "SELECT a.b[0]::int, x -> x + 1 FROM `c`.s.t VERSION AS OF 3 WHERE a <=> NULL",
		"((SELECT 1) UNION ALL (SELECT 2)) ORDER BY 1",
		"COPY INTO t FROM (SELECT CAST(a AS DECIMAL(10,2)) FROM '/Volumes/a') FILEFORMAT = PARQUET FILES = ('a') COPY_OPTIONS ('force' = 'true')",
		"MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *", "/* /* */ */ -- x\nSELECT r'\\' 'a' X'0'",
		"CREATE OR REPLACE TABLE t USING DELTA CLUSTER BY (a) TBLPROPERTIES ('k'='v') AS SELECT * FROM read_files('/x', format => 'parquet')",
		"ALTER TABLE t ADD COLUMNS (a ARRAY<ARRAY<STRUCT<x: INT>>> COMMENT 'c')", "OPTIMIZE t", "SET a.b = c", "DESC HISTORY t LIMIT 1",
		"SHOW TABLES IN a LIKE '*'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		_, err := Parse(sql)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v is not an *Error", sql, err)
		}
	})
}

// TestDeep parses texts that would exhaust the stack or take too long.
func TestDeep(t *testing.T) {
	start := time.Now()
	for _, sql := range []string{
		"SELECT " + strings.Repeat("(", 100_000), "SELECT " + strings.Repeat("- ", 100_000) + "1",
		"SELECT " + strings.Repeat("NOT ", 100_000) + "1",
		"SELECT CAST(1 AS " + strings.Repeat("ARRAY<", 100_000), "SELECT * FROM " + strings.Repeat("((SELECT * FROM ", 1000),
		"SELECT * FROM " + strings.Repeat("((SELECT 1) JOIN ", 1000), strings.Repeat("/*", 100_000),
		"SELECT 1" + strings.Repeat(" UNION ALL (SELECT 1", 1000),
	} {
		if _, err := Parse(sql); err == nil {
			t.Errorf("%.40s…: no error", sql)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestTypesRoundTrip(t *testing.T) {
	for _, s := range []string{"boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal(38,10)", "string", "varchar(3)",
		"char(2)", "binary", "date", "timestamp", "timestamp_ntz", "variant",
		"array<map<string,array<int>>>", "struct<a:int,`b c`:array<string>>"} {
		typ, err := ParseType(s)
		if err != nil || typ.String() != s {
			t.Errorf("%s: %s, %v", s, typ, err)
		}
		if again, err := ParseType(typ.SQL()); err != nil || !again.Equal(typ) {
			t.Errorf("%s: %s, %v", typ.SQL(), again, err)
		}
	}
	for _, s := range []string{"decimal(39,0)", "decimal(3,4)", "array<int", "varchar", "nope", "int int", ""} {
		if _, err := ParseType(s); err == nil {
			t.Errorf("%s: no error", s)
		}
	}
}
