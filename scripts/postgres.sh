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

command=start
if [ "${1:-}" = stop ] || [ "${1:-}" = start ]; then
	command=$1
	shift
fi
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/.cache/postgres}
port=${GRANTBRIDGE_POSTGRES_PORT:-21432}
user=$(id -un)
if [ "$user" = root ]; then
	user=postgres
fi

as() {
	if [ "$(id -un)" = "$user" ]; then
		"$@"
	else
		(cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- env HOME=/tmp "$@")
	fi
}

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
	echo "installing postgresql-15" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql-15 >&2
	bin=$(binaries)
fi

mkdir -p "$dir"
case "$dir" in
"$root"/.cache/*) echo '*' >"$root/.cache/.gitignore" ;;
esac
if [ "$user" != "$(id -un)" ]; then
	chown "$user" "$dir"
fi
if ! as test -w "$dir"; then
	dir=/tmp/grantbridge-postgres-$(printf %s "$dir" | cksum | cut -d ' ' -f 1)
	mkdir -p "$dir"
	chown "$user" "$dir"
fi
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
