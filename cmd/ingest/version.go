package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker in a release: -ldflags "-X main.version=1.2.3".
var version string

// build describes this binary.
type build struct {
	Version        string `json:"version"`
	Commit         string `json:"commit"` // empty if it was built outside of a checkout
	Modified       bool   `json:"modified"`
	Go             string `json:"go"`
	Platform       string `json:"platform"`
	LocalWorkspace bool   `json:"local_workspace"`
}

func buildOf() build {
	b := build{
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		LocalWorkspace: localWorkspace,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.read(info)
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

func (b *build) read(info *debug.BuildInfo) {
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
}

// String returns the text form.
func (b build) String() string {
	commit := "unknown"
	if b.Commit != "" {
		commit = b.Commit[:min(12, len(b.Commit))]
	}
	if b.Modified {
		commit += ", modified"
	}
	local := "not built in"
	if b.LocalWorkspace {
		local = "built in"
	}
	return fmt.Sprintf("ingest %s\ncommit: %s\ngo: %s\nplatform: %s\nlocal workspace: %s", b.Version, commit, b.Go, b.Platform, local)
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Print version and build",
		Example:     "  ingest version --output json",
		Annotations: withoutConfig(),
		Args:        exactly(),
		RunE: func(*cobra.Command, []string) error {
			if a.ui.Structured {
				return a.ui.JSON(buildOf())
			}
			return a.ui.Print("%v", buildOf())
		},
	}
}
