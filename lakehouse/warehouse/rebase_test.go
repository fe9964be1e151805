//go:build cgo

package warehouse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// How Spark 4.1 converted days before 1582-10-15 under LEGACY; the last one does not change.
var julianDays = []struct{ written, read string }{
	{"0001-01-01", "0001-01-03"}, {"0004-03-01", "0004-03-03"}, {"0100-02-28", "0100-03-01"},
	{"1000-02-28", "1000-02-23"}, {"1000-03-05", "1000-02-28"}, {"1000-03-06", "1000-03-01"}, {"1000-03-07", "1000-03-01"},
	{"1500-03-09", "1500-02-28"}, {"1500-03-10", "1500-03-01"}, {"1500-03-11", "1500-03-01"},
	{"1582-10-04", "1582-09-24"}, {"1582-10-10", "1582-09-30"}, {"1582-10-14", "1582-10-04"}, {"1582-10-15", "1582-10-15"},
	{"1899-12-31", "1899-12-31"},
}

func TestJulianDays(t *testing.T) {
	for _, c := range julianDays[:len(julianDays)-2] {
		day, err := time.Parse(time.DateOnly, c.written)
		if err != nil {
			t.Fatal(err)
		}
		const rest = 13*time.Hour + 123456*time.Microsecond
		if got := volume.Julian(day.Add(rest)); got.Format(time.DateOnly) != c.read || got.Sub(got.Truncate(24*time.Hour)) != rest {
			t.Errorf("%s is read as %s, want %s", c.written, got, c.read)
		}
	}
	if got := volume.Julian(time.Date(0, 3, 1, 0, 0, 0, 0, time.UTC)); got.Format(time.DateOnly) != "0000-03-03" {
		t.Errorf("1 March of the year 0 is %s", got)
	}
}

// oldDays is a query for rows that have a day in every type that a file can have.
func oldDays() string {
	var rows []string
	for i, c := range julianDays {
		rows = append(rows, fmt.Sprintf("(%d, DATE '%s')", i, c.written))
	}
	return "SELECT i, d, d + TIME '13:00:00.123456' AS ntz, CAST(d + TIME '13:00:00.123456' AS TIMESTAMPTZ) AS ts, [d, NULL] AS l, MAP {d: [d]} AS m, {'f': d, 'g': NULL::DATE} AS s, NULL::DATE AS n " +
		"FROM (VALUES " + strings.Join(rows, ", ") + ") v(i, d)"
}

const oldSchema = "i INT, d DATE, ntz TIMESTAMP_NTZ, ts TIMESTAMP, l ARRAY<DATE>, m MAP<DATE, ARRAY<DATE>>, s STRUCT<f: DATE, g: DATE>, n DATE"

func wantOld(moved bool) []string {
	var want []string
	for _, c := range julianDays {
		day := c.written
		if moved {
			day = c.read
		}
		want = append(want,
			fmt.Sprintf(`%[1]s|%[2]s 13:00:00.123456|%[1]s 13:00:00.123456|[%[1]s, null]|{%[1]s -> [%[1]s]}|{%[1]s, null}|NULL`, day, c.written))
	}
	return want
}

