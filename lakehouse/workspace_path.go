//go:build cgo

package lakehouse

import (
	"path"
	"strings"
)

// workspaceDir is the tree of workspace files in the store. They are ordinary files, so that a job's task can have their paths.
const workspaceDir = "Workspace"

// workspacePath is a place among the workspace's files: the names below its
// root, none for the root itself.
type workspacePath []string

// parseWorkspacePath reads /Users/… or /Workspace/Users/…, which are the same
// place. "." and "..", empty segments and NUL are refused.
func parseWorkspacePath(text string) (workspacePath, error) {
	rest, ok := strings.CutPrefix(text, "/")
	if !ok {
		return nil, badParameter("Path (%s) doesn't start with '/'", text)
	}
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return nil, nil
	}
	names := strings.Split(rest, "/")
	for _, name := range names {
		if fault := nameFault(name); fault != "" {
			return nil, badParameter("Path (%s) is not valid: %s", text, fault)
		}
	}
	if names[0] == workspaceDir {
		names = names[1:]
	}
	return names, nil
}

// String is the path as the API shows it, without /Workspace.
func (p workspacePath) String() string { return "/" + strings.Join(p, "/") }

// local is where p is in the store.
func (p workspacePath) local() string { return path.Join(workspaceDir, path.Join(p...)) }

// child is a place in the directory p.
func (p workspacePath) child(name string) workspacePath {
	return append(append(workspacePath{}, p...), name)
}

// fixed reports whether the path always exists: the root, the homes, and the directories above them.
func (p workspacePath) fixed() bool {
	return len(p) < 2 || len(p) == 2 && p[0] == "Users"
}
