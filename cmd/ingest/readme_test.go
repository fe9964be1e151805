//go:build cgo && unix

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	stepConfigure = regexp.MustCompile(`(?s)3\. \*\*Configure\.\*\*.*?\n\n(.*?)\n\n`)
	stepRun       = regexp.MustCompile(`(?s)4\. \*\*Run\.\*\*\n\n(.*?)\n\n`)
)

// commandsOf are the commands of a block, without comments, with lines that go on joined.
func commandsOf(t *testing.T, readme string, block *regexp.Regexp) (commands []string) {
	t.Helper()
	m := block.FindStringSubmatch(readme)
	if m == nil {
		t.Fatalf("README.md has no %v", block)
	}
	for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
		command, _, _ := strings.Cut(line, "  #")
		commands = append(commands, strings.TrimSpace(command))
	}
	return commands
}

// The quick start of README.md, followed to the letter: check is green, and each command of a run
// works. Only addresses, and names that the server's other tests share, are replaced.
func TestReadmeQuickStart(t *testing.T) {
	contents, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(contents)
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	role := "readme_" + b.database()
	t.Cleanup(func() { b.dropRole(role) })
	delete(b.env, "INGEST_SOURCE_URL")
	delete(b.env, "INGEST_CATALOG")
	delete(b.env, "DATABRICKS_HOST")
	replace := strings.NewReplacer("postgres://postgres@db.example.com:5432/chinook", b.url,
		"https://adb-1234567890123456.7.azuredatabricks.net",
		b.server.URL(), "--role ingest", "--role "+role, "password ingest", "password "+role, "'", "")
	commands := commandsOf(t, readme, stepConfigure)
	if len(commands) != 3 {
		t.Fatalf("%q", commands)
	}
	for _, command := range commands {
		args := strings.Fields(replace.Replace(command))
		switch {
		case args[0] == "ingest":
			stdout, _ := b.works(args[1 : len(args)-2]...)
			if err := os.WriteFile(args[len(args)-1], []byte(stdout), 0o600); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(command, `\password`): // which asks
			b.asRole(role)
			b.env["INGEST_SOURCE_URL"] = ""
			t.Setenv("PGPASSWORD", "hunter2SECRET")
		default:
			if out, err := exec.Command(args[0], append([]string{"-X", "-v", "ON_ERROR_STOP=1"}, args[1:]...)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
		}
	}
	ran := 0
	for _, command := range commandsOf(t, readme, stepRun) {
		if strings.Contains(command, "--probe") { // which asks, too
			continue
		}
		b.works(strings.Fields(command)[1:]...)
		ran++
	}
	if ran < 6 {
		t.Errorf("%d commands ran", ran)
	}
	b.works("drop", "--yes")
}
