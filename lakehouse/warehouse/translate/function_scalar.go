package translate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func texts() map[string]builtin {
	str, num := sparksql.String, sparksql.Int
	m := map[string]builtin{
		"concat": {least: 0, most: -1, make: concatOf}, "concat_ws": {least: 1, most: -1, make: concatWS},
		"length": {least: 1, most: 1, make: lengthOf}, "lower": plain("lower", str, 1, 1, str), "upper": plain("upper", str, 1, 1, str),
		"substring": {least: 2, most: 3, make: substringOf}, "left": form("left($1, "+atLeastZero("$2")+")", str, str, num),
		"right":   form("right($1, "+atLeastZero("$2")+")", str, str, num),
		"replace": {least: 2, most: 3, make: replaceOf},
		"regexp_replace": form(`regexp_replace($1, $2, regexp_replace(replace($3, '\', '\\'), '[$]([0-9])', '\\\1', 'g'), 'g')`,
			str, str, str, str),
		"regexp_extract": {least: 2, most: 3, make: regexpExtract},
		"rlike":          form("regexp_matches($1, $2)", sparksql.Boolean, str, str),
		"trim":           {least: 1, most: 2, make: trimOf("trim")}, "ltrim": {least: 1, most: 2, make: trimOf("ltrim")},
		"rtrim": {least: 1, most: 2, make: trimOf("rtrim")},
		"lpad":  {least: 2, most: 3, make: padOf("lpad")}, "rpad": {least: 2, most: 3, make: padOf("rpad")},
		"repeat": form("repeat($1, "+atLeastZero("$2")+")", str, str, num), "reverse": {least: 1, most: 1, make: reverseOf},
		"instr": form("CAST(instr($1, $2) AS INTEGER)", num, str, str), "position": form("CAST(instr($2, $1) AS INTEGER)", num, str, str),
		"locate":     form("CAST(instr($2, $1) AS INTEGER)", num, str, str),
		"startswith": form("starts_with($1, $2)", sparksql.Boolean, str, str), "endswith": form("ends_with($1, $2)", sparksql.Boolean, str, str),
		"contains": form("contains($1, $2)", sparksql.Boolean, str, str), "translate": form("translate($1, $2, $3)", str, str, str, str),
		"split_part": form("CASE WHEN $3 = 0 THEN "+indexOfZero+
			" WHEN $2 = '' THEN CASE WHEN $3 IN (1, -1) THEN $1 ELSE '' END ELSE split_part($1, $2, $3) END", str, str, str, num),
		"chr":   form("CASE WHEN $1 < 0 THEN '' ELSE chr(CAST($1 % 256 AS INTEGER)) END", str, sparksql.Long),
		"ascii": form("CAST(ascii($1) AS INTEGER)", num, str), "space": form("repeat(' ', $1)", str, num),
		"hex":      {least: 1, most: 1, make: hexFn},
		"unhex":    form("CASE WHEN regexp_matches($1, '^[0-9A-Fa-f]*$') THEN unhex($1) END", sparksql.Binary, str),
		"xxhash64": {least: 1, most: -1, make: hash64},
		"md5":      {least: 1, most: 1, make: digest("md5")}, "sha2": {least: 2, most: 2, make: sha2Of},
		"sha": {least: 1, most: 1, make: digest("sha1")}, "sha1": {least: 1, most: 1, make: digest("sha1")},
		"base64": form("to_base64($1)", str, sparksql.Binary), "unbase64": form("from_base64($1)", sparksql.Binary, str),
		"encode":          {least: 2, most: 2, make: charset("encode", sparksql.String, sparksql.Binary)},
		"decode":          {least: 2, most: 2, make: charset("decode", sparksql.Binary, sparksql.String)},
		"to_json":         {least: 1, most: 1, make: toJSON},
		"get_json_object": {least: 2, most: 2, make: getJSONObject},
		"from_json":       {least: 2, most: 2, make: fromJSON},
		"parse_json":      form(VariantParse+"($1)", sparksql.Variant, str),
		"try_parse_json":  form(VariantTryParse+"($1)", sparksql.Variant, str),
		"variant_get":     {least: 2, most: 3, make: variantGet(false)},
		"try_variant_get": {least: 2, most: 3, make: variantGet(true)},
	}
	m["ucase"], m["lcase"], m["substr"], m["char_length"], m["character_length"] = m["upper"], m["lower"],
		m["substring"], m["length"], m["length"]
	m["char"], m["regexp_like"] = m["chr"], m["rlike"]
	return m
}

