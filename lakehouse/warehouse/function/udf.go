//go:build cgo

package function

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/big"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/scalar"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// rowFunction is a function of one row, added to DuckDB.
type rowFunction struct {
	args   []duckdb.Type
	result duckdb.Type
	run    func(args []driver.Value) (any, error)
}

func (f rowFunction) Config() duckdb.ScalarFuncConfig {
	config := duckdb.ScalarFuncConfig{}
	for _, t := range f.args {
		info, err := duckdb.NewTypeInfo(t)
		if err != nil {
			return config
		}
		config.InputTypeInfos = append(config.InputTypeInfos, info)
	}
	config.ResultTypeInfo, _ = duckdb.NewTypeInfo(f.result)
	return config
}

func (f rowFunction) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: f.run}
}

// Register adds the functions to DuckDB.
func Register(conn *sql.Conn) error {
	text, integer, date, timestamp := duckdb.TYPE_VARCHAR, duckdb.TYPE_INTEGER, duckdb.TYPE_DATE, duckdb.TYPE_TIMESTAMP
	ofText := func(f func(string) (any, error)) rowFunction {
		return rowFunction{[]duckdb.Type{text}, text, func(a []driver.Value) (any, error) { return f(a[0].(string)) }}
	}
	for name, f := range map[string]rowFunction{
		translate.DoubleText: {[]duckdb.Type{duckdb.TYPE_DOUBLE}, text,
			func(a []driver.Value) (any, error) { return scalar.JavaFloat(a[0].(float64), 64), nil }},
		translate.FloatText: {[]duckdb.Type{duckdb.TYPE_FLOAT}, text,
			func(a []driver.Value) (any, error) { return scalar.JavaFloat(float64(a[0].(float32)), 32), nil }},
		translate.NonFinite: {[]duckdb.Type{text}, text,
			func(a []driver.Value) (any, error) { return scalar.DuckFloat(a[0].(string)), nil }},
		translate.Divide: {[]duckdb.Type{text, text, integer}, text,
			func(a []driver.Value) (any, error) { return exactly(a, quotient) }},
		translate.Multiply: {[]duckdb.Type{text, text, integer}, text,
			func(a []driver.Value) (any, error) { return exactly(a, (*big.Rat).Mul) }},
		translate.VariantParse:    ofText(func(s string) (any, error) { return scalar.ParseVariant(s) }),
		translate.VariantTryParse: ofText(scalar.TryParseVariant),
		translate.VariantText:     ofText(scalar.VariantText),
		translate.VariantNumber:   ofText(scalar.VariantNumber),
		translate.VariantWhole:    ofText(scalar.VariantWhole),
		translate.VariantTruth:    ofText(scalar.VariantTruth),
		translate.VariantQuoted:   ofText(func(s string) (any, error) { return string(scalar.AppendVariantText(nil, s)), nil }),
		translate.VariantAt: {[]duckdb.Type{text, text}, text,
			func(a []driver.Value) (any, error) { return scalar.VariantAt(a[0].(string), a[1].(string)) }},
		translate.VariantDouble: {[]duckdb.Type{duckdb.TYPE_DOUBLE}, text,
			func(a []driver.Value) (any, error) { return scalar.VariantFloat(a[0].(float64), 64), nil }},
		translate.VariantFloat: {[]duckdb.Type{duckdb.TYPE_FLOAT}, text,
			func(a []driver.Value) (any, error) { return scalar.VariantFloat(float64(a[0].(float32)), 32), nil }},
		volume.RebaseDay: {[]duckdb.Type{date}, date,
			func(a []driver.Value) (any, error) { return volume.Julian(a[0].(time.Time)), nil }},
		volume.RebaseInstant: {[]duckdb.Type{timestamp}, timestamp,
			func(a []driver.Value) (any, error) { return volume.Julian(a[0].(time.Time)), nil }},
	} {
		if err := duckdb.RegisterScalarUDF(conn, name, f); err != nil {
			return fmt.Errorf("register %s: %w", name, err)
		}
	}
	if err := duckdb.RegisterScalarUDF(conn, translate.Hash64, hash64{}); err != nil {
		return fmt.Errorf("register %s: %w", translate.Hash64, err)
	}
	return nil
}

// exactly computes on decimals and rounds half up, away from zero.
func exactly(args []driver.Value, op func(z, x, y *big.Rat) *big.Rat) (any, error) {
	x, ok := new(big.Rat).SetString(args[0].(string))
	y, ok2 := new(big.Rat).SetString(args[1].(string))
	if !ok || !ok2 {
		return nil, fmt.Errorf("compute %v and %v: not decimals", args[0], args[1])
	}
	z := op(new(big.Rat), x, y)
	if z == nil {
		return nil, nil
	}
	return z.FloatString(int(args[2].(int32))), nil
}

// quotient is NULL for division by zero, which the statement has refused before.
func quotient(z, x, y *big.Rat) *big.Rat {
	if y.Sign() == 0 {
		return nil
	}
	return z.Quo(x, y)
}
