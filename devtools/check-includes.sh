#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-includes.sh
#
# Holds the tree's #include lines against its plan: app -> drivers/net/virtio -> lib/virtio -> EAL.
# lib/virtio knows no mbuf and no ethdev, nobody includes against an arrow, and instructions beyond
# the generic machine stay in files of their own (*_vec_*, *_avx*, *_neon*). No two headers have one
# name: devtools/check-versions.sh compiles each file with all folders.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

eal="alarm atomic bitops branch_prediction byteorder common compat config cycles debug dev eal"
eal+=" eal_memconfig errno fbarray hexdump interrupts io lcore log malloc memcpy memory memzone"
eal+=" pause per_lcore prefetch random rwlock spinlock stdatomic string_fns tailq thread time"
eal+=" version"
eal="(rte_(${eal// /|})|eal_export)\\.h"
vhost='rte_vhost(_async|_crypto)?\.h'

passed=0
failed=0
verdict() {
	local name=$1 offences=$2
	if [ -z "$offences" ]; then
		echo "ok includes: $name"
		passed=$((passed + 1))
	else
		echo "$offences"
		echo "FAILED includes: $name"
		failed=$((failed + 1))
	fi
}

# FILE:LINE HEADER of each include below the folders given.
includes() {
	find "$@" -name '*.[ch]' -exec grep -nHE '^[[:space:]]*#[[:space:]]*include' {} + |
		sed -E 's/^([^:]*:[0-9]+):[^<"]*[<"]([^>"]*)[>"].*/\1 \2/' || true
}

ours() {
	find "$@" -name '*.h' -printf '%f\n'
}

# may_include FOLDER OURS DPDK: of this tree's headers only those below the folders OURS, of DPDK's
# only (or, with a leading "!", all but) those that fit the pattern DPDK.
may_include() {
	local folder=$1 allowed=$2 dpdk=$3
	# shellcheck disable=SC2086
	verdict "$folder includes what it may" "$(includes "$folder" | awk -v dpdk="$dpdk" \
		-v allowed="$(ours $allowed)" -v tree="$(ours app drivers lib)" '
		BEGIN {
			n = split(tree, list, "\n"); for (i = 1; i <= n; i++) ours[list[i]]
			n = split(allowed, list, "\n"); for (i = 1; i <= n; i++) may[list[i]]
			but = sub(/^!/, "", dpdk)
			dpdk = "^" dpdk "$"
		}
		{
			name = $2
			sub(/.*\//, "", name)
			if (name in ours) {
				if (!(name in may))
					print $1 ": " $2 " is against the arrows"
			} else if (name ~ /^(rte_|ethdev_|bus_|dev_)/ && (name ~ dpdk) == but) {
				print $1 ": " $2 " is not for this folder"
			}
		}')"
}

verdict "each header has a name of its own" "$(ours app drivers lib | sort | uniq -d)"
may_include lib/virtio "lib/virtio" "$eal"
may_include lib/vhost_ring_reset "lib/vhost_ring_reset" "($eal|$vhost)"
may_include drivers/net/virtio "drivers/net/virtio lib/virtio" "!$vhost"
for app in app/*/; do
	# The fuzz targets have their fakes from the tests, and test virtio-loopback too.
	fakes=
	[ "$app" != app/fuzz/ ] || fakes="app/test app/virtio-loopback"
	# It has the traffic and the resets of virtio-loopback.
	[ "$app" != app/virtio-soak/ ] || fakes=app/virtio-loopback
	may_include "${app%/}" "$app app/common lib drivers $fakes" "!none"
done

verdict "special instructions in files of their own" "$(
	special='((x86|[a-z]*mm)intrin|arm_neon)\.h[>"]|\<_mm(256|512)?_[a-z0-9]+'
	find app drivers lib -name '*.[ch]' ! -name '*_vec_*' ! -name '*_avx*' ! -name '*_neon*' \
		-exec grep -nHE "$special" {} + || true
)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
