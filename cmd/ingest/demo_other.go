//go:build !unix

package main

import (
	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/failure"
)

func newDemo(*app) *cobra.Command {
	return &cobra.Command{
		Use:         "demo",
		Short:       "Run a complete example on this machine",
		Annotations: withoutConfig(),
		RunE: func(*cobra.Command, []string) error {
			return failure.New(failure.Usage, "demo needs a Unix system: it starts a private PostgreSQL")
		},
	}
}
