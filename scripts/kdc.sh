#!/bin/sh
# A private Kerberos KDC (MIT) for the tests, on 127.0.0.1 port 21088, below the
# ephemeral range as postgres.sh says.
#
#   scripts/kdc.sh [DIR]        install if missing, start, print its folder
#   scripts/kdc.sh stop [DIR]   stop
#
# The folder is what GRANTBRIDGE_TEST_KDC wants, and its ldap.keytab, the key of
# ldap/localhost, what GRANTBRIDGE_SLAPD_KEYTAB wants for slapd.sh. It has
# krb5.conf; client.keytab with the keys of these principals of CORP.EXAMPLE:
#
#   grantbridge   who reads
#   open          needs no pre-authentication
#   aes128        has one key, not of the KDC's first choice
#   stale         has another key by now, as after a new password; so has
#   stale-open    who needs no pre-authentication
#   locked        gets no tickets
#   expired       has a password that has ended
#   gone          is no longer there
#
# and ccache, a credential cache of grantbridge. A service other/localhost is
# known to the KDC and to no server. Nothing is kept between starts. DIR
# defaults to .cache/kdc in the repository.
set -eu
. "$(dirname "$0")/lib.sh"
begin kdc "$@"
port=${GRANTBRIDGE_KDC_PORT:-21088}
realm=CORP.EXAMPLE

if ! command -v krb5kdc >/dev/null || ! command -v kadmin.local >/dev/null || ! command -v kinit >/dev/null; then
	if [ "$command" = stop ]; then
		exit 0
	fi
	packages --no-install-recommends krb5-kdc krb5-admin-server krb5-user
fi
place
halt "$dir/pid" krb5kdc
rm -rf "$dir/data" "$dir"/*.keytab "$dir/ccache"
if [ "$command" = stop ]; then
	exit 0
fi

mkdir -m 700 "$dir/data"
cat >"$dir/krb5.conf" <<END
[libdefaults]
	default_realm = $realm
	dns_lookup_kdc = false
	rdns = false
	dns_canonicalize_hostname = false
[realms]
	$realm = {
		kdc = 127.0.0.1:$port
	}
END
cat >"$dir/kdc.conf" <<END
[kdcdefaults]
	kdc_listen = 127.0.0.1:$port
	kdc_tcp_listen = 127.0.0.1:$port
[realms]
	$realm = {
		database_name = $dir/data/principal
		key_stash_file = $dir/data/stash
		acl_file = $dir/data/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
	}
[logging]
	kdc = FILE:$dir/data/log
END
export KRB5_CONFIG="$dir/krb5.conf" KRB5_KDC_PROFILE="$dir/kdc.conf"
kdb5_util create -s -r $realm -P secret >/dev/null
kadmin.local >"$dir/data/made" 2>&1 <<END
addprinc -randkey ldap/localhost
addprinc -randkey other/localhost
addprinc -randkey +requires_preauth grantbridge
addprinc -randkey open
addprinc -randkey -e aes128-cts-hmac-sha1-96:normal +requires_preauth aes128
addprinc -randkey +requires_preauth stale
addprinc -randkey stale-open
addprinc -randkey locked
addprinc -randkey expired
addprinc -randkey gone
ktadd -k $dir/ldap.keytab ldap/localhost
ktadd -norandkey -k $dir/client.keytab grantbridge open aes128 stale stale-open locked expired gone
modprinc -allow_tix locked
modprinc -pwexpire yesterday expired
delprinc -force gone
cpw -randkey stale
cpw -randkey stale-open
END
krb5kdc -P "$dir/pid" >&2
kinit -k -t "$dir/client.keytab" -c "$dir/ccache" grantbridge || {
	cat "$dir/data/made" "$dir/data/log" >&2
	exit 1
}
echo "$dir"
