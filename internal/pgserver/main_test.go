//go:build unix

package pgserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
)

// childEnv makes the test binary a program that starts a server: a process can only be killed from outside.
const childEnv = "PGSERVER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runChild()
		return
	}
	os.Exit(m.Run())
}

// runChild starts a server, says where it is, and stops it when standard input ends.
func runChild() {
	ctx := context.Background()
	server, err := Start(ctx, Options{})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(server.PID(), server.Port(), server.home.dir)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Println("error:", err)
	}
	if err := server.Stop(ctx); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}