func concatOf(in *invocation) (value, error) {
	if len(in.args) == 0 {
		return textValue(""), nil
	}
	typ := sparksql.String
	if k := in.args[0].typ.Kind; k == sparksql.ArrayType || k == sparksql.BinaryType {
		var err error
		if typ, err = in.t.types.unify(Pretty(in.call), in.args); err != nil {
			return value{}, err
		}
	}
	parts := make([]string, len(in.args))
	for i, a := range in.args {
		v, err := in.t.types.cast(a, typ, false)
		if err != nil {
			return value{}, err
		}
		parts[i] = v.sql
	}
	return value{sql: "(" + strings.Join(parts, " || ") + ")", typ: typ}, nil // NULL in, NULL out
}

// concatWS flattens arrays and skips NULLs.
func concatWS(in *invocation) (value, error) {
	sep, err := in.t.types.cast(in.args[0], sparksql.String, false)
	if err != nil {
		return value{}, err
	}
	parts := make([]string, 0, len(in.args))
	arrays := slices.ContainsFunc(in.args[1:], func(a value) bool { return a.typ.Kind == sparksql.ArrayType })
	for _, a := range in.args[1:] {
		to := sparksql.String
		if a.typ.Kind == sparksql.ArrayType {
			to = sparksql.ArrayOf(sparksql.String)
		}
		v, err := in.t.types.cast(a, to, false)
		if err != nil {
			return value{}, err
		}
		if !arrays {
			parts = append(parts, v.sql)
			continue
		}
		if to.Kind == sparksql.StringType {
			v.sql = "[" + v.sql + "]"
		}
		parts = append(parts, "coalesce("+v.sql+", [])")
	}
	switch {
	case len(parts) == 0:
		return textValue(""), nil
	case !arrays: // any number of texts, while DuckDB bounds how deep operators nest
		return value{sql: "concat_ws(" + sep.sql + ", " + strings.Join(parts, ", ") + ")", typ: sparksql.String}, nil
	}
	return value{sql: "array_to_string(" + strings.Join(parts, " || ") + ", " + sep.sql + ")", typ: sparksql.String}, nil
}

func lengthOf(in *invocation) (value, error) {
	if in.args[0].typ.Kind == sparksql.BinaryType {
		return value{sql: "CAST(octet_length(" + in.args[0].sql + ") AS INTEGER)", typ: sparksql.Int}, nil
	}
	err := in.want(sparksql.String)
	return value{sql: "CAST(length(" + in.list(0) + ") AS INTEGER)", typ: sparksql.Int}, err
}

// substringOf counts from 1; 0 is like 1, and a start before the text loses length.
func substringOf(in *invocation) (value, error) {
	if in.args[0].typ.Kind == sparksql.BinaryType {
		return value{}, sparksql.Unsupported("substring of BINARY")
	}
	if err := in.want(sparksql.String, sparksql.Int); err != nil {
		return value{}, err
	}
	e := in.t.fresh("e")
	start := "CASE WHEN " + e + ".p > 0 THEN " + e + ".p - 1 WHEN " + e + ".p < 0 THEN length(" + e + ".s) + " + e + ".p ELSE 0 END"
	if len(in.args) == 2 {
		in.args = append(in.args, value{sql: "2147483647"})
	}
	sql := "list_transform([{'s': $1, 'p': $2, 'n': $3}], lambda " + e + ": CASE WHEN " + e + ".s IS NULL OR " + e + ".p IS NULL OR " + e +
		".n IS NULL THEN NULL ELSE substring(" + e +
		".s, CAST(greatest(" + start + ", 0) + 1 AS BIGINT), CAST(greatest(least(" + e + ".n, 2147483647) + least(" + start +
		", 0), 0) AS BIGINT)) END)[1]"
	return value{sql: in.expand(sql), typ: sparksql.String}, nil
}

