# loadshare: see README.md. Everything a newcomer needs is `make demo` and `make test`.
SHELL := /bin/sh
GO ?= go
SEEDS ?= 3000
FUZZTIME ?= 1s
TESTSUM = $(GO) tool -modfile=$(CURDIR)/tools/go.mod gotestsum --format pkgname

.PHONY: build demo test lint sim fuzz bench

build:
	$(GO) build -o bin/loadshare ./cmd/loadshare

# The whole story on loopback, by itself, proved by queries on the wire.
demo: build
	bin/loadshare demo --script

# Every test. As root on Debian the real peers are installed first (asked, when
# there is a terminal); elsewhere their tests are skipped and listed at the end.
test: build
	test/peers/install.sh
	$(GO) vet ./...
	$(TESTSUM) -- -timeout 9m ./...
	$(TESTSUM) -- -race ./monitor/decide/... ./monitor/schedule/... ./agent/plan/... ./ddns ./internal/link/... ./probes
	test/fuzz.sh $(FUZZTIME)

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=$(CURDIR)/tools/lint/go.mod golangci-lint run ./...

# The deterministic simulation, with more seeds than `make test` has time for.
sim:
	$(GO) test ./test/sim -count=1 -timeout 60m -args -seeds $(SEEDS)
	$(GO) test ./test/sim/pair -count=1 -timeout 60m -args -seeds $(SEEDS)
	$(GO) test ./test/sim/dhcp -count=1 -timeout 60m -args -seeds $(SEEDS)

fuzz:
	test/fuzz.sh 60s

# Figures, each a ratio or a count, with the machine they were measured on.
bench: build
	test/bench/run.sh
