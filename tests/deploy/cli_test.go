//go:build cgo && linux && databrickscli

package deploy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// commandLimit is how long one command of the CLI may take.
const commandLimit = 5 * time.Minute

// cli is the Databricks CLI, signed in to a local workspace, in a copy of the
// project that it deploys.
type cli struct {
	t       *testing.T
	path    string
	project string
	home    string
	server  *lakehouse.Server
	env     []string
}

// open starts a workspace and finds the CLI.
func open(t *testing.T, catalog string) *cli {
	t.Helper()
	name := os.Getenv("DATABRICKS_CLI")
	if name == "" {
		name = "databricks"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the Databricks CLI is not here: %v\nInstall it, or name it by DATABRICKS_CLI=/path/to/databricks", err)
	}
	server := lakehousetest.Open(t, lakehouse.Options{Catalogs: []string{catalog}, MemoryLimit: "512MB"})
	c := &cli{t: t, path: path, project: t.TempDir(), home: t.TempDir(), server: server}
	c.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "GOFLAGS=-buildvcs=false", "DATABRICKS_HOST=" + server.URL(),
		"DATABRICKS_BUNDLE_ENGINE=direct", "BUNDLE_VAR_warehouse_id=" + server.WarehouseID(),
	}
	version := c.run("version")
	t.Log(strings.TrimSpace(version))
	return c
}

// signIn sets the user of the CLI: the person, or the service principal.
func (c *cli) signIn(principal bool) {
	if principal {
		c.env = append(c.env, "DATABRICKS_AUTH_TYPE=oauth-m2m", "DATABRICKS_CLIENT_ID="+c.server.ClientID(),
			"DATABRICKS_CLIENT_SECRET="+c.server.ClientSecret())
		return
	}
	c.env = append(c.env, "DATABRICKS_AUTH_TYPE=pat", "DATABRICKS_TOKEN="+c.server.Token())
}

