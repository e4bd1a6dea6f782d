#!/bin/sh
# A private Samba, an Active Directory domain controller, for the tests. Its
# ports 389, 636 and 88 cannot be moved, so it has a loopback address of its
# own: 127.0.57.1.
#
#   scripts/samba.sh [DIR]        install if missing, provision, start, print the URL
#   scripts/samba.sh stop [DIR]   stop
#
# The URL is what GRANTBRIDGE_TEST_SAMBA wants; its folder has ca.pem. The
# domain is corp.example (DC=corp,DC=example), Administrator's password is
# Passw0rd-admin. What was provisioned is kept between starts, what was written
# is not: below OU=many a group with 1,600 members, more than Active Directory
# hands out at once. DIR defaults to .cache/samba in the repository. Only root can start it.
set -eu
. "$(dirname "$0")/lib.sh"
begin samba "$@"
address=${GRANTBRIDGE_SAMBA_ADDRESS:-127.0.57.1}

needs="samba samba-common-bin samba-dsdb-modules samba-ad-provision samba-vfs-modules python3-samba winbind"
# shellcheck disable=SC2086 # they are words
if ! dpkg -s $needs >/dev/null 2>&1; then
	if [ "$command" = stop ]; then
		exit 0
	fi
	# shellcheck disable=SC2086
	packages --no-install-recommends $needs
fi
if [ "$(id -u)" != 0 ]; then
	echo "Samba wants root: it binds ports below 1024" >&2
	exit 1
fi

running() {
	[ -f "$dir/run/samba.pid" ] && kill -0 "$(cat "$dir/run/samba.pid")" 2>/dev/null
}

if running; then
	pid=$(cat "$dir/run/samba.pid")
	kill -TERM "$pid"
	n=0
	while kill -0 "$pid" 2>/dev/null; do
		n=$((n + 1))
		if [ "$n" = 50 ]; then
			kill -KILL "$pid" 2>/dev/null || true
		fi
		sleep 0.1
	done
fi
rm -rf "$dir/run" "$dir/live"
if [ "$command" = stop ]; then
	exit 0
fi

place
if [ ! -f "$dir/ca.pem" ]; then
	(cd "$dir" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" -host "$address,dc1.corp.example" -ca -ecdsa-curve P256 -duration 87600h >&2)
	mv "$dir/cert.pem" "$dir/ca.pem"
	chmod 600 "$dir/key.pem"
fi

# It is provisioned once, which takes a minute, and copied for each start. Samba
# writes its folder into its databases, so it is always called live.
if [ ! -f "$dir/provisioned" ]; then
	rm -rf "$dir/new"
	samba-tool domain provision --realm=CORP.EXAMPLE --domain=CORP --host-name=dc1 --server-role=dc --use-rfc2307 --dns-backend=NONE \
		--adminpass=Passw0rd-admin --targetdir="$dir/live" --option="interfaces=$address/8" --option="bind interfaces only=yes" \
		--option="posix:eadb=$dir/live/eadb.tdb" >"$dir/provision.log" 2>&1 || {
		tail -5 "$dir/provision.log" >&2
		exit 1
	}
	/usr/bin/python3 - "$dir/live" <<'END' >&2
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1] + "/etc/smb.conf")
db = SamDB(url=sys.argv[1] + "/private/sam.ldb", session_info=system_session(), lp=lp)
base = "OU=many,DC=corp,DC=example"
names = [f"CN=c{n},{base}" for n in range(1600)]
db.transaction_start()
db.add({"dn": base, "objectClass": "organizationalUnit"})
for name in names:
    db.add({"dn": name, "objectClass": "contact"})
db.add({"dn": f"CN=large,{base}", "objectClass": "group", "sAMAccountName": "large", "member": names})
db.transaction_commit()
END
	mv "$dir/live" "$dir/new"
	touch "$dir/provisioned"
fi
cp -a "$dir/new" "$dir/live"
mkdir -p "$dir/run/ncalrpc"
cat >"$dir/live/etc/smb.conf" <<END
[global]
	realm = CORP.EXAMPLE
	workgroup = CORP
	netbios name = DC1
	server role = active directory domain controller
	server services = ldap, cldap, kdc
	dcerpc endpoint servers =
	interfaces = $address/8
	bind interfaces only = yes
	ldap server require strong auth = no
	tls enabled = yes
	tls keyfile = $dir/key.pem
	tls certfile = $dir/ca.pem
	tls cafile =
	private dir = $dir/live/private
	lock directory = $dir/live
	state directory = $dir/live/state
	cache directory = $dir/live/cache
	binddns dir = $dir/live/bind-dns
	pid directory = $dir/run
	ncalrpc dir = $dir/run/ncalrpc
	ntp signd socket directory = $dir/run/ntp
	winbindd socket directory = $dir/run/winbindd
	nbt client socket address = $address
	log file = $dir/live/log
	logging = file
	log level = 0
	idmap_ldb:use rfc2307 = yes
	posix:eadb = $dir/live/eadb.tdb
END
samba -D -M single -s "$dir/live/etc/smb.conf" >&2
n=0
until /usr/bin/python3 -c "import socket; socket.create_connection(('$address', 636), 1)" 2>/dev/null; do
	n=$((n + 1))
	if [ "$n" = 100 ]; then
		tail -20 "$dir/live/log" >&2
		echo "Samba did not start" >&2
		exit 1
	fi
	sleep 0.2
done
echo "ldap://$address:389/?tls=636&folder=$dir"
