package translate

import (
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// elsewhere are the functions that Databricks has and this warehouse has not. They are
// refused by name: a statement that calls one is right, and only this warehouse cannot
// run it. UNRESOLVED_ROUTINE is left to names that Databricks does not know either.
var elsewhere = names(`
	acos acosh add_months aes_decrypt aes_encrypt agg approx_percentile approx_top_k approx_top_k_accumulate approx_top_k_combine
	approx_top_k_estimate array_append array_distinct array_except array_insert array_intersect array_prepend array_remove array_repeat
	array_union arrays_overlap arrays_zip asin asinh atan atan2 atanh bigint bin binary bit_get bit_length bitmap_and_agg bitmap_bit_position
	bitmap_bucket_number bitmap_construct_agg bitmap_count bitmap_or_agg boolean btrim cbrt charindex cloud_files_state collate collation
	conv convert_timezone corr cos cosh cot count_min_sketch covar_pop covar_samp crc32 csc cube current_metastore
	current_recipient current_time date dateadd datepart dayname dayofweek dayofyear decimal degrees double e elt equal_null explode_outer
	expm1 factorial find_in_set float format_number format_string from_avro from_csv from_protobuf from_unixtime
	from_utc_timestamp from_xml getbit grouping grouping_id hash histogram_numeric hll_sketch_agg hll_sketch_estimate hll_union hll_union_agg
	http_request hypot identifier initcap inline inline_outer input_file_block_length input_file_block_start input_file_name int
	is_account_group_member is_member is_valid_utf8 is_variant_null java_method json_array_length json_object_keys json_tuple kurtosis len
	levenshtein like list_secrets listagg localtimestamp log log1p log2 luhn_check make_dt_interval make_interval make_time make_timestamp
	make_timestamp_ltz make_timestamp_ntz make_valid_utf8 make_ym_interval map_concat map_contains_key map_entries map_filter
	map_from_entries map_zip_with mask median mode monotonically_increasing_id monthname months_between nanvl next_day nullifzero
	octet_length overlay parse_url percentile percentile_approx percentile_cont percentile_disc pi posexplode posexplode_outer
	positive printf quote radians randn randstr reflect regexp regexp_count regexp_extract_all regexp_instr regexp_substr
	regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy rint rollup schema_of_avro schema_of_csv
	schema_of_json schema_of_json_agg schema_of_variant schema_of_variant_agg schema_of_xml sec secret sentences sequence session_window
	shiftleft shiftright shiftrightunsigned shuffle sin sinh skewness smallint soundex spark_partition_id stack str_to_map string string_agg
	substring_index tan tanh time time_diff time_trunc timestamp timestampadd tinyint to_avro to_binary to_char to_csv to_number
	to_protobuf to_time to_timestamp_ltz to_unix_timestamp to_utc_timestamp to_varchar to_variant_object to_xml transform_keys
	transform_values trunc try_add try_aes_decrypt try_avg try_make_interval try_make_timestamp try_make_timestamp_ltz
	try_make_timestamp_ntz try_mod try_multiply try_parse_url try_reflect try_secret try_subtract try_sum try_to_binary try_to_date
	try_to_number try_to_time try_to_timestamp try_url_decode try_validate_utf8 uniform unix_timestamp url_decode url_encode validate_utf8
	var_pop variant_explode variant_explode_outer weekday weekofyear width_bucket window window_time xpath xpath_boolean xpath_double
	xpath_float xpath_int xpath_long xpath_number xpath_short xpath_string zeroifnull zip_with`)

// families are the beginnings of the names of many more.
var families = []string{"ai_", "h3_", "kll_sketch_", "st_", "theta_"}

// tables are the functions that Databricks has in FROM and this warehouse has not.
var tables = names(
	`ai_forecast cloud_files collations event_log explode explode_outer identifier inline inline_outer json_tuple posexplode posexplode_outer
	read_kafka read_kinesis read_pubsub read_pulsar read_state_metadata read_statestore remote_query sql_keywords stack
	variant_explode variant_explode_outer vector_search`)

func names(list string) map[string]bool {
	out := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		out[name] = true
	}
	return out
}

// unknownFunction refuses a function that is not among the builtins.
func (t *Translator) unknownFunction(name string) error {
	known := elsewhere[name]
	for _, prefix := range families {
		known = known || strings.HasPrefix(name, prefix)
	}
	if known {
		return sparksql.Unsupported("the function %s", name)
	}
	return sparksql.Errorf("42883", "UNRESOLVED_ROUTINE",
		"Cannot resolve routine %s on search path [`system`.`builtin`, `system`.`session`, %s].",
		sparksql.QuoteSpark(name), sparksql.QuoteName([]string{t.space.Catalog, t.space.Schema}))
}

// unknownTable refuses a function in FROM.
func unknownTable(name string) error {
	if tables[name] {
		return sparksql.Unsupported("the table function %s", name)
	}
	return sparksql.Errorf("42883", "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "Could not resolve %s to a table-valued function.",
		sparksql.QuoteSpark(name))
}

// longer are functions that Databricks also takes with more arguments than this
// warehouse does, and with how many.
var longer = map[string]int{
	"approx_count_distinct": 2, "array_sort": 2, "ceil": 2, "ceiling": 2, "date_add": 3, "floor": 2,
	"from_json": 3, "locate": 3, "position": 3, "rand": 1, "random": 1, "regexp_replace": 4, "split": 3, "to_date": 2,
	"to_json": 2, "to_timestamp": 2, "to_timestamp_ntz": 2, "uuid": 1,
}

// wrongCount refuses a number of arguments; nil if it is one that f takes.
func wrongCount(c *sparksql.Call, f builtin) error {
	n := len(c.Args)
	switch {
	case c.Star && c.Name == "count", !c.Star && n >= f.least && (f.most < 0 || n <= f.most):
		return nil
	case !c.Star && n > f.most && (n <= longer[c.Name] || c.Name == "decode"): // decode also maps values, any number of them
		return sparksql.Unsupported("%s with %d arguments", c.Name, n)
	}
	return wrongNumber(c, f)
}
