//go:build cgo && unix

package extensions

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/tests/roundtrip"
)

// startPgvector starts the server that scripts/need-pgvector brings, and gives
// a function that makes databases.
func startPgvector(t *testing.T) func(*testing.T) string {
	t.Helper()
	bin, err := exec.CommandContext(t.Context(), "../../scripts/need-pgvector").Output()
	if err != nil {
		if said, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("scripts/need-pgvector: %v\n%s", err, said.Stderr)
		}
		t.Fatal(err)
	}
	t.Setenv(pgserver.BinEnv, strings.TrimSpace(string(bin)))
	server, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	databases := 0
	return func(t *testing.T) string {
		t.Helper()
		databases++
		name := fmt.Sprintf("vectors_%d", databases)
		if err := server.CreateDatabase(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.DropDatabase(context.Background(), name); err != nil {
				t.Error(err)
			}
		})
		url := server.URL(name)
		need(t, url, "see scripts/need-pgvector", "vector")
		return url
	}
}

func pgvectorSetup(schema string) string {
	return strings.ReplaceAll(`
CREATE SCHEMA IF NOT EXISTS @schema;
CREATE EXTENSION vector SCHEMA @schema;
CREATE DOMAIN embedding_vector AS @schema.vector(3);
CREATE DOMAIN short_halfvec AS @schema.halfvec;
CREATE DOMAIN vector_list AS @schema.vector[];`, "@schema", schema)
}

// dimensions is a vector of n different numbers.
func dimensions(n int, typ string) string {
	return fmt.Sprintf("=(SELECT array_agg(sin(i) * 10.0 ^ (i %% 9 - 4) ORDER BY i) FROM generate_series(1, %d) i)::real[]::%s", n, typ)
}

func pgvectorColumns(schema string) []roundtrip.Column {
	vector, halfvec, sparsevec := schema+".vector", schema+".halfvec", schema+".sparsevec"
	return append(withArrays([]roundtrip.Column{
		{SQL: vector, Want: "array<float>", Values: []string{"[0]", "[1]", "[-0,1e-45,1.17549435e-38,3.4028235e38,-3.4028235e38,0.1,16777217]"}},
		{SQL: vector + "(3)", Want: "array<float>", Values: []string{"[1,2.5,-3]", "[0,0,0]"}},
		{SQL: vector + "(1)", Want: "array<float>", Values: []string{"[0.1]"}},
		{SQL: halfvec, Want: "array<float>", Values: []string{"[0]", "[1]", "[-0,6e-8,6.1e-5,65504,-65504,0.1]"}},
		{SQL: halfvec + "(2)", Want: "array<float>", Values: []string{"[1,0.333]"}},
		{SQL: sparsevec, Want: "string", Values: []string{"{}/1", "{1:1.5,3:-2}/5", "{1000000000:1e-45}/1000000000"}},
		{SQL: "embedding_vector", Want: "array<float>", Values: []string{"[1,2,3]"}},
		{SQL: "short_halfvec", Want: "array<float>", Values: []string{"[1]", "[1,2]"}},
	}),
		roundtrip.Column{SQL: vector + "(16000)", Want: "array<float>", Values: []string{dimensions(16000, vector)}},
		roundtrip.Column{SQL: halfvec + "(16000)", Want: "array<float>", Values: []string{dimensions(16000, halfvec)}},
		roundtrip.Column{
			SQL: vector + "(16000)[]", Want: "array<array<float>>", Values: []string{"=ARRAY[" + dimensions(16000, vector)[1:] + ", NULL]"},
		},
		roundtrip.Column{
			SQL: "vector_list", Want: "array<array<float>>", Values: []string{"{}", `{"[1,2]",NULL,"[3]"}`}, Rescued: []string{`{{"[1]"},{"[2]"}}`},
		})
}

func TestPgvector(t *testing.T) {
	database := startPgvector(t)
	t.Run("with a key", func(t *testing.T) {
		moved(t, database(t), pgvectorSetup(`"Ext 1"`), pgvectorColumns(`"Ext 1"`))
	})
	t.Run("without a key", func(t *testing.T) {
		keyless(t, database(t), pgvectorSetup("public"), pgvectorColumns("public"))
	})
	t.Run("key of two zeros", func(t *testing.T) { // which are the same to Postgres
		keyed(t, database(t), pgvectorSetup("ext"), roundtrip.Column{SQL: "ext.vector", Values: []string{"[1,0]", "[0]"}}, 2,
			"UPDATE public.every SET c0 = '[1,-0]' WHERE id = 1",
			"DELETE FROM public.every WHERE id = 2; INSERT INTO public.every VALUES (20, '[-0]')")
	})
	for _, c := range []roundtrip.Column{
		{SQL: "ext.vector", Values: []string{"[1,2]", "[1]", "[0]", "[-0,3e38]"}},
		{SQL: "ext.halfvec", Values: []string{"[1,2]", "[1]", "[0]", "[65504]"}},
		{SQL: "ext.sparsevec", Values: []string{"{1:1}/2", "{}/2", "{}/3", "{5:1e-45}/9"}},
	} {
		t.Run("key "+c.SQL, func(t *testing.T) {
			keyed(t, database(t), pgvectorSetup("ext"), c, 4, keyChanges(c)...)
		})
	}
}
