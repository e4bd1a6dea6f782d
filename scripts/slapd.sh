#!/bin/sh
# A private OpenLDAP for the tests, on 127.0.0.1 ports 21389 and 21636 (TLS),
# below the ephemeral range as postgres.sh says.
#
#   scripts/slapd.sh [DIR]        install if missing, start, print the URL
#   scripts/slapd.sh stop [DIR]   stop
#
# The URL is what GRANTBRIDGE_TEST_SLAPD wants; its folder has ca.pem and the
# socket ldapi. cn=admin,dc=corp,dc=example writes and cn=reader reads without a
# limit, both with the password secret; over ldapi, and with ca.pem and key.pem
# as the client's certificate, everybody who binds EXTERNAL is cn=reader.
# GRANTBRIDGE_SLAPD_KEYTAB is a keytab with the key of ldap/localhost, as kdc.sh
# makes it; grantbridge, open and aes128, who bind GSSAPI, are cn=reader then,
# and what binds them to TLS is checked.
# Nothing is kept between starts. DIR defaults to .cache/slapd in the
# repository. Started by root, the server runs as the user openldap, and its
# data is moved below /tmp when that user cannot reach DIR.
set -eu
. "$(dirname "$0")/lib.sh"
begin slapd "$@"
port=${GRANTBRIDGE_SLAPD_PORT:-21389}
tlsport=${GRANTBRIDGE_SLAPD_TLS_PORT:-21636}
keytab=${GRANTBRIDGE_SLAPD_KEYTAB:-}

if ! command -v slapd >/dev/null && [ "$command" = stop ]; then
	exit 0
fi
if ! command -v slapd >/dev/null || ! command -v ldapsearch >/dev/null; then
	packages slapd ldap-utils
fi
if [ -n "$keytab" ] && ! ls /usr/lib/*/sasl2/libgssapiv2.so >/dev/null 2>&1; then
	packages libsasl2-modules-gssapi-mit
fi
if [ "$user" = root ]; then
	user=openldap
fi
place
halt "$dir/pid" slapd
rm -rf "$dir/data" "$dir/ldapi"
if [ "$command" = stop ]; then
	exit 0
fi

if [ ! -f "$dir/ca.pem" ]; then
	(cd "$dir" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" -host 127.0.0.1,localhost -ca -ecdsa-curve P256 -duration 87600h >&2)
	mv "$dir/cert.pem" "$dir/ca.pem"
	if [ "$user" != "$(id -un)" ]; then
		chown "$user" "$dir/ca.pem" "$dir/key.pem"
	fi
fi

suffix=dc=corp,dc=example
as mkdir "$dir/data"
sasl=
if [ -n "$keytab" ]; then
	install -o "$user" -m 600 "$keytab" "$dir/data/keytab"
	printf '[libdefaults]\n\tdefault_realm = CORP.EXAMPLE\n' >"$dir/krb5.conf"
	export KRB5_CONFIG="$dir/krb5.conf" KRB5_KTNAME="FILE:$dir/data/keytab" KRB5RCACHENAME="file2:$dir/data/replays"
	sasl="sasl-host localhost
sasl-cbinding tls-endpoint
authz-regexp \"uid=(grantbridge|open|aes128)(,cn=corp.example)?,cn=gssapi,cn=auth\" \"cn=reader,$suffix\""
fi
cat >"$dir/slapd.conf" <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
moduleload memberof
moduleload ppolicy
pidfile $dir/pid
TLSCACertificateFile $dir/ca.pem
TLSCertificateFile $dir/ca.pem
TLSCertificateKeyFile $dir/key.pem
TLSVerifyClient try
authz-regexp "o=acme co" "cn=reader,$suffix"
authz-regexp "gidNumber=[0-9]+[+]uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth" "cn=reader,$suffix"
$sasl
sizelimit size.soft=500 size.hard=1000 size.pr=1000
threads 8
database config
rootpw secret
database mdb
suffix $suffix
rootdn cn=admin,$suffix
rootpw secret
directory $dir/data
maxsize 4294967296
dbnosync
multival default 100,10
limits dn.exact="cn=reader,$suffix" size=unlimited time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
index objectClass,uid,mail,cn,member,memberOf,entryUUID,entryCSN,modifyTimestamp eq
overlay syncprov
syncprov-checkpoint 1000 10
syncprov-sessionlog 10000
overlay memberof
overlay ppolicy
END
if [ -n "${GRANTBRIDGE_SLAPD_LDIF:-}" ]; then
	# In bulk, as bench/ wants it; overlays see nothing of it.
	as slapadd -q -f "$dir/slapd.conf" -l "$GRANTBRIDGE_SLAPD_LDIF" >&2
else
	as slapadd -q -f "$dir/slapd.conf" >&2 <<END
dn: $suffix
objectClass: domain
dc: corp

dn: cn=reader,$suffix
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: secret
END
fi
socket=$(printf %s "$dir/ldapi" | sed 's|/|%2F|g')
as slapd -f "$dir/slapd.conf" -h "ldap://127.0.0.1:$port ldaps://127.0.0.1:$tlsport ldapi://$socket" >&2
echo "ldap://127.0.0.1:$port/?tls=$tlsport&folder=$dir"
