//go:build unix

package stage_test

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
