//go:build cgo && unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/lakehouse"
)

const (
	scenarioName    = "scenario"
	scenarioCatalog = "dev"
	// commandLimit is what one command may take.
	commandLimit = 5 * time.Minute
)

// configuration moves some of Chinook's tables: the statements of the others are of the
// same shapes, and Spark takes seconds for each.
const configuration = `[source]
tables = ["kinds", "growing", "pairs", "artist", "invoice", "track"]

[load]
current = "table"
history = true

[tables."public.kinds"]
json = "variant"
history_except = ["price"]

[tables."public.pairs"]
current = "view"
history = false

[tables."public.invoice"]
current = "none"

[tables."public.track"]
deletes = "hard"
`

// reading reads what is kept beside the logs.
var reading = [][]string{
	{"sql", "SELECT * FROM dev.bronze.kinds_current ORDER BY id"},
	{"sql", "SELECT * FROM dev.bronze.kinds_history ORDER BY id, `_entry`"},
	{"sql", "SELECT * FROM dev.bronze.growing_current ORDER BY id"},
	{"sql", "SELECT * FROM dev.bronze.growing_history ORDER BY id, `_entry`"},
	{"sql", "SELECT * FROM dev.bronze.artist_history ORDER BY artist_id, `_entry`"},
}

// step is statements of the application, then commands of ingest.
type step struct {
	source   []string
	commands [][]string
}

// scenario is a pipeline's life. The table kinds has a column of each type that
// travels in a way of its own.
var scenario = []step{
	{source: []string{
		`CREATE TABLE kinds (id int PRIMARY KEY, flag boolean, tiny smallint, huge bigint, ratio real, exact double precision, price numeric(10,2), wide numeric(38,10),
			free numeric, cash money, note text, code char(5), doc jsonb, payload jsonb, key uuid, raw bytea, day date, at timestamp, changed timestamptz, list int[], words text[], span interval, "odd name" text)`,
		`INSERT INTO kinds SELECT i, i % 2 = 0, i, i * 1000000007::bigint, i / 3.0, i / 7.0, i / 100.0, i * 1234567890.0123456789, i / 3.0, i / 100.0, E'note "' || i || E'"\n\\', 'c' || i,
			jsonb_build_object('n', i, 'a', jsonb_build_array(i, NULL, 'x')), jsonb_build_object('n', i, 's', 'ü' || i), md5(i::text)::uuid, decode(md5(i::text), 'hex'), date '1999-12-25' + i, timestamp '2024-02-28 23:59:59.999999' + i * interval '1 hour',
			timestamptz '2024-02-28 23:59:59.000001+02' + i * interval '1 minute', ARRAY[i, NULL, -i], ARRAY['a' || i, '', 'q"'], i * interval '1 day 01:02:03.5', 'o' || i FROM generate_series(1, 40) i`,
		`INSERT INTO kinds (id) VALUES (100)`,
		`INSERT INTO kinds (id, ratio, exact, price, day, at, changed, list) VALUES (101, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', 'infinity', '{{1,2},{3,4}}')`,
		`INSERT INTO kinds (id, ratio, exact, day, at, changed) VALUES (102, '-0', '1e-300', '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31 00:00:00+00')`,
		`CREATE TABLE growing (id int PRIMARY KEY, n smallint, amount numeric(8,2), ratio real)`,
		`INSERT INTO growing SELECT i, i, i / 4.0, i / 3.0 FROM generate_series(1, 20) i`,
		`CREATE TABLE pairs (a int, b text, n int)`,
		`ALTER TABLE pairs REPLICA IDENTITY FULL`,
		`INSERT INTO pairs VALUES (1, 'x', 1), (1, 'x', 1), (2, NULL, NULL)`,
	}, commands: [][]string{{"full-load"}, {"verify"}}},
	{source: []string{
		`UPDATE kinds SET note = repeat(md5(id::text), 2), price = price + 1 WHERE id % 3 = 0`,
		`UPDATE kinds SET id = id + 1000 WHERE id % 10 = 0`,
		`DELETE FROM kinds WHERE id % 7 = 0`,
		`INSERT INTO pairs VALUES (3, 'z', 3)`,
		`DELETE FROM pairs WHERE ctid = (SELECT min(ctid) FROM pairs WHERE a = 1)`,
		`UPDATE pairs SET n = 7 WHERE a = 2`,
		`ALTER TABLE growing ADD COLUMN late text`,
		`UPDATE growing SET late = 'x' WHERE id = 2`,
	}, commands: [][]string{{"cdc"}, {"views"}, {"verify", "--full"}}},
	{source: []string{
		`ALTER TABLE growing ALTER n TYPE bigint, ALTER amount TYPE numeric(20,4), ALTER ratio TYPE double precision`,
		`INSERT INTO growing VALUES (50, 5000000000, 1234567890123456.7891, 1.1, 'late')`,
		`UPDATE growing SET n = 6000000000 WHERE id = 1`,
		`ALTER TABLE kinds RENAME COLUMN "odd name" TO "other name"`,
		`INSERT INTO kinds (id, "other name") VALUES (2000, 'renamed')`,
	}, commands: [][]string{{"cdc"}, {"full-load", "--tables", "kinds"}, {"views"}, {"verify", "--full"}}},
	{source: []string{
		`TRUNCATE pairs`,
		`INSERT INTO pairs VALUES (9, 'nine', 9)`,
		`DELETE FROM growing WHERE id < 5`,
	}, commands: [][]string{{"cdc"}, {"full-load", "--tables", "growing"}, {"cdc"}, {"verify"}, {"verify", "--full"}}},
}