func replaceOf(in *invocation) (value, error) {
	if len(in.args) == 2 {
		in.args = append(in.args, textValue(""))
	}
	err := in.want(sparksql.String)
	return value{sql: "replace(" + in.list(0) + ")", typ: sparksql.String}, err
}

func regexpExtract(in *invocation) (value, error) {
	if len(in.args) == 2 {
		in.args = append(in.args, value{sql: "1", typ: sparksql.Int})
	}
	l, literal := in.args[2], true
	if len(in.call.Args) == 3 {
		_, literal = ordinal(in.call.Args[2])
		l.sql = strconv.Itoa(func() int { n, _ := ordinal(in.call.Args[2]); return n }())
	}
	if !literal {
		return value{}, sparksql.Unsupported("a group of regexp_extract that is not a literal")
	}
	in.args = in.args[:2]
	err := in.want(sparksql.String)
	return value{sql: "regexp_extract(" + in.list(0) + ", " + l.sql + ")", typ: sparksql.String}, err
}

// trimOf has the characters first, as Spark's trim(chars, text) has them only in
// the form trim(BOTH chars FROM text); ltrim and rtrim take (chars, text) as well.
func trimOf(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if err := in.want(sparksql.String); err != nil {
			return value{}, err
		}
		if len(in.args) == 1 {
			return value{sql: duck + "(" + in.args[0].sql + ", ' ')", typ: sparksql.String}, nil
		}
		return value{sql: duck + "(" + in.args[1].sql + ", " + in.args[0].sql + ")", typ: sparksql.String}, nil
	}
}

func padOf(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if len(in.args) == 2 {
			in.args = append(in.args, textValue(" "))
		}
		err := in.want(sparksql.String, sparksql.Int, sparksql.String)
		// DuckDB refuses to pad with nothing.
		return value{sql: in.expand("CASE WHEN $3 = '' THEN left($1, " + atLeastZero("$2") + ") ELSE " + duck + "($1, " + atLeastZero("$2") +
			", $3) END"), typ: sparksql.String}, err
	}
}

func reverseOf(in *invocation) (value, error) {
	if in.args[0].typ.Kind == sparksql.ArrayType {
		return value{sql: "list_reverse(" + in.args[0].sql + ")", typ: in.args[0].typ}, nil
	}
	err := in.want(sparksql.String)
	return value{sql: "reverse(" + in.list(0) + ")", typ: sparksql.String}, err
}

func hexFn(in *invocation) (value, error) {
	typ := in.args[0].typ
	switch {
	case typ.Kind == sparksql.VoidType:
		return value{sql: "CAST(NULL AS VARCHAR)", typ: sparksql.String}, nil
	case typ.Kind == sparksql.BinaryType || typ.Kind == sparksql.StringType:
		return value{sql: "hex(" + in.args[0].sql + ")", typ: sparksql.String}, nil
	case typ.Integral():
		return value{sql: "to_hex(CAST(" + in.args[0].sql + " AS BIGINT))", typ: sparksql.String}, nil
	}
	return value{}, mismatch(Pretty(in.call), "parameter 1 requires BIGINT, BINARY or STRING")
}

// digest hashes bytes; text is hashed as its UTF-8.
func digest(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		err := in.want(sparksql.Binary)
		return value{sql: duck + "(" + in.list(0) + ")", typ: sparksql.String}, err
	}
}

