#!/usr/bin/env bash
# Everything that must pass, against real servers: a private PostgreSQL, OpenLDAP,
# Kerberos KDC and SimpleSAMLphp on loopback with folders and ports of their own,
# started and stopped here. nginx, Caddy and Debian's chromium are started by
# their tests.
#
# With GRANTBRIDGE_ALL=1 a private Samba, too, as an Active Directory.
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

if ! ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/slapd /usr/sbin/krb5kdc /usr/share/simplesamlphp /usr/sbin/nginx /usr/bin/caddy /usr/bin/chromium >/dev/null 2>&1; then
	apt-get update -q >&2 # an image's package lists are empty or old
fi
trap 'for server in postgres slapd kdc simplesamlphp ${samba:+samba}; do scripts/$server.sh stop 2>/dev/null || true; done' EXIT
dsn=$(scripts/postgres.sh)
kdc=$(scripts/kdc.sh)
slapd=$(GRANTBRIDGE_SLAPD_KEYTAB="$kdc/ldap.keytab" scripts/slapd.sh)
simplesamlphp=$(scripts/simplesamlphp.sh)
samba= timeout=25m
if [ "${GRANTBRIDGE_ALL:-}" = 1 ]; then
	samba=$(scripts/samba.sh)
	timeout=80m # the seeded faults alone took 25 minutes on a busy machine
fi
install() {
	DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >&2
}
for program in curl nginx caddy chromium; do
	PATH=$PATH:/usr/sbin command -v $program >/dev/null || install $program
done
case ${GOTESTFLAGS:-} in
*-race*) command -v gcc >/dev/null || install gcc libc6-dev ;; # it is linked with C
esac

# GRANTBRIDGE_REQUIRE_SERVERS makes a test that misses its server fail; without
# it, it skips.
GRANTBRIDGE_REQUIRE_SERVERS=1 GRANTBRIDGE_TEST_POSTGRES="$dsn" GRANTBRIDGE_TEST_SLAPD="$slapd" GRANTBRIDGE_TEST_KDC="$kdc" \
	GRANTBRIDGE_TEST_SIMPLESAMLPHP="$simplesamlphp" GRANTBRIDGE_TEST_SAMBA="$samba" \
	go test -timeout $timeout ${GOTESTFLAGS:-} ./...
