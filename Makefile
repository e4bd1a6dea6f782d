# What the targets need and this machine lacks is installed by scripts/ (as root,
# on Debian). Go itself must be there.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build test check test-all test-389ds fuzz bench bench-cycle clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## the binary, ./grantbridge
	CGO_ENABLED=0 go build -trimpath -o grantbridge ./cmd/grantbridge

test: ## everything that must pass: formatting, vet, all tests on SQLite and against PostgreSQL, OpenLDAP, Kerberos, SimpleSAMLphp, nginx and Caddy, in Chromium
	@scripts/test.sh

check: ## quick: formatting, vet, staticcheck, house rules, documents
	@scripts/test.sh format
	go vet ./...
	go run $(STATICCHECK) ./...
	go test ./internal/...

test-all: check ## the long one: race detector, Samba, seeded faults, sixty kills, every fuzz test for a minute, bench builds
	GRANTBRIDGE_ALL=1 GOTESTFLAGS=-race scripts/test.sh
	$(MAKE) fuzz
	cd bench && go vet ./... && go test ./...

test-389ds: ## the LDAP tests against a real 389 Directory Server
	url=$$(scripts/389ds.sh) && { GRANTBRIDGE_TEST_389DS="$$url" go test -count 1 -v -run DS389 ./ldapsync; code=$$?; scripts/389ds.sh stop; exit $$code; }

FUZZTIME ?= 1m

fuzz: ## every fuzz test for FUZZTIME (1m)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

bench: ## all benchmarks, the table against Cedar, casbin and OPA, then store, SCIM, following and a small cycle on both databases
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go run .
	dsn=$$(scripts/postgres.sh) && cd bench && export GRANTBRIDGE_BENCH_POSTGRES="$$dsn" && \
	go run . store && go run . scim && go run . follow && go run . cycle -users 10000 -memberships 100000

bench-cycle: ## the first cycle of 100,000 people and 1,000,000 memberships on both databases: up to half an hour
	dsn=$$(scripts/postgres.sh) && cd bench && GRANTBRIDGE_BENCH_POSTGRES="$$dsn" go run . cycle -users 100000 -memberships 1000000 -workers 64

clean: ## what the targets left
	-scripts/postgres.sh stop
	-scripts/slapd.sh stop
	-scripts/kdc.sh stop
	-scripts/simplesamlphp.sh stop
	-scripts/samba.sh stop
	-scripts/389ds.sh stop
	rm -rf .cache grantbridge