func sha2Of(in *invocation) (value, error) {
	bits, ok := ordinal(in.call.Args[1])
	if !ok || bits != 0 && bits != 256 {
		return value{}, sparksql.Unsupported("sha2 of other than 256 bits")
	}
	in.args = in.args[:1]
	err := in.want(sparksql.Binary)
	return value{sql: "sha256(" + in.list(0) + ")", typ: sparksql.String}, err
}

func charset(duck string, from, to sparksql.Type) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if in.args[1].text == nil || !strings.EqualFold(strings.ReplaceAll(*in.args[1].text, "-", ""), "UTF8") {
			return value{}, sparksql.Unsupported("%s with another character set than 'UTF-8'", in.call.Name)
		}
		v, err := in.t.types.cast(in.args[0], from, false)
		return value{sql: duck + "(" + v.sql + ")", typ: to}, err
	}
}

// toJSON leaves out the fields of a struct that are NULL only at the top in Spark;
// structs are refused so that nothing differs silently.
func toJSON(in *invocation) (value, error) {
	if k := in.args[0].typ.Kind; k == sparksql.VariantType {
		return value{sql: in.args[0].sql, typ: sparksql.String}, nil
	} else if k != sparksql.ArrayType && k != sparksql.MapType || hasStruct(in.args[0].typ) || hasVariant(in.args[0].typ) {
		return value{}, sparksql.Unsupported("to_json of %s", in.args[0].typ.SQL())
	}
	return value{sql: "CAST(to_json(" + in.args[0].sql + ") AS VARCHAR)", typ: sparksql.String}, nil
}

