//go:build cgo

package lakehouse

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	runsDir    = "runs"
	runtimeDir = "runtime"
	outputFile = "output.txt"
	// taskGrace is how long a task that is asked to end may take.
	taskGrace = 30 * time.Second
)

// runtimeFiles are what a task finds beside its own files.
//
//go:embed runtime
var runtimeFiles embed.FS

// workspaceFile finds paths of the workspace's files and volumes in a task's
// parameter: at its beginning, or behind an equals sign, a comma or a quote.
var workspaceFile = regexp.MustCompile(`(^|[=,"' ])(/(?:Workspace|Volumes)/)`)

// localPaths replaces the paths in a parameter by paths on this machine. In a Databricks workspace, /Workspace and /Volumes are
// directories of every machine; here they are below the workspace's directory.
func (b taskRunner) localPaths(text string) string {
	return workspaceFile.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.IndexByte(found, '/')
		return found[:at] + b.dir + found[at:]
	})
}

// command is what a task runs: its file and its parameters.
func (b taskRunner) command(t *taskRun) (file string, args []string, err error) {
	p := t.settings.Python
	switch {
	case p == nil:
		return "", nil, badParameter("The local workspace runs spark_python_task, and for_each_task of it, and no other type of task.")
	case p.Source == "GIT" || !strings.HasPrefix(p.File, "/"):
		return "", nil,
			badParameter("python_file %s: the local workspace runs files of the workspace, whose path begins with /Workspace.", p.File)
	}
	for _, e := range t.run.settings.Environments {
		if e.Key == t.settings.Environment && len(e.Spec.Dependencies) > 0 {
			return "", nil, badParameter("The environment %s has dependencies: the local workspace installs none.", e.Key)
		}
	}
	place, err := parseWorkspacePath(p.File)
	if err != nil {
		return "", nil, err
	}
	if info, err := b.store.root.Stat(place.local()); err != nil || !info.Mode().IsRegular() {
		return "", nil, badParameter("Cannot read the python file %s. Please check driver logs for more details.", p.File)
	}
	parameters := p.Parameters
	if t.run.overrides != nil {
		parameters = t.run.overrides
	}
	for _, text := range parameters {
		value, err := b.resolve(t, text)
		if err != nil {
			return "", nil, err
		}
		args = append(args, b.localPaths(value))
	}
	return filepath.Join(b.dir, filepath.FromSlash(place.local())), args, nil
}

// runPython runs a Python task as a process of this machine and waits for it. If ctx ends, it asks the process to end and kills
// it after a while.
func (b taskRunner) runPython(ctx context.Context, t *taskRun) error {
	file, args, err := b.command(t)
	if err != nil {
		return err
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return badParameter("There is no python3 on this machine: %v", err)
	}
	home, err := b.makeHome(t)
	if err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(home); err != nil {
			b.log.Warn("remove a task's home", "error", err)
		}
	}()
	dir := filepath.Join(b.dir, t.dir())
	output, err := os.OpenFile(filepath.Join(dir, outputFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	runtime := filepath.Join(b.dir, runsDir, runtimeDir)
	failure := filepath.Join(dir, "failure.json")
	args = append([]string{"-B", "-u", filepath.Join(runtime, "start.py"), failure, filepath.Join(runtime, "lib"), file}, args...)
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = home, output, output
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8"}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = taskGrace
	inGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the task: %w", err)
	}
	err = cmd.Wait()
	endGroup(cmd)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.Join(b.failed(t, failure, err))
}

// makeHome makes the directory that a task runs in, which holds its sign-in.
func (b taskRunner) makeHome(t *taskRun) (string, error) {
	home := filepath.Join(b.dir, t.dir(), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", err
	}
	profile := fmt.Sprintf("[DEFAULT]\nhost = %s\ntoken = %s\n", b.url(), b.token(t.run.job.runAs()))
	return home, os.WriteFile(filepath.Join(home, ".databrickscfg"), []byte(profile), 0o600)
}

// failed keeps the error with which a task ended.
func (b taskRunner) failed(t *taskRun, file string, err error) error {
	if err == nil {
		return nil
	}
	var kept struct{ Error, Trace string }
	text, readErr := os.ReadFile(file)
	switch {
	case readErr == nil:
		if err := json.Unmarshal(text, &kept); err != nil {
			return err
		}
	case errors.Is(readErr, fs.ErrNotExist):
		kept.Error = "The task's process ended: " + err.Error()
	default:
		return readErr
	}
	b.mu.Lock()
	t.failure, t.trace = kept.Error, kept.Trace
	b.mu.Unlock()
	return errors.New("Workload failed, see run output for details") //nolint:staticcheck // it is the API's message
}
