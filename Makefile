# `make help` lists the targets. The Go sources need nothing but Go; the local
# workspace, and so `make build` and the tests, a C++ compiler too.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -X main.version=$(VERSION)
MODULE   = $(shell go list -m)
TOOLS    := bin/tools
SECONDS  ?= 1800
COVERAGE ?= 70
PACKAGE  ?= ./internal/ledger
VERSIONS ?= 14 15 16 17 18
RELEASES := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
GO_FILES := $(shell git ls-files -co --exclude-standard '*.go')

# The packages whose tests DuckDB dominates. Under the race detector they take
# many times as long, so they run without it here; `make race` runs all.
DUCKDB := ./cmd/... ./internal/chinook/... ./internal/databricks/... ./internal/fold/... \
	./internal/load/... ./internal/probe/... ./internal/replicate/... ./internal/segment/... ./internal/verify/... ./lakehouse ./lakehouse/warehouse ./lakehouse/warehouse/store ./tests/...

# The tests of internal/stage's memory budget.
BUDGET := Budget$$|^TestSlowUploadsBoundTheSpool$$

.DEFAULT_GOAL := help
.PHONY: help build build-static release packages reference man demo test test-all test-whole test-command test-duckdb test-others test-clients test-migration test-versions test-deploy-cli test-install test-examples test-spark cover torture mutation race lint fmt bench bench-micro clean need need-extensions

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

need:
	@scripts/need-compiler
	@scripts/need-postgres

need-extensions:
	@scripts/need-postgis
	@scripts/need-pgvector
	@scripts/need-chromium

build: ## bin/ingest, with the local workspace
	@scripts/need-compiler
	@CGO_ENABLED=1 scripts/build bin/ingest -trimpath -ldflags '$(LDFLAGS)' ./cmd/ingest

build-static: dist/ingest-linux-amd64 dist/ingest-linux-arm64 ## dist/ingest-linux-*, static, without the local workspace

dist/ingest-%: go.mod go.sum ingest.example.toml $(GO_FILES)
	CGO_ENABLED=0 GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) \
		go build -trimpath -ldflags '-s -w $(LDFLAGS)' -o $@ ./cmd/ingest

release: $(RELEASES:%=dist/ingest-%) ## the static binaries of a release, and dist/SHA256SUMS
	cd dist && sha256sum $(RELEASES:%=ingest-%) > SHA256SUMS

reference: ## docs/reference.md, from the commands
	CGO_ENABLED=0 go run ./cmd/ingest reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

man: ## dist/man/*.1, from the commands; dated by SOURCE_DATE_EPOCH, or by the newest commit
	rm -rf dist/man
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} \
		CGO_ENABLED=0 go run -ldflags '$(LDFLAGS)' ./cmd/ingest reference --man dist/man

packages: release man $(TOOLS)/nfpm ## dist/ingest-*.deb and .rpm, the Homebrew formula, and their sums
	scripts/packages $(TOOLS)/nfpm '$(VERSION)'

demo: ## the whole story on this machine: Postgres, full load, changes, cdc, current state and history, verify
	@scripts/demo-plan
	@$(MAKE) --no-print-directory need build
	bin/ingest demo

test: need need-extensions ## all tests; says in the end on which versions of PostgreSQL they ran
	@scripts/tested-on scripts/in-memory $(MAKE) --no-print-directory test-all

# Four lanes beside each other keep two cores busy to the end: the tests of each
# wait for servers and for programs that they start. ./tests is one lane and
# ./cmd/ingest another, since each takes as long as all other packages with DuckDB.
# make lint vets the tests, so that the lanes do not.
test-all:
	@$(MAKE) --no-print-directory -j 4 test-whole test-command test-duckdb test-others

test-whole:
	go test -vet=off -timeout 40m ./tests

test-command:
	go test -vet=off -timeout 40m ./cmd/...

test-duckdb:
	go test -vet=off -timeout 40m -p 1 $$(go list $(DUCKDB) | grep -v -e '^$(MODULE)/tests$$' -e '^$(MODULE)/cmd/')

# The tests of the memory budget move the most rows, and take many times as long
# under the race detector, where make race runs them. The other versions are gone
# through only where no single one was asked for.
test-others:
	go test -vet=off -timeout 40m -race -skip '$(BUDGET)' $$(go list ./... | grep -vxF "$$(go list $(DUCKDB))")
	go test -vet=off -timeout 40m -run '$(BUDGET)' ./internal/stage
	python3 -B -m unittest discover -s resources -p '*_test.py'
	python3 -B -m unittest discover -s tests/spark -p '*_test.py'
	@[ -n "$$INGEST_TEST_PG$$INGEST_TEST_PG_BIN" ] || scripts/test-versions -others $(VERSIONS)

test-versions: ## the tests that need Postgres but no warehouse, on all VERSIONS of PostgreSQL (default 14 to 18)
	@scripts/tested-on scripts/test-versions $(VERSIONS)

