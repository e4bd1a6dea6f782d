#!/bin/sh
# A private 389 Directory Server for the tests, on 127.0.0.1 ports 21390 and
# 21637 (TLS).
#
#   scripts/389ds.sh        install if missing, make the instance, start, print the URL
#   scripts/389ds.sh stop   stop
#
# The URL is what GRANTBRIDGE_TEST_389DS wants; its folder has ca.pem. The suffix
# is dc=corp,dc=example, cn=Directory Manager's password is Passw0rd-manager. The
# instance, grantbridge-test, is made once in the places that the package knows:
# /etc/dirsrv and /var/lib/dirsrv. Only root can make it.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
dir=$root/.cache/389ds
port=${GRANTBRIDGE_389DS_PORT:-21390}
tlsport=${GRANTBRIDGE_389DS_TLS_PORT:-21637}
name=grantbridge-test
# Its tools are Python of the distribution's.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH

if ! command -v dscreate >/dev/null; then
	if [ "${1:-}" = stop ]; then
		exit 0
	fi
	echo "installing 389-ds-base" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 389-ds-base ldap-utils >&2
fi
pidfile=/run/dirsrv/slapd-$name.pid

running() {
	[ -f "$pidfile" ] && [ "$(cat "/proc/$(cat "$pidfile")/comm" 2>/dev/null)" = ns-slapd ]
}

stop() {
	if running; then
		pid=$(cat "$pidfile")
		kill -TERM "$pid"
		while kill -0 "$pid" 2>/dev/null; do
			sleep 0.1
		done
	fi
}

start() {
	mkdir -p /run/dirsrv /run/lock/dirsrv
	chown dirsrv:dirsrv /run/dirsrv /run/lock/dirsrv
	ns-slapd -D "/etc/dirsrv/slapd-$name" -i "$pidfile" >"$dir/log" 2>&1
	n=0
	until ldapsearch -x -H "ldap://127.0.0.1:$port" -b '' -s base 1.1 >/dev/null 2>&1; do
		n=$((n + 1))
		if [ "$n" = 150 ]; then
			tail -5 "/var/log/dirsrv/slapd-$name/errors" >&2
			echo "389 Directory Server did not start" >&2
			exit 1
		fi
		sleep 0.2
	done
}

change() {
	ldapmodify -x -H "ldap://127.0.0.1:$port" -D "cn=Directory Manager" -w Passw0rd-manager >&2
}

if [ "${1:-}" = stop ]; then
	stop
	exit 0
fi
mkdir -p "$dir"
echo '*' >"$root/.cache/.gitignore"

if [ ! -d "/etc/dirsrv/slapd-$name" ]; then
	# Here is no systemd that could start it.
	sed -i 's/^with_systemd = 1/with_systemd = 0/' /usr/share/dirsrv/inf/defaults.inf
	cat >"$dir/instance.inf" <<END
[general]
start = False
strict_host_checking = False
full_machine_name = localhost
[slapd]
instance_name = $name
port = $port
secure_port = $tlsport
root_password = Passw0rd-manager
self_sign_cert = True
[backend-userroot]
suffix = dc=corp,dc=example
create_suffix_entry = True
END
	dscreate from-file "$dir/instance.inf" >&2
fi
if ! running; then
	start
fi
if [ ! -f "/etc/dirsrv/slapd-$name/grantbridge" ]; then
	change <<END
dn: cn=config
changetype: modify
replace: nsslapd-listenhost
nsslapd-listenhost: 127.0.0.1
-
replace: nsslapd-securelistenhost
nsslapd-securelistenhost: 127.0.0.1

dn: cn=MemberOf Plugin,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on
-
replace: memberOfAutoAddOC
memberOfAutoAddOC: nsmemberof

dn: cn=Retro Changelog Plugin,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on
-
add: nsslapd-attribute
nsslapd-attribute: nsuniqueid:targetUniqueId

dn: cn=Content Synchronization,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on

dn: cn=referential integrity postoperation,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on
END
	stop
	start
	touch "/etc/dirsrv/slapd-$name/grantbridge"
fi
cp "/etc/dirsrv/slapd-$name/ca.crt" "$dir/ca.pem"
echo "ldap://127.0.0.1:$port/?tls=$tlsport&folder=$dir"
