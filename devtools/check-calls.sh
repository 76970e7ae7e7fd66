#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-calls.sh
#
# Holds the order of the files: no file of lib/virtio or drivers/net/virtio takes part in a circle
# of calls, so each can be read with those below it alone. A call is a symbol that one object file
# of the folder build/ defines and another one needs; calls by a table of functions do not count.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

build_targets=drivers/net/virtio/librte_net_virtio.so build_tree build

passed=0
failed=0

# CALLER CALLED SYMBOL of each call from one file to another.
calls=$(find build/lib/virtio build/drivers/net/virtio -name '*.o' -exec nm -A -P {} + | awk '
	{
		file = $1
		sub(/:$/, "", file)
		sub(/.*\//, "", file)
		sub(/\.o$/, "", file)
		if ($3 == "U")
			needs[file " " $2]
		else if ($3 ~ /^[A-Z]$/)
			defines[$2] = file
	}
	END {
		for (need in needs) {
			split(need, is, " ")
			if (is[2] in defines && defines[is[2]] != is[1])
				print is[1], defines[is[2]], is[2]
		}
	}')

# tsort names the members of each circle; a tree without calls would pass unseen.
if [ "$(wc -l <<<"$calls")" -lt 100 ]; then
	echo "build/: fewer than 100 calls between files"
	echo "FAILED calls: the object files are there"
	failed=$((failed + 1))
elif circle=$(cut -d' ' -f1,2 <<<"$calls" | tsort 2>&1 >/dev/null); then
	echo "ok calls: no file is in a circle"
	passed=$((passed + 1))
else
	members=$(sed -n 's/^tsort: \([^ ]*\.c\)$/\1/p' <<<"$circle" | sort -u)
	sort <<<"$calls" | awk -v members="$members" '
		BEGIN { n = split(members, list, "\n"); for (i = 1; i <= n; i++) is[list[i]] }
		$1 in is && $2 in is { print $1 " calls " $2 ": " $3 }'
	echo "FAILED calls: no file is in a circle"
	failed=$((failed + 1))
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
