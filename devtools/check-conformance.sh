#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-conformance.sh
#
# Every test that doc/conformance.md names is there: `program`: `case`, `case` are a file of
# app/test and cases in it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

# PROGRAM CASE of each test that is named.
named() {
	grep -oE '`[a-z0-9_]+`: (`[a-z0-9_]+`[^`;|]{0,40}(, )?)+' doc/conformance.md |
		awk -F'`' '{ for (i = 4; i <= NF; i += 2) print $2, $i }' | sort -u
}

n=0
offences=
while read -r program case; do
	n=$((n + 1))
	file=$(find app/test -name "$program.c")
	if [ -z "$file" ]; then
		offences+="doc/conformance.md: there is no test program $program"$'\n'
	elif ! grep -qE "^[[:space:]]TEST[A-Z_]*\($case\)" "$file"; then
		offences+="doc/conformance.md: $file has no case $case"$'\n'
	fi
done < <(named)
[ "$n" -gt 20 ] || offences+="doc/conformance.md: only $n tests found in it"$'\n'

if [ -z "$offences" ]; then
	echo "ok conformance: the $n tests of the table are there"
	echo "1 passed, 0 failed"
else
	printf '%s' "$offences"
	echo "FAILED conformance: the tests of the table are there"
	echo "0 passed, 1 failed"
	exit 1
fi
