//go:build cgo && linux

package tests

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	sdk "github.com/databricks/databricks-sdk-go/service/workspace"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
	"github.com/ingest-tool/ingest/tests/bundle"
)

// TestDeployment deploys the bundle's prod target to the local workspace, as `databricks bundle deploy` would, and runs its jobs:
// the tasks' parameters, the wrapper, the binary that the bundle builds, the service principal's OAuth and the secret scope.
func TestDeployment(t *testing.T) {
	d := deploy(t)
	d.run("ingest_job", "full_load_task")
	changes := d.change(1)
	d.run("ingest_job", "cdc_load_task")
	d.verify()
	if got, want := d.ops(changes[0].Table), changes[0].Op; !slices.Contains(got, "snapshot") || !slices.Contains(got, want) {
		t.Errorf("%s has rows of %v, want snapshot and %s", changes[0].Table, got, want)
	}

	d.change(2)
	wakeups := d.server.Wakeups()
	statements := len(d.server.Statements())
	d.run("stage_job", "stage_task")
	if d.server.Wakeups() != wakeups || len(d.server.Statements()) != statements {
		t.Error("stage_task used the warehouse")
	}
	d.run("load_job", "load_task")
	statements = len(d.server.Statements())
	d.run("check_job", "check_task")
	d.run("check_job", "status_task")
	d.run("load_job", "load_task") // nothing is waiting
	if len(d.server.Statements()) != statements {
		t.Error("looking around used the warehouse")
	}
	d.verify()
	d.run("prune_job", "prune_task")
	d.signedIn()
}

// TestDeployedFirstLoad loads the large tables by the rounds of a for-each task,
// some at the same time, and the others before and after them.
func TestDeployedFirstLoad(t *testing.T) {
	d := deploy(t)
	for _, task := range d.jobs["first_load_job"].Tasks {
		d.run("first_load_job", task.Key)
	}
	d.verify()
	d.signedIn()
}