// TestOldDaysOfAFile reads files with every footer under every option, with read_files and COPY INTO. As in Spark, a footer that
// names a version of Spark decides, and otherwise the option.
func TestOldDaysOfAFile(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	b.exec("CREATE TABLE s.t (d DATE, ntz TIMESTAMP_NTZ, ts TIMESTAMP, l ARRAY<DATE>, m MAP<DATE, ARRAY<DATE>>, s STRUCT<f: DATE, g: DATE>, n DATE, i INT)")
	const spark = "org.apache.spark."
	const shown = "CAST(d AS STRING) AS d, CAST(ntz AS STRING) AS ntz, CAST(ts AS STRING) AS ts, CAST(l AS STRING) AS l, CAST(m AS STRING) AS m, CAST(s AS STRING) AS s, n"
	for i, c := range []struct {
		footer, option string
		moved          bool
	}{
		{"", "", true}, {"", "LEGACY", true}, {"", "CORRECTED", false},
		{"'" + spark + "version': '3.5.0'", "", false}, {"'" + spark + "version': '3.5.0'", "LEGACY", false},
		{"'" + spark + "version': '3.0.0'", "EXCEPTION", false},
		{"'" + spark + "version': '2.4.8'", "", true}, {"'" + spark + "version': '2.4.8'", "CORRECTED", true},
		{"'" + spark + "version': '10.0.0'", "", true},
		{"'" + spark + "version': '3.5.0', '" + spark + "legacyDateTime': ''", "CORRECTED", true},
		{"'" + spark + "version': '3.5.0', '" + spark + "legacyDateTime': '', '" + spark + "timeZone': 'UTC'", "CORRECTED", true},
		{"'" + spark + "version': '3.5.0', '" + spark + "legacyINT96': ''", "LEGACY", false},
		{"'" + spark + "legacyDateTime': ''", "CORRECTED", false},
	} {
		dir := fmt.Sprintf("/Volumes/main/s/v/%d", i)
		b.parquetWith(dir+"/f.parquet", oldDays(), c.footer)
		option, format := "", ""
		if c.option != "" {
			option, format = ", datetimeRebaseMode => '"+c.option+"'", " FORMAT_OPTIONS ('datetimeRebaseMode' = '"+c.option+"')"
		}
		b.want("SELECT "+shown+" FROM read_files('"+dir+"', format => 'parquet'"+option+", schema => '"+oldSchema+"') ORDER BY i",
			wantOld(c.moved)...)
		b.exec("TRUNCATE TABLE s.t")
		b.exec("COPY INTO s.t FROM '" + dir + "' FILEFORMAT = PARQUET" + format)
		b.want("SELECT "+shown+" FROM s.t ORDER BY i", wantOld(c.moved)...)
	}
}

// TestOldInt96 reads timestamps of Parquet's old type, which have an option, a key
// and a first version of their own.
func TestOldInt96(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	const spark = "org.apache.spark."
	for i, c := range []struct {
		footer map[string]string
		option string
		moved  bool
	}{
		{nil, "", true}, {nil, ", datetimeRebaseMode => 'CORRECTED'", true}, {nil, ", int96RebaseMode => 'CORRECTED'", false},
		{map[string]string{spark + "version": "3.0.3"}, "", true}, {map[string]string{spark + "version": "3.1.0"}, "", false},
		{map[string]string{spark + "version": "3.5.0", spark + "legacyINT96": ""}, "", true},
		{map[string]string{spark + "version": "3.5.0", spark + "legacyDateTime": ""}, "", false},
	} {
		dir := fmt.Sprintf("/Volumes/main/s/v/%d", i)
		b.int96(dir+"/f.parquet", time.Date(1582, 10, 10, 13, 0, 0, 123456000, time.UTC), c.footer)
		want := "1582-10-10 13:00:00.123456"
		if c.moved {
			want = "1582-09-30 13:00:00.123456"
		}
		b.want("SELECT CAST(ts AS STRING) AS ts FROM read_files('"+dir+"', format => 'parquet'"+c.option+")", want)
	}
}

