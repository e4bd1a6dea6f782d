#!/usr/bin/env bash
# Everything that must pass, against real servers: a private PostgreSQL and a
# private OpenLDAP on loopback with folders and ports of their own, started and
# stopped here; and in a real browser, Debian's chromium, which the tests start.
#
#   scripts/test.sh          all of it; GOTESTFLAGS are handed on to go test
#   scripts/test.sh format   only that every Go file is formatted
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change these; run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi
if [ "${1:-}" = format ]; then
	exit 0
fi

go vet ./...

if ! ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/slapd /usr/bin/chromium >/dev/null 2>&1; then
	apt-get update -q >&2 # an image's package lists are empty or old
fi
if ! command -v chromium >/dev/null; then
	echo "installing chromium" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 chromium >&2
fi
trap 'scripts/postgres.sh stop 2>/dev/null; scripts/slapd.sh stop 2>/dev/null' EXIT
dsn=$(scripts/postgres.sh)
slapd=$(scripts/slapd.sh)

# GRANTBRIDGE_REQUIRE_SERVERS makes a test that misses its server fail; without
# it, it skips.
GRANTBRIDGE_REQUIRE_SERVERS=1 GRANTBRIDGE_TEST_POSTGRES="$dsn" GRANTBRIDGE_TEST_SLAPD="$slapd" \
	go test -timeout 25m ${GOTESTFLAGS:-} ./...
