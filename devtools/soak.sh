#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/soak.sh [--minutes N] [--seed N] [--json FILE] [--no-huge] [--verbose]
#
# Builds app/virtio-soak and runs it: queues of a virtio-user port are reset under traffic, on every
# path of the driver and by both methods, while back-ends are killed, stopped and replaced, and
# memory comes and goes. Each packet and buffer is accounted for, and memory, file descriptors and
# threads must not grow. About 100000 queue resets take an hour on two cores that do nothing else;
# the summary has their number, and the percentiles of the times of stop and start. The run takes a
# minute beyond its length at most, for the last episode.
#
# Then, for a tenth of that time more, queues are reset that a secondary process polls, which is
# killed (virtio-soak-secondaries). This takes root and hugepages, and is skipped without.
#
#   --minutes N  how long, 1 to 10080 (default 60)
#   --seed N     repeats the choices of another run; each run prints its seed
#   --json FILE  write all figures there, but those of secondary processes
#   --no-huge    ordinary memory instead of hugepages: none is added under traffic, and there are
#                no secondary processes
#   --verbose    print what the driver and EAL log
#   -h, --help   this text
#   --version    the version of this tree
#
# Exit status: 0 if nothing was lost and nothing has grown, 1 if not, 2 if nothing was tried, 3 if a
# signal ended the run and nothing was wrong until then.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

minutes=60
seed=$(date +%s)
no_huge=
args=()
shared_args=()
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--minutes | --seed)
		[[ ${2:-} =~ ^[0-9]+$ ]] || usage_error "$1 wants a number (see --help)"
		;;&
	--minutes)
		[ "${#2}" -le 5 ] && [ "$2" -ge 1 ] && [ "$2" -le 10080 ] ||
			usage_error "--minutes $2: must be a number from 1 to 10080"
		minutes=$2
		shift 2
		;;
	--seed)
		seed=$2
		shift 2
		;;
	--json)
		[ -n "${2:-}" ] || usage_error "--json wants a file (see --help)"
		args+=("$1" "$2")
		shift 2
		;;
	--no-huge)
		args+=("$1")
		no_huge=yes
		shift
		;;
	--verbose)
		args+=("$1")
		shared_args+=("$1")
		shift
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

backend=app/virtio-loopback/virtio-loopback
soak=app/virtio-soak/virtio-soak
build_targets="$soak $soak-secondaries $backend" build_tree build

# run PROGRAM...: it gets the signals that end this script, and its status is what they come to.
child=
trap 'signalled=yes; kill -TERM "$child" 2>/dev/null || true' INT TERM
run() {
	local status
	"$root/build/$1" --backend "$root/build/$backend" --seed "$seed" "${@:2}" &
	child=$!
	while :; do
		signalled=
		status=0
		wait "$child" || status=$?
		[ -n "$signalled" ] || return "$status"
	done
}

first=0
run "$soak" --minutes "$minutes" "${args[@]}" || first=$?
[ "$first" -ne 2 ] && [ "$first" -ne 3 ] || exit "$first"
if [ -n "$no_huge" ]; then
	echo "skipped secondaries: without hugepages, as asked"
	exit "$first"
fi
second=0
run "$soak-secondaries" --seconds $((6 * minutes)) "${shared_args[@]}" || second=$?
# Something was tried.
[ "$second" -ne 2 ] || second=1
[ "$first" -eq 0 ] || exit "$first"
exit "$second"
