# What the scripts share that start a private server for the tests. They read it
# with "."; it runs nothing by itself.

# begin NAME [start|stop] [DIR] sets root, command and dir, which defaults to
# .cache/NAME in the repository, and user, who runs the server.
begin() {
	name=$1
	shift
	command=start
	if [ "${1:-}" = stop ] || [ "${1:-}" = start ]; then
		command=$1
		shift
	fi
	root=$(cd "$(dirname "$0")/.." && pwd)
	dir=${1:-$root/.cache/$name}
	user=$(id -un)
	PATH=$PATH:/usr/sbin
}

# as runs a command as the user of the server.
as() {
	if [ "$(id -un)" = "$user" ]; then
		"$@"
	else
		(cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- env HOME=/tmp "$@")
	fi
}

# packages installs what is missing.
packages() {
	echo "installing $*" >&2
	DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q -o DPkg::Lock::Timeout=600 "$@" >&2
}

# place makes dir, below /tmp when the user of the server cannot reach it.
place() {
	mkdir -p "$dir"
	case "$dir" in
	"$root"/.cache/*) echo '*' >"$root/.cache/.gitignore" ;;
	esac
	if [ "$user" != "$(id -un)" ]; then
		chown "$user" "$dir"
	fi
	if ! as test -w "$dir"; then
		dir=/tmp/grantbridge-$name-$(printf %s "$dir" | cksum | cut -d ' ' -f 1)
		mkdir -p "$dir"
		chown "$user" "$dir"
	fi
}

# halt PIDFILE PROGRAM ends the server that runs, if it does, and waits for it.
halt() {
	[ -f "$1" ] || return 0
	pid=$(cat "$1")
	if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]; then
		kill -INT "$pid"
		while kill -0 "$pid" 2>/dev/null; do
			sleep 0.1
		done
	fi
}
