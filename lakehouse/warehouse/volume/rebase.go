package volume

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// rebase says in which calendar the dates and timestamps of a Parquet file are: in today's, as in files of Spark 3, or in that of
// Spark 2 and Hive, which is Julian before 1582-10-15.
type rebase string

// The modes, as the options datetimeRebaseMode and int96RebaseMode spell them.
const (
	corrected rebase = "CORRECTED" // values are taken as they are
	legacy    rebase = "LEGACY"    // old values are moved to the day of the same name
	exception rebase = "EXCEPTION" // old values fail
)

// The options of a Parquet reader, in lower case, and the keys of a footer that
// win over them.
const (
	DatetimeOption = "datetimerebasemode"
	Int96Option    = "int96rebasemode"

	versionKey        = "org.apache.spark.version"
	zoneKey           = "org.apache.spark.timeZone"
	legacyDatetimeKey = "org.apache.spark.legacyDateTime"
	legacyInt96Key    = "org.apache.spark.legacyINT96"
)

// Modes are the modes by which a file, or what a statement names, is read.
type Modes struct{ datetime, int96 rebase }

// RebaseOptions reads the modes from the options of a reader.
func RebaseOptions(options map[string]string) (Modes, error) {
	out := Modes{legacy, legacy}
	for key, mode := range map[string]*rebase{DatetimeOption: &out.datetime, Int96Option: &out.int96} {
		value, given := options[key]
		if !given {
			continue
		}
		switch *mode = rebase(value); *mode {
		case corrected, legacy, exception:
		default: // Spark minds the case, too
			return out, sparksql.Errorf("KD001", "FAILED_READ_FILE.NO_HINT",
				"Encountered error while reading files: no value of the option %s is '%s' (EXCEPTION, CORRECTED or LEGACY).", key, value)
		}
	}
	return out, nil
}

// of gives the modes for one file. The footer of a file that Spark wrote says
// which calendar it has; versions are compared as texts.
func (r Modes) of(footer metadata.KeyValueMetadata) Modes {
	version := footer.FindValue(versionKey)
	if version == nil {
		return r
	}
	by := func(least, key string) rebase {
		if *version < least || footer.FindValue(key) != nil {
			return legacy
		}
		return corrected
	}
	return Modes{by("3.0.0", legacyDatetimeKey), by("3.1.0", legacyInt96Key)}
}

// column is the expression that reads a column of a file under its modes.
// Timestamps are moved as of UTC, the zone of every session here, in which only
// those before 1582-10-15 move; in other zones those up to 1900 do as well, by the
// minutes that local mean time differed. depth is how many types t is in.
func (r Modes) column(sql string, t sparksql.Type, int96 bool, depth int) string {
	switch t.Kind {
	case sparksql.DateType:
		return r.datetime.instant(sql, "DATE '1582-10-15'", "DATE '1582-10-15'", RebaseDay+"("+sql+")")
	case sparksql.TimestampType:
		mode := r.datetime
		if int96 {
			mode = r.int96
		}
		return mode.instant(sql, "TIMESTAMPTZ '1582-10-15 00:00:00+00'", "TIMESTAMPTZ '1900-01-01 00:00:00+00'",
			"CAST("+RebaseInstant+"(CAST("+sql+" AS TIMESTAMP)) AS TIMESTAMPTZ)")
	default:
		moves := r.datetime != corrected || int96 && r.int96 != corrected
		if !t.Nested() || !moves || !hasKind(t, sparksql.DateType, sparksql.TimestampType) {
			return sql
		}
		e := fmt.Sprintf("e%d", depth)
		switch t.Kind {
		case sparksql.ArrayType:
			return "list_transform(" + sql + ", lambda " + e + ": " + r.column(e, *t.Elem, int96, depth+1) + ")"
		case sparksql.MapType:
			return "map_from_entries(list_transform(map_entries(" + sql + "), lambda " + e + ": {'key': " +
				r.column(e+".key", *t.Key, int96, depth+1) + ", 'value': " + r.column(e+".value", *t.Elem, int96, depth+1) + "}))"
		default:
			parts := make([]string, len(t.Fields))
			for i, f := range t.Fields {
				parts[i] = sparksql.QuoteDuckDB(f.Name) + " := " +
					r.column("struct_extract("+e+", "+sparksql.QuoteText(f.Name)+")", f.Type, int96, depth+1)
			}
			return "list_transform([" + sql + "], lambda " + e + ": CASE WHEN " + e + " IS NULL THEN NULL ELSE struct_pack(" +
				strings.Join(parts, ", ") + ") END)[1]"
		}
	}
}