// recordScenario plays the scenario with the binary, a PostgreSQL and a local
// workspace of its own, and gives what the workspace's SQL warehouse was sent.
func recordScenario(ctx context.Context, binary, dir string) (_ script, err error) {
	if err := os.RemoveAll(dir); err != nil {
		return script{}, err
	}
	server, err := pgserver.Start(ctx, pgserver.Options{})
	if err != nil {
		return script{}, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, server.Stop(stop))
	}()
	if err := server.CreateDatabase(ctx, scenarioName); err != nil {
		return script{}, err
	}
	url := server.URL(scenarioName)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return script{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := chinook.Create(ctx, conn, 1); err != nil {
		return script{}, err
	}
	if err := playScenario(ctx, conn, binary, url, dir); err != nil {
		return script{}, err
	}
	log, err := os.ReadFile(filepath.Join(dir, "lakehouse", "statements.sql"))
	if err != nil {
		return script{}, err
	}
	s := script{name: scenarioName, catalog: scenarioCatalog, volumes: filepath.Join(dir, "lakehouse", "Volumes")}
	if s.events, err = parseLog(string(log)); err != nil {
		return script{}, err
	}
	// Schema and volume are made through Unity Catalog's API.
	s.events = append([]event{{SQL: "CREATE SCHEMA IF NOT EXISTS `" + scenarioCatalog + "`.`bronze`"}}, s.events...)
	s.accepted = true
	return s, nil
}

func playScenario(ctx context.Context, conn *pgx.Conn, binary, url, dir string) (err error) {
	w, err := lakehouse.Open(ctx, lakehouse.Options{Dir: filepath.Join(dir, "lakehouse"), Catalogs: []string{scenarioCatalog}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	file := filepath.Join(dir, "ingest.toml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return err
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "INGEST_SOURCE_URL=" + url,
		"INGEST_CATALOG=" + scenarioCatalog,
		"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_TOKEN=" + w.Token(), "DATABRICKS_WAREHOUSE_ID=" + w.WarehouseID()}
	for _, s := range scenario {
		for _, sql := range s.source {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%.200s: %w", sql, err)
			}
		}
		if _, err := chinook.Simulate(ctx, conn, 20, 10, 5, 1); err != nil {
			return err
		}
		for _, args := range slices.Concat(s.commands, reading) {
			if err := command(ctx, env, binary, append(args, "--config", file, "--quiet")...); err != nil {
				return err
			}
		}
	}
	return nil
}

func command(ctx context.Context, env []string, binary string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ingest %v: %w\n%s", args, err, out)
	}
	return nil
}
