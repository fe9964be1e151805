package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/ui"
)

// simulated is the command's result.
type simulated struct {
	Seed uint64 `json:"seed"`
	chinook.Summary
}

func newSimulate(a *app) *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use:   "simulate INSERTS UPDATES DELETES",
		Short: "Change random rows in a Chinook source",
		Long: `simulate inserts, updates and deletes the given numbers of rows in a source that has
the tables of the Chinook sample database, and lists them. Use it to try cdc and in
tests. Never run it on a database whose rows matter.`,
		Example: `  export INGEST_SOURCE_URL='postgres://localhost/chinook'
  ingest simulate 5 2 1`,
		Args: exactly("INSERTS", "UPDATES", "DELETES"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var counts [3]int
			for i, name := range []string{"INSERTS", "UPDATES", "DELETES"} {
				n, err := strconv.ParseUint(args[i], 10, 31)
				if err != nil {
					return failure.New(failure.Usage, "simulate: %s is %q, want a number of rows", name, args[i])
				}
				counts[i] = int(n)
			}
			if !cmd.Flags().Changed("seed") {
				seed = uint64(rand.Uint32())
			}
			return a.simulate(a.stop, counts, seed)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "random seed: the same seed makes the same changes to the same rows (default: random)")
	return cmd
}

func (a *app) simulate(ctx context.Context, counts [3]int, seed uint64) error {
	source, err := a.openSource(ctx)
	if err != nil {
		return err
	}
	conn, err := source.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	path := make([]string, len(a.config.Source.Schemas))
	for i, name := range a.config.Source.Schemas {
		path[i] = schema.QuotePostgres(name)
	}
	if _, err := conn.Exec(ctx, "SET search_path TO "+strings.Join(path, ", ")); err != nil {
		return postgres.Error("simulate: set search_path", err)
	}
	// Print what was committed before an error, too.
	summary, err := chinook.Simulate(ctx, conn, counts[0], counts[1], counts[2], seed)
	if err == nil || len(summary.Changes) > 0 {
		if printErr := printSimulated(a.ui, simulated{seed, summary}); printErr != nil && err == nil {
			err = printErr
		}
	}
	return failure.Wrap(failure.Source, err)
}

func printSimulated(out *ui.Output, s simulated) error {
	if out.Structured {
		return out.JSON(s)
	}
	var b strings.Builder
	for _, change := range s.Changes {
		fmt.Fprintln(&b, change)
	}
	fmt.Fprintf(&b, "%s inserted, %d updated, %d deleted (seed %d)", countOf(s.Inserted, "row"), s.Updated, s.Deleted, s.Seed)
	return out.Print("%s", b.String())
}