// instant reads one date or timestamp. It converts values before the bound of the mode, or fails for those that may be of either
// calendar.
func (m rebase) instant(sql, moves, fails, moved string) string {
	switch m {
	case legacy:
		return "CASE WHEN " + sql + " < " + moves + " THEN " + moved + " ELSE " + sql + " END"
	case exception:
		return "CASE WHEN " + sql + " < " + fails + " THEN error(" +
			sparksql.QuoteText("["+refusal.AncientClass+"] "+ancientText) + ") ELSE " + sql + " END"
	default:
		return sql
	}
}

const (
	ancientText = "You may get a different result due to the upgrading to Spark >= 3.0: " +
		"reading dates before 1582-10-15 or timestamps before 1900-01-01T00:00:00Z from Parquet files can be ambiguous. " +
		`Set the datasource option "datetimeRebaseMode" to "LEGACY" to rebase the values, or to "CORRECTED" to read them as they are.`
)

func hasKind(t sparksql.Type, kinds ...sparksql.TypeKind) bool {
	if slices.Contains(kinds, t.Kind) {
		return true
	}
	for _, f := range t.Fields {
		if hasKind(f.Type, kinds...) {
			return true
		}
	}
	return t.Key != nil && hasKind(*t.Key, kinds...) || t.Elem != nil && hasKind(*t.Elem, kinds...)
}

// hasInt96 reports whether a column has values of Parquet's old type of timestamps.
func hasInt96(n schema.Node) bool {
	switch n := n.(type) {
	case *schema.PrimitiveNode:
		return n.PhysicalType() == parquet.Types.Int96
	case *schema.GroupNode:
		for i := range n.NumFields() {
			if hasInt96(n.Field(i)) {
				return true
			}
		}
	}
	return false
}

// otherZone is the zone that a file's old timestamps are to be moved in, if it is
// not UTC.
func otherZone(footer metadata.KeyValueMetadata) string {
	if zone := footer.FindValue(zoneKey); zone != nil && *zone != "UTC" && *zone != "Etc/UTC" && *zone != "Z" {
		return *zone
	}
	return ""
}

// Functions of DuckDB that move what was written in the Julian calendar.
const (
	RebaseDay     = "spark_rebase_day"     // (DATE) → DATE
	RebaseInstant = "spark_rebase_instant" // (TIMESTAMP) → TIMESTAMP
)

const daySeconds = 24 * 60 * 60

// Julian moves a time to the day that has the same name in today's calendar as its day has in the Julian one, at the same time of
// day. A 29 February that only the Julian calendar has becomes 1 March.
func Julian(t time.Time) time.Time {
	// Four years of the Julian calendar have 1,461 days. They are counted from its
	// 1 March of the year 0, which is this many days before 1970.
	const origin, cycleDays = 719470, 1461
	midnight := t.Truncate(24 * time.Hour)
	days := midnight.Unix()/daySeconds + origin
	cycle := days / cycleDays
	if days < cycle*cycleDays {
		cycle--
	}
	days -= cycle * cycleDays
	year := min(days/365, 3)
	days -= year * 365
	month := (5*days + 2) / 153 // March is 0
	day := days - (153*month+2)/5 + 1
	moved := time.Date(int(cycle*4+year), time.Month(month+3), int(day), 0, 0, 0, 0, time.UTC)
	return moved.Add(t.Sub(midnight))
}

// readingOf is how a file is read, with the statement's modes where its footer says
// nothing.
func (v *Volumes) readingOf(f *Parquet, want []translate.Column, modes Modes) (Modes, error) {
	out := modes.of(f.footer)
	zone := otherZone(f.footer)
	for _, c := range want {
		have, ok := f.column(c.Name)
		if !ok || zone == "" || !hasKind(have.Type, sparksql.TimestampType) {
			continue
		}
		if mode := out.datetime; mode == legacy || f.int96[strings.ToLower(c.Name)] && out.int96 == legacy {
			return out, sparksql.Unsupported("old timestamps of %s in the time zone %s", v.Name(f.path), zone)
		}
	}
	return out, nil
}
