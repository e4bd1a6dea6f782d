#!/bin/sh
# A private SimpleSAMLphp for the tests: a real SAML identity provider on
# 127.0.0.1 port 21480, below the ephemeral range as postgres.sh says, served by
# PHP's own server. Its configuration is scripts/simplesamlphp/.
#
#   scripts/simplesamlphp.sh [DIR]        install if missing, start, print the URL
#   scripts/simplesamlphp.sh stop [DIR]   stop
#
# The URL is what GRANTBRIDGE_TEST_SIMPLESAMLPHP wants. A service provider becomes
# known by its metadata in the URL's folder, as sp/NAME.xml, with more settings
# in sp/NAME.json. Nothing is kept between starts. DIR defaults to
# .cache/simplesamlphp in the repository. Started by root, the server runs as the
# user www-data, and its data is moved below /tmp when that user cannot reach DIR.
set -eu
. "$(dirname "$0")/lib.sh"
begin simplesamlphp "$@"
port=${GRANTBRIDGE_SIMPLESAMLPHP_PORT:-21480}
package=/usr/share/simplesamlphp
if [ "$user" = root ]; then
	user=www-data
fi
place

# The workers are of the server's process group, which is ours to end as a whole.
running() {
	[ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null && [ "$(cat "/proc/$(cat "$dir/pid")/comm" 2>/dev/null)" = php ]
}

if running; then
	pid=$(cat "$dir/pid")
	kill -- "-$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
fi
rm -rf "$dir/pid" "$dir/config" "$dir/metadata" "$dir/sp" "$dir/log" "$dir/data" "$dir/tmp" "$dir/sessions" "$dir/www"
if [ "$command" = stop ]; then
	exit 0
fi

if [ ! -d "$package" ] || ! command -v php >/dev/null || ! php -m | grep -q '^dom$'; then
	# php-cgi and nginx, which the tests want too, keep Apache away.
	packages --no-install-recommends simplesamlphp php-cli php-cgi php-xml php-mbstring nginx-light
fi

for d in config metadata sp log data tmp sessions www cert; do
	as mkdir -p "$dir/$d"
done
if [ ! -f "$dir/cert/idp.key" ]; then
	(cd "$dir/cert" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" -host 127.0.0.1 -rsa-bits 2048 -duration 87600h >&2)
	mv "$dir/cert/cert.pem" "$dir/cert/idp.crt"
	mv "$dir/cert/key.pem" "$dir/cert/idp.key"
	if [ "$user" != "$(id -un)" ]; then
		chown "$user" "$dir/cert/idp.crt" "$dir/cert/idp.key"
	fi
fi
cp "$root/scripts/simplesamlphp/config.php" "$root/scripts/simplesamlphp/authsources.php" "$dir/config/"
cp "$root/scripts/simplesamlphp/saml20-idp-hosted.php" "$root/scripts/simplesamlphp/saml20-sp-remote.php" "$dir/metadata/"
ln -s "$package/www" "$dir/www/simplesaml"

(
	# Nothing of the caller's: it waits for the end of our output.
	exec >"$dir/log/php" 2>&1 </dev/null
	as env SIMPLESAMLPHP_CONFIG_DIR="$dir/config" GRANTBRIDGE_SIMPLESAMLPHP_PORT="$port" PHP_CLI_SERVER_WORKERS=4 \
		setsid sh -c 'echo $$ >"$0/pid"; exec php -S "127.0.0.1:$1" -t "$0/www"' "$dir" "$port"
) &

url=http://127.0.0.1:$port/simplesaml/saml2/idp/metadata.php
tries=0
until as php -r 'exit(@file_get_contents($argv[1]) === false ? 1 : 0);' "$url"; do
	tries=$((tries + 1))
	if [ $tries -ge 100 ]; then
		cat "$dir/log/php" >&2
		exit 1
	fi
	sleep 0.1
done
echo "http://127.0.0.1:$port/simplesaml/?folder=$dir"
