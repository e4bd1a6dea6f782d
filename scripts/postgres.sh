#!/bin/sh
# A private PostgreSQL for the tests, on 127.0.0.1 port 21432. The port is below
# 32768 on purpose: a client that keeps dialling a port of the ephemeral range
# can connect to itself and keep the server from binding it again.
#
#   scripts/postgres.sh [DIR]        install if missing, start, print the DSN
#   scripts/postgres.sh stop [DIR]   stop
#
# DIR defaults to .cache/postgres in the repository. Started by root, the server
# runs as the user postgres, and its data is moved below /tmp when that user
# cannot reach DIR.
set -eu
. "$(dirname "$0")/lib.sh"
begin postgres "$@"
port=${GRANTBRIDGE_POSTGRES_PORT:-21432}
if [ "$user" = root ]; then
	user=postgres
fi

binaries() {
	for d in /usr/lib/postgresql/*/bin; do
		if [ -x "$d/initdb" ]; then
			echo "$d"
		fi
	done | sort -V | tail -n 1
}

bin=$(binaries)
if [ -z "$bin" ]; then
	if [ "$command" = stop ]; then
		exit 0
	fi
	packages postgresql-15
	bin=$(binaries)
fi

place
data=$dir/data

if [ "$command" = stop ]; then
	if as "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then
		as "$bin/pg_ctl" -D "$data" -m fast -w stop >&2
	fi
	exit 0
fi

if ! as test -f "$data/PG_VERSION"; then
	as "$bin/initdb" -D "$data" -U grantbridge --auth=trust --encoding=UTF8 --locale=C.UTF-8 >&2
fi
if ! as "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then
	as "$bin/pg_ctl" -D "$data" -w -l "$dir/log" \
		-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300" start >&2
fi
if ! as "$bin/psql" -h 127.0.0.1 -p "$port" -U grantbridge -d postgres -Atc \
	"SELECT 1 FROM pg_database WHERE datname = 'grantbridge'" | grep -q 1; then
	as "$bin/createdb" -h 127.0.0.1 -p "$port" -U grantbridge grantbridge >&2
fi
echo "postgres://grantbridge@127.0.0.1:$port/grantbridge?sslmode=disable"
