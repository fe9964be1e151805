//go:build cgo && unix

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// TestVerifySample: the verdict names the sample, and its seed repeats it. A table without a key is not verified. A value that is
// not a percentage is refused.
func TestVerifySample(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE keyed (id int PRIMARY KEY, body text)`,
		`INSERT INTO keyed SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i`, `CREATE TABLE loose (id int)`)
	b.works("full-load")
	stdout, _ := b.fails(failure.Tables, "1 of 2 tables could not be verified", "", "verify", "--sample", "10%")
	seed := regexp.MustCompile(`sample seed (\d+)`).FindStringSubmatch(stdout)
	if seed == nil || !strings.Contains(stdout, "sample of 10% by key ranges: equal") ||
		!strings.Contains(stdout, "it has no key to take a sample by") {
		t.Fatalf("%s\nwant a sample, its seed, and why there is none of the other table", stdout)
	}
	var again, other replicate.VerifyReport
	for _, r := range []struct {
		to   *replicate.VerifyReport
		seed string
	}{{&again, seed[1]}, {&other, seed[1] + "1"}} {
		stdout, _ := b.works("verify", "--sample", "10%", "--sample-seed", r.seed, "--tables", "keyed", "--output", "json")
		if err := json.Unmarshal([]byte(stdout), r.to); err != nil {
			t.Fatal(err)
		}
	}
	sampled := again.Tables[0]
	if sampled.Verdict != "sample of 10% by key ranges: equal" || sampled.SourceRows >= 1000 ||
		fmt.Sprint(sampled.Sample.Seed) != seed[1] || sampled.Sample.Percent != 10 {
		t.Errorf("%+v, %+v", sampled, sampled.Sample)
	}
	if other.Tables[0].Sample.Seed == sampled.Sample.Seed {
		t.Errorf("seed %d twice", sampled.Sample.Seed)
	}
	for _, percent := range []string{"0%", "0", "100.5%", "1", "-1%", "all", ""} {
		b.fails(failure.Usage, "want a percentage above 0 and up to 100", "--sample 1%", "verify", "--sample", percent)
	}
	b.fails(failure.Usage, "--sample-seed needs --sample", "add --sample 1%", "verify", "--sample-seed", "1")
}