// getJSONObject has DuckDB's spelling of a path that names a key: $."key" for $['key'].
func getJSONObject(in *invocation) (value, error) {
	if text := in.args[1].text; text != nil {
		if key, ok := strings.CutPrefix(*text, "$['"); ok && strings.HasSuffix(key, "']") && !strings.ContainsAny(key[:len(key)-2], `'"\`) {
			in.args[1] = textValue(`$."` + key[:len(key)-2] + `"`)
		}
	}
	err := in.want(sparksql.String)
	return value{
		sql: in.expand("CASE WHEN starts_with($2, '$') THEN json_extract_string(CASE WHEN json_valid($1) THEN $1 END, $2) END"),
		typ: sparksql.String,
	}, err
}

// fromJSON knows one schema: an object of texts.
func fromJSON(in *invocation) (value, error) {
	to := sparksql.MapOf(sparksql.String, sparksql.String)
	if in.args[1].text == nil {
		return value{}, sparksql.Unsupported("a schema of from_json that is not a literal")
	}
	typ, err := sparksql.ParseType(*in.args[1].text)
	if err != nil {
		return value{}, err
	}
	if !typ.Equal(to) {
		return value{}, sparksql.Unsupported("from_json with another schema than MAP<STRING, STRING>")
	}
	err = in.want(sparksql.String)
	return value{sql: in.expand("CAST(CASE WHEN json_valid($1) THEN json($1) END AS " + to.DuckDB() + ")"), typ: to}, err
}

func hasStruct(t sparksql.Type) bool {
	return t.Kind == sparksql.StructType || t.Elem != nil && hasStruct(*t.Elem)
}

func instants() map[string]builtin {
	ts, date, long, num := sparksql.Timestamp, sparksql.Date, sparksql.Long, sparksql.Int
	m := map[string]builtin{
		"current_timestamp": fixed("current_timestamp", ts), "current_date": fixed("current_date", date),
		"current_timezone": fixed("'UTC'", sparksql.String),
		"unix_micros":      form("epoch_us($1)", long, ts), "unix_millis": form(wholeUnits("$1", 1000), long, ts),
		"unix_seconds":     form(wholeUnits("$1", 1000000), long, ts),
		"timestamp_micros": form("CAST(make_timestamp($1) AS TIMESTAMPTZ)", ts, long), "timestamp_millis": form(
			"CAST(make_timestamp($1 * 1000) AS TIMESTAMPTZ)", ts, long), "timestamp_seconds": {least: 1, most: 1, make: timestampSeconds},
		"to_timestamp": form("$1", ts, ts), "to_timestamp_ntz": form("$1", sparksql.TimestampNTZ, sparksql.TimestampNTZ),
		"to_date":   form("$1", date, date),
		"date_part": {least: 2, most: 2, make: datePart}, "date_trunc": {least: 2, most: 2, make: dateTrunc},
		"datediff": {least: 2, most: 3, lambda: true, make: dateDiff}, "timestampdiff": {least: 3, most: 3, lambda: true, make: timestampDiff},
		"date_add":    form("CAST($1 + CAST($2 AS INTEGER) AS DATE)", date, date, num),
		"date_sub":    form("CAST($1 - CAST($2 AS INTEGER) AS DATE)", date, date, num),
		"date_format": {least: 2, most: 2, make: dateFormat}, "unix_date": form("CAST($1 - DATE '1970-01-01' AS INTEGER)", num, date),
		"date_from_unix_date": form("CAST(DATE '1970-01-01' + $1 AS DATE)", date, num),
		"make_date":           form("make_date($1, $2, $3)", date, num, num, num),
		"last_day":            form("last_day($1)", date, date),
	}
	for _, part := range [...]string{"year", "month", "day", "hour", "minute", "second", "quarter"} {
		m[part] = form("CAST("+part+"($1) AS INTEGER)", num, sparksql.Timestamp)
	}
	m["now"], m["curdate"], m["getdate"], m["dayofmonth"], m["date_diff"] = m["current_timestamp"], m["current_date"],
		m["current_timestamp"], m["day"], m["datediff"]
	return m
}

// timestampSeconds counts from 1970, fractions of a second included.
func timestampSeconds(in *invocation) (value, error) {
	if in.args[0].typ.Kind != sparksql.DecimalType {
		if err := in.want(sparksql.DoubleOf); err != nil {
			return value{}, err
		}
	}
	return value{sql: in.expand("CAST(make_timestamp(CAST($1 * 1000000 AS BIGINT)) AS TIMESTAMPTZ)"), typ: sparksql.Timestamp}, nil
}

// parts are the fields of dates and times, each with the names that Spark has for it,
// and DuckDB's number for it.
var parts = fieldNames(map[string]string{
	"YEAR Y YEARS YR YRS": "year($1)", "YEAROFWEEK": "isoyear($1)", "QUARTER QTR": "quarter($1)", "MONTH MON MONS MONTHS": "month($1)",
	"WEEK W WEEKS": "week($1)", "DAY D DAYS": "day($1)", "DAYOFWEEK DOW": "dayofweek($1) + 1", "DAYOFWEEK_ISO DOW_ISO": "isodow($1)",
	"DOY": "dayofyear($1)", "HOUR H HOURS HR HRS": "hour($1)", "MINUTE M MIN MINS MINUTES": "minute($1)",
	"SECOND S SEC SECONDS SECS": "second($1)",
})

func fieldNames(groups map[string]string) map[string]string {
	out := map[string]string{}
	for list, number := range groups {
		for name := range strings.FieldsSeq(list) {
			out[name] = number
		}
	}
	return out
}

func datePart(in *invocation) (value, error) {
	if in.args[0].text == nil {
		return value{}, sparksql.Unsupported("a field of date_part that is not a literal")
	}
	v := in.args[1]
	if v.typ.Kind == sparksql.StringType || v.typ.Kind == sparksql.VoidType {
		var err error
		if v, err = in.t.types.cast(v, sparksql.Timestamp, false); err != nil {
			return v, err
		}
	}
	field := strings.ToUpper(*in.args[0].text)
	if parts[field] == parts["SECOND"] {
		return value{sql: "CAST((epoch_us(" + v.sql + ") - epoch_us(date_trunc('minute', " + v.sql +
			"))) / 1000000.0 AS DECIMAL(8,6))", typ: sparksql.DecimalOf(8, 6)}, nil
	}
	number, ok := parts[field]
	if !ok {
		return value{}, sparksql.Errorf("42601", "INVALID_EXTRACT_FIELD", "Cannot extract %s from %s.", field, Pretty(in.call.Args[1]))
	}
	return value{sql: "CAST(" + strings.ReplaceAll(number, "$1", v.sql) + " AS INTEGER)", typ: sparksql.Int}, nil
}

func dateTrunc(in *invocation) (value, error) {
	if in.args[0].text == nil {
		return value{}, sparksql.Unsupported("a unit of date_trunc that is not a literal")
	}
	unit := strings.ToLower(*in.args[0].text)
	switch unit {
	case "year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond":
	default:
		return value{}, sparksql.Unsupported("the unit %q of date_trunc", unit)
	}
	v, err := in.t.types.cast(in.args[1], sparksql.Timestamp, false)
	return value{sql: "CAST(date_trunc('" + unit + "', " + v.sql + ") AS TIMESTAMPTZ)", typ: sparksql.Timestamp}, err
}

func dateDiff(in *invocation) (value, error) {
	if len(in.call.Args) == 3 {
		return value{}, sparksql.Unsupported("%s with a unit (timestampdiff works)", in.call.Name)
	}
	var err error
	if in.args, err = in.t.exprs(in.call.Args, in.scope); err != nil {
		return value{}, err
	}
	err = in.want(sparksql.Date)
	return value{sql: in.expand("CAST($1 - $2 AS INTEGER)"), typ: sparksql.Int}, err
}

func timestampDiff(in *invocation) (value, error) {
	name, ok := in.call.Args[0].(*sparksql.Name)
	micros := map[string]string{
		"MICROSECOND": "1", "MILLISECOND": "1000", "SECOND": "1000000", "MINUTE": "60000000", "HOUR": "3600000000", "DAY": "86400000000",
	}
	if !ok || len(name.Parts) != 1 || micros[strings.ToUpper(name.Parts[0])] == "" {
		return value{}, sparksql.Unsupported("this unit of timestampdiff (MICROSECOND to DAY work)")
	}
	args, err := in.t.exprs(in.call.Args[1:], in.scope)
	if err != nil {
		return value{}, err
	}
	in.args = args
	err = in.want(sparksql.Timestamp)
	return value{sql: in.expand("((epoch_us($2) - epoch_us($1)) // " + micros[strings.ToUpper(name.Parts[0])] + ")"), typ: sparksql.Long}, err
}

// dateFormat knows the letters that mean the same in strftime.
func dateFormat(in *invocation) (value, error) {
	if in.args[1].text == nil {
		return value{}, sparksql.Unsupported("a pattern of date_format that is not a literal")
	}
	pattern := *in.args[1].text
	out := ""
	letters := []struct{ java, duck string }{{"yyyy", "%Y"}, {"MM", "%m"}, {"dd", "%d"}, {"HH", "%H"}, {"mm", "%M"}, {"ss", "%S"},
		{"SSSSSS", "%f"}, {"SSS", "%g"}}
next:
	for pattern != "" {
		for _, l := range letters {
			if strings.HasPrefix(pattern, l.java) && !strings.HasPrefix(pattern, l.java+l.java[:1]) {
				out, pattern = out+l.duck, pattern[len(l.java):]
				continue next
			}
		}
		c := pattern[0]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '\'' || c == '[' || c == '%' {
			return value{}, sparksql.Unsupported("the pattern '%s' of date_format", *in.args[1].text)
		}
		out, pattern = out+string(c), pattern[1:]
	}
	v, err := in.t.types.cast(in.args[0], sparksql.Timestamp, false)
	return value{sql: "strftime(CAST(" + v.sql + " AS TIMESTAMP), " + sparksql.QuoteText(out) + ")", typ: sparksql.String}, err
}
