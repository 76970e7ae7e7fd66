#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/compare-port-restart.sh [--quick] [--json FILE] [--plot FILE]
#
# What it costs to give one of four queues another pool: the same traffic, the same back-end, one
# process for all, virtio-loopback --serve, and the same program, app/virtio-bench, in turn:
#   packaged port   the packaged driver's only way that gives buffers back: the port is stopped,
#                   configured so that it resets its device, all queues are set up, started
#   packaged plain  its stop and start of the port alone, which give no buffer back and no ring
#                   another size: shown for its time only
#   ours rx-queue   this driver: one queue is stopped, set up and started, with rx_drain_us
# Makes the machine ready (devtools/setup.sh), builds, and ends with a table: how long each takes,
# packets lost of each queue, buffers that were not back after the stop.
#
#   --quick      fewer of them
#   --json FILE  write all figures there, with the packets of each queue in each millisecond
#   --plot FILE  draw the three time lines, one above the other, a .png
#   -h, --help   this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

queues=4
rounds=60
json=
plot=
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--quick)
		rounds=3
		shift
		;;
	--json | --plot)
		[ $# -ge 2 ] || usage_error "$1 wants a file (see --help)"
		case $1 in
		--json) json=$2 ;;
		--plot) plot=$2 ;;
		esac
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

work=
private=
backend=
finish() {
	[ -z "$backend" ] || kill "$backend" 2>/dev/null || true
	wait
	rm -rf "$work" "$private"
}
trap finish EXIT
done_runs=0
trap 'say "ended by a signal after $done_runs of 3 ways; there is no result"; exit 3' INT TERM

"$root/devtools/setup.sh"
build_targets="app/virtio-bench/virtio-bench app/virtio-loopback/virtio-loopback"
build_targets+=" drivers/net/virtio/librte_net_virtio.so"
build_tree build
need_packaged_driver
work=$(mktemp -d)
private=$(make_private_dir)
cp "$root/build/drivers/net/virtio/librte_net_virtio.so" "$private"
[ -n "$json" ] || json=$work/compare.json

# The two ends on cores of their own, where there are two.
read -r front back < <("$python" -c '
import os
cores = sorted(os.sched_getaffinity(0))
print(cores[0], cores[-1])')
memory="--in-memory --single-file-segments"
[ "$(free_hugepages)" -ge 96 ] || memory="--no-huge --no-shconf"

say "starting the back-end"
taskset -c "$back" "$root/build/app/virtio-loopback/virtio-loopback" --serve "$work/vhost.sock" \
	--queues "$queues" >/dev/null 2>"$work/backend.log" &
backend=$!
for ((i = 0; i < 300; i++)); do
	[ ! -S "$work/vhost.sock" ] || break
	kill -0 "$backend" 2>/dev/null || die "the back-end: $(cat "$work/backend.log")"
	sleep 0.1
done

# run NAME WAY DEVARGS EAL_OPTION...
run() {
	local name=$1 way=$2 devargs=$3
	local vdev="net_virtio_user0,path=$work/vhost.sock,queues=$queues,queue_size=256"
	shift 3
	say "$name"
	# One word an option.
	# shellcheck disable=SC2086
	if ! "$root/build/app/virtio-bench/virtio-bench" --lcores "0@$front,1@$front" $memory \
		-m 128 --no-pci --no-telemetry --iova-mode=va "--log-level=*:error" \
		--file-prefix "compare-$$" "$@" \
		--vdev "$vdev$devargs" \
		-- timeline --way "$way" --rounds "$rounds" --pairs "$queues" --ms 50 \
		>"$work/$way.json" 2>"$work/$way.log"; then
		die "$name: $(tail -n5 "$work/$way.log")"
	fi
	done_runs=$((done_runs + 1))
}

run "packaged port" port ""
run "packaged plain" plain ""
run "ours rx-queue" rx-queue ,rx_drain_us=1000000 -d "$private/librte_net_virtio.so"

"$python" "$root/devtools/compare-port-restart.py" "$json" ${plot:+--plot "$plot"} \
	"packaged port=$work/port.json" "packaged plain=$work/plain.json" \
	"ours rx-queue=$work/rx-queue.json"