test-clients: build ## real Databricks clients against the local workspace: Python connector, dbt (also resources/examples), dlt, JDBC driver
	@scripts/test-clients

test-migration: need ## docs/migrating-from-dlt.md, followed on tables that dlt itself loads
	INGEST_TEST_DLT=$$(scripts/need-clients)/dlt/bin/python go test -tags dlt -v -count 1 -timeout 20m -run '^TestMigratingFromDltItself$$' ./cmd/ingest

test-deploy-cli: need ## a deployment by the Databricks CLI (DATABRICKS_CLI, or databricks in PATH) to the local workspace
	go test -tags databrickscli -v -count 1 -timeout 40m ./tests/deploy

test-install: ## `go install` of the last commit, from a module proxy in a directory, as a stranger does it
	scripts/test-install

test-examples: $(TOOLS)/actionlint ## the examples of docs/run-anywhere.md, with systemd's, Kubernetes's, Compose's and actionlint's own checks
	scripts/test-examples

test-spark: need build ## the corpus of SQL and a pipeline's statements on Apache Spark too, compared cell by cell
	python=$$(scripts/need-spark) && go run ./tests/spark -python "$$python"

cover: need need-extensions ## all tests, with a coverage of COVERAGE (default 70) per cent at least
	go test -timeout 60m -coverpkg ./cmd/...,./internal/...,./lakehouse/... -coverprofile cover.out ./...
	scripts/check-coverage cover.out $(COVERAGE)

torture: need ## exactly once under faults, for SECONDS (default 1800) each, and every kill; a summary at the end
	INGEST_TEST_TORTURE_SECONDS=$(SECONDS) go test -race -count 1 -timeout 24h -run '^TestWritersSnapshotsAndDrains$$' ./internal/stage
	INGEST_TEST_LARGE_ROWS=10000000 INGEST_TEST_LARGE_TABLES=2000 INGEST_TEST_LARGE_VALUE=50331648 \
		go test -count 1 -timeout 24h -run 'Budget$$' ./internal/stage
	INGEST_TEST_SOAK_SECONDS=$(SECONDS) go test -v -count 1 -timeout 24h -run '^TestSoak$$' ./tests
	INGEST_TEST_KILLS=all INGEST_TEST_TORTURE_SECONDS=$(SECONDS) go test -v -count 1 -timeout 24h \
		-run '^(TestTorture|TestKilled.*|TestOneRequestGoesWrong.*|TestConnectionBreaks.*|TestServerRestarts.*|TestCopyIntoIs.*|TestDatabricksIsBusy|TestARunThatWakesUp.*|TestPublicationThatSentLess.*)$$' ./tests
	go test -count 1 -timeout 24h -run '^Test(Kept|Fold)' ./internal/fold -rapid.checks 1000
	INGEST_TEST_RANDOM_SECONDS=$(SECONDS) go test -v -count 1 -timeout 24h -run '^TestRandom' ./tests/random

mutation: ## break each condition of PACKAGE (default ./internal/ledger) in turn, and name those that no test notices
	go run ./tests/mutation -package $(PACKAGE)

race: need need-extensions ## all tests under the race detector, which takes long
	go test -race -timeout 4h ./...

lint: $(TOOLS)/golangci-lint $(TOOLS)/actionlint ## everything that is checked without running it
	go vet ./...
	CGO_ENABLED=0 go vet ./cmd/... ./lakehouse/...
	$(TOOLS)/golangci-lint run --allow-parallel-runners # another checkout may be linted, too
	$(TOOLS)/actionlint
	$(TOOLS)/actionlint resources/examples/github-actions/*.yml
	scripts/check-docs
	scripts/check-paths
	CGO_ENABLED=0 go run ./cmd/ingest reference | diff -u docs/reference.md - || { echo "docs/reference.md differs from the commands: make reference" >&2; exit 1; }
	@for f in scripts/* .ci/run; do case $$f in *.sql) ;; *) bash -n "$$f" || exit 1 ;; esac; done

fmt: ## format the Go code
	gofmt -s -w $(GO_FILES)

bench: need dist/ingest-linux-$(shell go env GOARCH) ## ingest against Postgres's own tools, as a report in bench/; QUICK=1 in a few minutes
	go run ./tests/bench -binary dist/ingest-linux-$(shell go env GOARCH) $(if $(QUICK),-quick -rounds 2)

bench-micro: ## micro-benchmarks, with their allocations; QUICK=1 runs each once
	go test -run '^$$' -bench . -benchmem $(if $(QUICK),-benchtime 1x) ./...

clean: ## remove what was built
	rm -rf bin dist cover.out

$(TOOLS)/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -o ../$@ tool

$(TOOLS)/nfpm: tools/nfpm/go.mod tools/nfpm/go.sum
	cd tools/nfpm && go build -o ../../$@ tool

$(TOOLS)/actionlint: tools/actionlint/go.mod tools/actionlint/go.sum
	cd tools/actionlint && go build -o ../../$@ tool