// int96 writes a file of one timestamp: the nanoseconds of the day, and the Julian
// day number.
func (b *bench) int96(name string, at time.Time, footer map[string]string) {
	b.t.Helper()
	path := filepath.Join(b.volumes, filepath.FromSlash(strings.TrimPrefix(name, "/Volumes/")))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	root := schema.MustGroup(schema.NewGroupNode("schema", parquet.Repetitions.Required,
		schema.FieldList{schema.NewInt96Node("ts", parquet.Repetitions.Required, -1)}, -1))
	w := file.NewParquetWriter(out, root)
	for key, value := range footer {
		err = errors.Join(err, w.AppendKeyValueMetadata(key, value))
	}
	group, err2 := w.AppendRowGroupChecked()
	if err := errors.Join(err, err2); err != nil {
		b.t.Fatal(err)
	}
	column, err := group.NextColumn()
	if err != nil {
		b.t.Fatal(err)
	}
	midnight := at.Truncate(24 * time.Hour)
	var value parquet.Int96
	binary.LittleEndian.PutUint64(value[:8], uint64(at.Sub(midnight)))
	binary.LittleEndian.PutUint32(value[8:], uint32(midnight.Unix()/(24*60*60)+2440588))
	_, err = column.(*file.Int96ColumnChunkWriter).WriteBatch([]parquet.Int96{value}, nil, nil)
	if err := errors.Join(err, column.Close(), group.Close(), w.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// TestFilesOfBothCalendars reads files of both calendars in one statement.
func TestFilesOfBothCalendars(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	b.parquetWith("/Volumes/main/s/v/d/1.parquet", "SELECT 1 AS i, DATE '0001-01-01' AS d", "")
	b.parquetWith("/Volumes/main/s/v/d/2.parquet", "SELECT DATE '0001-01-01' AS d, 2 AS i, 'x' AS more", "'org.apache.spark.version': '3.5.0'")
	b.parquetWith("/Volumes/main/s/v/d/3.parquet", "SELECT 3 AS i", "")
	b.want("SELECT i, CAST(d AS STRING) AS d, more FROM read_files('/Volumes/main/s/v/d', format => 'parquet', schema => 'i INT, d DATE, more STRING') ORDER BY i",
		"1|0001-01-03|NULL", "2|0001-01-01|x", "3|NULL|NULL")
	b.exec("CREATE TABLE s.t (i INT, d DATE, file STRING)")
	b.exec("COPY INTO s.t FROM (SELECT i, d, _metadata.file_name AS file FROM '/Volumes/main/s/v/d') FILEFORMAT = PARQUET")
	b.want("SELECT i, CAST(d AS STRING) AS d, file FROM s.t ORDER BY i", "1|0001-01-03|1.parquet",
		"2|0001-01-01|2.parquet", "3|NULL|3.parquet")
}

// TestOldDaysFail uses the mode that refuses days that may be of either calendar, and a mode that does not exist.
func TestOldDaysFail(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	for i, c := range []struct {
		value string
		fails bool
	}{
		{"DATE '1582-10-14'", true}, {"DATE '1582-10-15'", false}, {"[DATE '1582-10-14']", true}, {"TIMESTAMP '1582-10-14 00:00:00'", false},
		{"TIMESTAMPTZ '1582-10-15 00:00:00+00'", true}, {"TIMESTAMPTZ '1899-12-31 23:59:59.999999+00'", true},
		{"TIMESTAMPTZ '1900-01-01 00:00:00+00'", false},
	} {
		dir := fmt.Sprintf("/Volumes/main/s/v/%d", i)
		b.parquetWith(dir+"/f.parquet", "SELECT "+c.value+" AS x", "")
		sql := "SELECT count(x) FROM read_files('" + dir + "', format => 'parquet', datetimeRebaseMode => 'EXCEPTION')"
		if c.fails {
			b.refused(sql, refusal.AncientClass, "42K0B")
		} else {
			b.want(sql, "1")
		}
		b.refused(strings.Replace(sql, "EXCEPTION", "corrected", 1), "FAILED_READ_FILE.NO_HINT", "KD001")
	}
	zone := "'org.apache.spark.version': '2.4.8', 'org.apache.spark.timeZone': 'America/Los_Angeles'"
	b.parquetWith("/Volumes/main/s/v/zone/f.parquet", "SELECT TIMESTAMPTZ '0001-01-01 00:00:00+00' AS x", zone)
	b.refused("SELECT * FROM read_files('/Volumes/main/s/v/zone', format => 'parquet')", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE", "0A000")
	b.parquetWith("/Volumes/main/s/v/day/f.parquet", "SELECT DATE '0001-01-01' AS x", zone)
	b.want("SELECT CAST(x AS STRING) AS x FROM read_files('/Volumes/main/s/v/day', format => 'parquet')", "0001-01-03")
}