// try runs a command, and gives both of its outputs together.
func (c *cli) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir, cmd.Env = c.project, c.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run runs a command that must succeed.
func (c *cli) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("databricks %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// says runs a command whose output must hold all of these texts.
func (c *cli) says(command string, want ...string) {
	c.t.Helper()
	out := c.run(strings.Fields(command)...)
	for _, text := range want {
		if !strings.Contains(out, text) {
			c.t.Errorf("databricks %s does not say %q:\n%s", command, text, out)
		}
	}
}

// copyProject lays the project out as a clone has it, with the binary built for
// this machine. The other architecture's is not run here, and not built.
func (c *cli) copyProject() {
	c.t.Helper()
	root := filepath.Join("..", "..")
	if out, err := exec.Command("make", "-C", root, "dist/ingest-linux-"+runtime.GOARCH).CombinedOutput(); err != nil {
		c.t.Fatalf("build the artifact: %v\n%s", err, out)
	}
	list, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range strings.Fields(string(list)) {
		if within := strings.HasPrefix(name, "resources/"); within || name == "databricks.yml" || name == "Makefile" ||
			name == "go.mod" || name == "go.sum" {
			c.copy(filepath.Join(root, name), name)
		}
	}
	for _, arch := range []string{"amd64", "arm64"} { // last, so that make finds them newer than what they are made of
		c.copy(filepath.Join(root, "dist", "ingest-linux-"+runtime.GOARCH), "dist/ingest-linux-"+arch)
	}
}

func (c *cli) copy(from, to string) {
	c.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		c.t.Fatal(err)
	}
	to = filepath.Join(c.project, to)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// source makes a database with the sample's tables.
func source(t *testing.T) (*pgx.Conn, string) {
	t.Helper()
	url := pgtest.NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if err := chinook.Create(t.Context(), conn, 1); err != nil {
		t.Fatal(err)
	}
	return conn, url
}

// rows counts a table's rows with some operation, by the CLI.
func (c *cli) rows(table, op string) int {
	c.t.Helper()
	out := c.run("api", "post", "/api/2.0/sql/statements", "--json", fmt.Sprintf(
		`{"warehouse_id": %q, "statement": "SELECT count(*) FROM %s WHERE _op = :op", "parameters": [{"name": "op", "value": %q}]}`,
		c.server.WarehouseID(), table, op))
	_, cell, _ := strings.Cut(strings.Join(strings.Fields(out), ""), `"data_array":[["`)
	var n int
	if _, err := fmt.Sscanf(cell, "%d", &n); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	return n
}

// TestDeploymentByTheCLI deploys prod as its service principal does: validate,
// deploy, plan, run, and a run that is cancelled.
func TestDeploymentByTheCLI(t *testing.T) {
	const catalog, schema = "prod_chinook_lakehouse", "bronze_cli"
	c := open(t, catalog)
	c.signIn(true)
	c.env = append(c.env, "BUNDLE_VAR_service_principal="+c.server.ClientID(), "BUNDLE_VAR_schema="+schema, "DATABRICKS_BUNDLE_TARGET=prod")
	c.copyProject()
	conn, url := source(t)

	c.says("bundle validate --strict", "Validation OK!")
	c.run("secrets", "create-scope", "ingest_scope_prod")
	c.run("secrets", "put-secret", "ingest_scope_prod", "pg_connection_string", "--string-value", url)
	c.run("secrets", "put-secret", "ingest_scope_prod", "client_secret", "--string-value", c.server.ClientSecret())
	c.says("bundle deploy", "18 created, 0 changed, 0 deleted") // seven jobs and the dashboard with their permissions, schema and volume
	c.says("bundle plan", "0 to add, 0 to change, 0 to delete")
	c.says("bundle summary", "ingest_job", "Path: /Workspace/Users/"+c.server.ClientID())

	wakeups := c.server.Wakeups()
	c.says("bundle run check_job --only check_task", "SUCCESS")
	if c.server.Wakeups() != wakeups {
		t.Error("check_task woke the warehouse")
	}
	c.says("bundle run first_load_job", "SUCCESS", "load_task")
	artists := c.rows(catalog+"."+schema+".artist", "snapshot")
	if artists == 0 {
		t.Error("no artist was loaded")
	}
	changes, err := chinook.Simulate(t.Context(), conn, 20, 20, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	c.says("bundle run ingest_job", "SUCCESS", "full_load_task", "cdc_load_task")
	first := changes.Changes[0]
	if c.rows(catalog+"."+schema+"."+first.Table, first.Op) == 0 {
		t.Errorf("%s has no %s", first.Table, first.Op)
	}
	c.says("bundle run check_job --only status_task", "artist")
	c.cancels()
	c.fails()

	c.says("bundle deploy", "18 unchanged")
	c.says("fs ls dbfs:/Volumes/"+catalog+"/"+schema+"/ingest", "default") // the pipeline
	c.destroys(catalog + "." + schema)
	if c.rows(catalog+"."+schema+".artist", "snapshot") != artists {
		t.Error("destroy took rows along")
	}
}

// destroys removes the deployment: prevent_destroy keeps it whole as long as
// schema and volume are its own.
func (c *cli) destroys(schema string) {
	c.t.Helper()
	if out, err := c.try("bundle", "destroy", "--auto-approve"); err == nil || !strings.Contains(out, "prevent_destroy") {
		c.t.Errorf("destroy: %v\n%s", err, out)
	}
	c.run("bundle", "deployment", "unbind", "ingest_volume")
	c.run("bundle", "deployment", "unbind", "bronze_schema")
	c.says("bundle destroy --auto-approve", "deleted")
	if out := c.run("jobs", "list"); strings.TrimSpace(out) != "" {
		c.t.Errorf("jobs are left:\n%s", out)
	}
	c.run("bundle", "deployment", "bind", "bronze_schema", schema, "--auto-approve")
	c.run("bundle", "deployment", "bind", "ingest_volume", schema+".ingest", "--auto-approve")
	c.says("bundle deploy", "0 deleted, 2 unchanged")
}

// cancels runs continuous_job, cancels it while it follows, and runs it again.
func (c *cli) cancels() {
	c.t.Helper()
	c.run("bundle", "run", "continuous_job", "--no-wait")
	job := c.jobID("ingest prod continuous")
	deadline := time.Now().Add(2 * time.Minute)
	for !strings.Contains(c.run("jobs", "list-runs", "--job-id", job, "--active-only", "--output", "json"), `"RUNNING"`) {
		if time.Now().After(deadline) {
			c.t.Fatal("continuous_job does not run")
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.run("jobs", "cancel-all-runs", "--job-id", job)
	for strings.Contains(c.run("jobs", "list-runs", "--job-id", job, "--active-only", "--output", "json"), `"run_id"`) {
		if time.Now().After(deadline) {
			c.t.Fatal("continuous_job does not end")
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.says("jobs list-runs --job-id "+job, "CANCELED")
	// Nothing of it is left: the next run gets the pipeline.
	c.says("bundle run ingest_job --only cdc_load_task", "SUCCESS")
}

func (c *cli) jobID(name string) string {
	c.t.Helper()
	for line := range strings.Lines(c.run("jobs", "list")) {
		if id, rest, _ := strings.Cut(strings.TrimSpace(line), " "); strings.TrimSpace(rest) == name {
			return id
		}
	}
	c.t.Fatalf("there is no job %s", name)
	return ""
}

// fails runs a task that fails: the CLI shows the wrapper's error, which has the
// code, its meaning and the end of the output.
func (c *cli) fails() {
	c.t.Helper()
	out, err := c.try("bundle", "run", "ingest_job", "--only", "full_load_task", "--params", "tables=none_such")
	if err == nil || !strings.Contains(out, "IngestError: ingest full-load ended with exit code") || !strings.Contains(out, "none_such") {
		c.t.Errorf("a task that fails: %v\n%s", err, out)
	}
}

// TestSetupByTheCLI prepares prod with scripts/setup-databricks, as a user with the rights for it. It lets the bundle take over
// schema and volume, and deploys as the service principal.
func TestSetupByTheCLI(t *testing.T) {
	c := open(t, "prod_chinook_lakehouse")
	c.copyProject()
	c.copy(filepath.Join("..", "..", "scripts", "setup-databricks"), "scripts/setup-databricks")
	tools := t.TempDir()
	if err := os.Symlink(c.path, filepath.Join(tools, "databricks")); err != nil {
		t.Fatal(err)
	}
	env := c.env
	c.signIn(false)
	for range 2 { // the second time everything is there
		cmd := exec.CommandContext(t.Context(), "sh", "scripts/setup-databricks",
			"--target", "prod", "--service-principal", c.server.ClientID(), "--warehouse", c.server.WarehouseID())
		cmd.Dir, cmd.Env = c.project, append(c.env, "PATH="+tools+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("setup-databricks: %v\n%s", err, out)
		}
	}
	c.says("secrets list-acls ingest_scope_prod", c.server.ClientID(), "READ")
	c.env = append(env, "BUNDLE_VAR_service_principal="+c.server.ClientID(), "DATABRICKS_BUNDLE_TARGET=prod")
	c.signIn(true)
	if out, err := c.try("bundle", "deploy"); err == nil || !strings.Contains(out, "already exists") {
		t.Errorf("a schema that somebody else made was taken over: %v\n%s", err, out)
	}
	c.run("bundle", "deployment", "bind", "bronze_schema", "prod_chinook_lakehouse.bronze", "--auto-approve")
	c.run("bundle", "deployment", "bind", "ingest_volume", "prod_chinook_lakehouse.bronze.ingest", "--auto-approve")
	c.says("bundle deploy", "0 deleted")
	c.says("bundle plan", "0 to add, 0 to change, 0 to delete")
}

// TestCommandsOfTheCLI runs commands that inspect the workspace.
func TestCommandsOfTheCLI(t *testing.T) {
	c := open(t, "dev_chinook_lakehouse")
	c.signIn(false)
	c.says("current-user me", "local@localhost")
	c.says("catalogs list", "dev_chinook_lakehouse")
	c.run("schemas", "create", "bronze", "dev_chinook_lakehouse", "--comment", "made by hand")
	c.says("schemas list dev_chinook_lakehouse", "bronze", "made by hand")
	c.run("volumes", "create", "dev_chinook_lakehouse", "bronze", "v", "MANAGED", "--comment", "some files")
	c.says("volumes list dev_chinook_lakehouse bronze", "v", "MANAGED")
	c.says("volumes read dev_chinook_lakehouse.bronze.v", "some files")
	c.says("warehouses list", c.server.WarehouseID())
	c.run("api", "post", "/api/2.0/sql/statements", "--json", fmt.Sprintf(
		`{"warehouse_id": %q, "statement": "CREATE TABLE dev_chinook_lakehouse.bronze.t (i INT)"}`, c.server.WarehouseID()))
	c.says("tables list dev_chinook_lakehouse bronze", "dev_chinook_lakehouse.bronze.t")
	c.says("grants get-effective schema dev_chinook_lakehouse.bronze", "ALL_PRIVILEGES")

	if err := os.WriteFile(filepath.Join(c.project, "file.txt"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	const volume = "dbfs:/Volumes/dev_chinook_lakehouse/bronze/v"
	c.run("fs", "mkdir", volume+"/d")
	c.run("fs", "cp", "file.txt", volume+"/d/")
	c.says("fs ls "+volume+"/d", "file.txt")
	c.says("fs cat "+volume+"/d/file.txt", "text")
	c.run("fs", "rm", "-r", volume+"/d")
	if out, err := c.try("fs", "ls", volume+"/d"); err == nil {
		t.Errorf("a removed directory is listed:\n%s", out)
	}

	c.run("workspace", "mkdirs", "/Users/local@localhost/d")
	c.run("workspace", "import", "/Users/local@localhost/d/file.txt", "--file", "file.txt", "--format", "AUTO")
	c.says("workspace list /Users/local@localhost/d", "FILE", "/Users/local@localhost/d/file.txt")
	c.says("workspace export /Users/local@localhost/d/file.txt", "text")
	c.run("workspace", "delete", "/Users/local@localhost/d", "--recursive")

	c.run("secrets", "create-scope", "s")
	c.run("secrets", "put-secret", "s", "k", "--string-value", "v")
	c.says("secrets list-scopes", "s", "DATABRICKS")
	c.says("secrets list-secrets s", "k")
	c.says("secrets get-secret s k", "dg==")
	if out := c.run("jobs", "list"); strings.TrimSpace(out) != "" {
		t.Errorf("jobs: %s", out)
	}
}
