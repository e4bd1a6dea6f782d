#!/usr/bin/env bash
# Runs every fuzz test for FUZZTIME (1m), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
while read -r package; do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-1m}" "$package" || failed=1
	done
done < <(git grep -l '^func Fuzz' -- '*_test.go' | xargs -r -n 1 dirname | sort -u | sed 's|^|./|')
exit $failed
