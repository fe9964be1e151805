//go:build cgo && linux && databrickscli

package deploy

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestTemplateByTheCLI makes a bundle from resources/template, deploys a release with it that lies in a
// directory, and runs a job of it.
func TestTemplateByTheCLI(t *testing.T) {
	c := open(t, "lake")
	c.signIn(false)
	_, url := source(t)
	releases := c.release()
	answers := filepath.Join(c.home, "answers.json")
	given := fmt.Appendf(nil, `{"project_name": "shop", "dev_catalog": "lake", "warehouse_id": %q}`, c.server.WarehouseID())
	if err := os.WriteFile(answers, given, 0o600); err != nil {
		t.Fatal(err)
	}
	template, err := filepath.Abs(filepath.Join("..", "..", "resources", "template"))
	if err != nil {
		t.Fatal(err)
	}
	c.run("bundle", "init", template, "--output-dir", c.project, "--config-file", answers)

	c.project = filepath.Join(c.project, "shop")
	c.env = append(c.env, "RELEASES=file://"+releases)
	fetch := exec.CommandContext(t.Context(), "scripts/fetch-release", "latest")
	fetch.Dir, fetch.Env = c.project, c.env
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("fetch-release: %v\n%s", err, out)
	}
	c.says("bundle validate --strict", "Validation OK!")
	c.run("secrets", "create-scope", "shop_dev")
	c.run("secrets", "put-secret", "shop_dev", "pg_connection_string", "--string-value", url)
	c.says("bundle deploy", "0 changed, 0 deleted")
	c.says("bundle plan", "0 to add, 0 to change, 0 to delete")
	c.says("bundle run ingest_job --only full_load_task", "SUCCESS")
	if c.rows("lake.bronze.artist", "snapshot") == 0 {
		t.Error("no artist was loaded")
	}
}

// release lays a release out in a directory, as its download has it: the binary of this machine under the names
// of both.
func (c *cli) release() string {
	c.t.Helper()
	root := filepath.Join("..", "..")
	if out, err := exec.Command("make", "-C", root, "dist/ingest-linux-"+runtime.GOARCH).CombinedOutput(); err != nil {
		c.t.Fatalf("build the binary: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(root, "dist", "ingest-linux-"+runtime.GOARCH))
	if err != nil {
		c.t.Fatal(err)
	}
	dir := c.t.TempDir()
	latest := filepath.Join(dir, "latest", "download")
	if err := os.MkdirAll(latest, 0o755); err != nil {
		c.t.Fatal(err)
	}
	var sums []byte
	for _, name := range []string{"ingest-linux-amd64", "ingest-linux-arm64"} {
		sums = fmt.Appendf(sums, "%x  %s\n", sha256.Sum256(binary), name)
		if err := os.WriteFile(filepath.Join(latest, name), binary, 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(latest, "SHA256SUMS"), sums, 0o644); err != nil {
		c.t.Fatal(err)
	}
	return dir
}