// deployment is a deployed bundle, and its workspace.
type deployment struct {
	t      *testing.T
	server *lakehouse.Server
	source *pgx.Conn
	files  string // ${workspace.file_path}
	jobs   map[string]bundle.Job

	mu        sync.Mutex
	tokenUses []string // requests that came with the task's own token
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	t.Parallel()
	d := &deployment{t: t, files: filepath.Join(t.TempDir(), "files")}
	d.server = lakehousetest.Open(t,
		lakehouse.Options{Catalogs: []string{"prod_chinook_lakehouse"}, MemoryLimit: "512MB", Intercept: d.intercept})
	// Slots are named after the schema too, and are the whole server's.
	schema := "bronze_" + strings.ToLower(t.Name())
	b, err := bundle.Load("..", bundle.Options{Target: "prod", FilePath: d.files, Variables: map[string]string{
		"warehouse_id": d.server.WarehouseID(), "service_principal": d.server.ClientID(), "schema": schema,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if d.jobs, err = b.Jobs(); err != nil {
		t.Fatal(err)
	}
	d.build()
	d.sync(b)
	d.makeSource()
	return d
}

// build makes the artifact for this machine; the bundle's build makes the other
// architecture's in the same way.
func (d *deployment) build() {
	d.t.Helper()
	out, err := exec.Command("make", "-C", "..", "dist/ingest-linux-"+runtime.GOARCH).CombinedOutput()
	if err != nil {
		d.t.Fatalf("build the artifact: %v\n%s", err, out)
	}
}

// sync copies what the bundle synchronises. The workspace keeps no file's mode.
func (d *deployment) sync(b *bundle.Bundle) {
	d.t.Helper()
	out, err := exec.Command("git", "-C", "..", "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		d.t.Fatalf("list files: %v", err)
	}
	rules := b.Root["sync"].(map[string]any)
	names := strings.Fields(string(out))
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(rules["paths"].([]any), func(p any) bool { return within(name, p.(string)) })
	})
	for _, pattern := range rules["include"].([]any) {
		matches, err := filepath.Glob(filepath.Join("..", pattern.(string)))
		if err != nil {
			d.t.Fatal(err)
		}
		for _, m := range matches {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(m), "../"))
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(rules["exclude"].([]any), func(p any) bool { return within(name, p.(string)) }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			d.t.Fatal(err)
		}
		to := filepath.Join(d.files, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			d.t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
}

// within reports whether a path, or a directory above it, matches a pattern.
func within(name, pattern string) bool {
	for ; name != "."; name = path.Dir(name) {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// makeSource makes the source, and the secrets that lead to it and to the
// workspace.
func (d *deployment) makeSource() {
	d.t.Helper()
	ctx := d.t.Context()
	url := pgtest.NewDatabase(d.t)
	var err error
	if d.source, err = pgx.Connect(ctx, url); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = d.source.Close(context.Background()) })
	if err := chinook.Create(ctx, d.source, 1); err != nil {
		d.t.Fatal(err)
	}
	client, err := databricks.NewWorkspaceClient(&databricks.Config{
		Host: d.server.URL(), ClientID: d.server.ClientID(), ClientSecret: d.server.ClientSecret(), AuthType: "oauth-m2m",
	})
	if err != nil {
		d.t.Fatal(err)
	}
	const scope = "ingest_scope_prod"
	if err := client.Secrets.CreateScope(ctx, sdk.CreateScope{Scope: scope}); err != nil {
		d.t.Fatal(err)
	}
	for key, value := range map[string]string{"pg_connection_string": url, "client_secret": d.server.ClientSecret()} {
		if err := client.Secrets.PutSecret(ctx, sdk.PutSecret{Scope: scope, Key: key, StringValue: value}); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *deployment) change(seed uint64) []chinook.Change {
	d.t.Helper()
	s, err := chinook.Simulate(d.t.Context(), d.source, 20, 20, 10, seed)
	if err != nil {
		d.t.Fatal(err)
	}
	return s.Changes
}

// run runs a task as a job does, with the job's parameters; of a for-each task
// all rounds, as many at a time as it says.
func (d *deployment) run(job, key string) {
	d.t.Helper()
	j := d.jobs[job]
	i := slices.IndexFunc(j.Tasks, func(t bundle.Task) bool { return t.Key == key })
	if i < 0 {
		d.t.Fatalf("%s has no task %s", job, key)
	}
	var pairs []string
	for _, p := range j.Parameters {
		pairs = append(pairs, "{{job.parameters."+p.Name+"}}", p.Default)
	}
	task := j.Tasks[i]
	if task.ForEach == nil {
		if out, err := d.wrapper(task, pairs); err != nil {
			d.t.Fatalf("%s of %s: %v\n%s", key, job, err, out)
		}
		return
	}
	var inputs []string
	if err := json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(task.ForEach.Inputs)), &inputs); err != nil {
		d.t.Fatalf("%s: inputs: %v", key, err)
	}
	var group errgroup.Group
	group.SetLimit(task.ForEach.Concurrency)
	for _, input := range inputs {
		group.Go(func() error {
			out, err := d.wrapper(task.ForEach.Task, append(slices.Clone(pairs), "{{input}}", input))
			if err != nil {
				d.t.Errorf("%s for %s: %v\n%s", key, input, err, out)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// wrapper runs a task's Python file with its parameters, pairs replaced in them.
func (d *deployment) wrapper(task bundle.Task, pairs []string) (string, error) {
	args := []string{"-B", filepath.Join(d.files, "resources", task.Python.File)}
	for _, p := range task.Python.Parameters {
		args = append(args, strings.NewReplacer(pairs...).Replace(p))
	}
	modules, err := filepath.Abs(filepath.Join("..", "lakehouse", "runtime", "lib"))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", args...)
	home := d.t.TempDir()
	cmd.Dir = home
	profile := "[DEFAULT]\nhost = " + d.server.URL() + "\ntoken = " + d.server.Token() + "\n"
	if err := os.WriteFile(filepath.Join(home, ".databrickscfg"), []byte(profile), 0o600); err != nil {
		return "", err
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PYTHONPATH=" + modules}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ask runs another command of ingest in the place of the one of cdc_load_task.
func (d *deployment) ask(command ...string) string {
	d.t.Helper()
	job := d.jobs["ingest_job"]
	task := job.Tasks[slices.IndexFunc(job.Tasks, func(t bundle.Task) bool { return t.Key == "cdc_load_task" })]
	task.Python.Parameters = append(slices.Clone(task.Python.Parameters[:len(task.Python.Parameters)-1]), command...)
	out, err := d.wrapper(task, nil)
	if err != nil {
		d.t.Fatalf("ingest %s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return out
}

// verify compares every cell of both ends.
func (d *deployment) verify() {
	d.t.Helper()
	d.ask("verify", "--full")
}

// ops are the operations in a bronze table.
func (d *deployment) ops(table string) []string {
	d.t.Helper()
	out := d.ask("sql", "--output", "json", "--quiet", "SELECT DISTINCT _op FROM "+table+" ORDER BY _op")
	var answer struct {
		Rows []struct {
			Op string `json:"_op"`
		} `json:"rows"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		d.t.Fatalf("%v\n%s", err, out)
	}
	var ops []string
	for _, row := range answer.Rows {
		ops = append(ops, row.Op)
	}
	return ops
}

// intercept notes the requests that came with the task's own token.
func (d *deployment) intercept(_ int64, r *http.Request) *lakehouse.Fault {
	if r.Header.Get("Authorization") == "Bearer "+d.server.Token() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tokenUses = append(d.tokenUses, r.URL.Path)
	}
	return nil
}

// signedIn checks that ingest signed in as the service principal: the task's own token was used only to read the secret.
func (d *deployment) signedIn() {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.tokenUses) == 0 {
		d.t.Error("the secret was not asked for")
	}
	for _, path := range d.tokenUses {
		if path != "/api/2.0/secrets/get" {
			d.t.Errorf("%s was asked for with the task's own token", path)
		}
	}
}
