package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// A line of a unit, a script or a page that runs ingest, and a call of it in Python.
var (
	runsIngest   = regexp.MustCompile(`(?m)^(?:ExecStart=|\s*(?:run: )?)(?:/usr/bin/|bin/)?ingest +([a-z-]+(?: .*)?)$`)
	saysIngest   = regexp.MustCompile("`ingest ([a-z-]+[^`]*)`")
	dockerIngest = regexp.MustCompile(`(?m)^\s*docker (?:compose )?run .*\bingest(?::\w+)? (.*)$`)
	pythonIngest = regexp.MustCompile(`\brun\((".*")\)`)
)

// TestExamplesRunKnownCommands: each command of ingest in resources/examples, and on the page that explains
// them, has a command, flags and arguments that this program takes.
func TestExamplesRunKnownCommands(t *testing.T) {
	t.Parallel()
	known := map[string]int{} // commands by the file's first folder
	err := filepath.WalkDir("../../resources/examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		commands := commandsIn(t, path)
		for _, command := range commands {
			checkCommand(t, path, command)
		}
		folder, _, _ := strings.Cut(strings.TrimPrefix(path, "../../resources/examples/"), "/")
		known[folder] += len(commands)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"systemd", "kubernetes", "compose", "airflow", "github-actions"} {
		if known[folder] == 0 {
			t.Errorf("no command was found in resources/examples/%s", folder)
		}
	}
	page := commandsIn(t, "../../docs/run-anywhere.md")
	for _, command := range page {
		checkCommand(t, "docs/run-anywhere.md", command)
	}
	if len(page) < 5 {
		t.Errorf("%d commands were found in docs/run-anywhere.md", len(page))
	}
}

// commandsIn returns the arguments of each run of ingest in a file.
func commandsIn(t *testing.T, path string) (commands [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	patterns := []*regexp.Regexp{runsIngest, saysIngest, dockerIngest}
	if filepath.Ext(path) == ".py" {
		patterns = []*regexp.Regexp{pythonIngest}
	}
	for _, pattern := range patterns {
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			command, _, _ := strings.Cut(m[1], " #")
			command, _, _ = strings.Cut(command, " || ")
			commands = append(commands, strings.Fields(strings.NewReplacer(`"`, "", ",", " ").Replace(command)))
		}
	}
	if filepath.Ext(path) == ".yaml" {
		documents := yaml.NewDecoder(strings.NewReader(string(text)))
		for {
			var tree any
			if err := documents.Decode(&tree); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			commands = append(commands, argumentsIn(tree)...)
		}
	}
	return commands
}

// argumentsIn returns the lists that containers have as args or command.
func argumentsIn(tree any) (commands [][]string) {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			list, ok := value.([]any)
			if !ok || key != "args" && key != "command" {
				commands = append(commands, argumentsIn(value)...)
				continue
			}
			var command []string
			for _, item := range list {
				command = append(command, item.(string))
			}
			commands = append(commands, command)
		}
	case []any:
		for _, item := range tree {
			commands = append(commands, argumentsIn(item)...)
		}
	}
	return commands
}

// checkCommand parses a command line as a run does.
func checkCommand(t *testing.T, path string, arguments []string) {
	t.Helper()
	root := newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context()))
	cmd, rest, err := root.Find(arguments)
	if err == nil && cmd == root && !strings.HasPrefix(arguments[0], "-") {
		t.Errorf("%s: ingest %s: there is no such command", path, strings.Join(arguments, " "))
		return
	}
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil && cmd.Args != nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s: ingest %s: %v", path, strings.Join(arguments, " "), err)
	}
}
