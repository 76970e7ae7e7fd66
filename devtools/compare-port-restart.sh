#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/compare-port-restart.sh [--quick] [--rounds N] [--queues N] [--json FILE]
#                                          [--plot FILE]
#
# What it costs to give one of four queues another pool: the same traffic, the same back-end, one
# process on net_vhost for all, and the same program, app/virtio-bench, in turn:
#   packaged port   the packaged driver's only way that gives buffers back: the port is stopped,
#                   configured so that it resets its device, all queues are set up, started
#   packaged plain  its stop and start of the port alone, which give no buffer back and no ring
#                   another size: shown for its time only
#   ours rx-queue   this driver: one queue is stopped, set up and started, with rx_drain_us
# Makes the machine ready (devtools/setup.sh), builds, and ends with a table: how long each takes,
# packets lost of each queue, buffers that were not back after the stop; and the lowest millisecond
# and the longest gap of the other queues meanwhile, beside those of as long a time without.
#
# The port's thread sends a burst on each queue every 100 us, and sleeps between. Its core is also
# that of the threads that make no traffic, of the control thread and of the back-end's message
# thread: they have it while the port's thread sleeps, about two thirds of the time, as they would
# have a core of their own. The back-end polls on the other core, alone.
#
#   --quick      fewer of them
#   --rounds N   so many of each (default 200)
#   --queues N   queue pairs, 1 to 8 (default 4)
#   --json FILE  write all figures there, with the packets of each queue in each millisecond
#   --plot FILE  draw the three time lines, one above the other, a .png
#   -h, --help   this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

queues=4
rounds=200
interval_ms=20
json=
plot=
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--quick)
		rounds=3
		shift
		;;
	--rounds | --queues)
		[[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error "$1 wants a number (see --help)"
		printf -v "${1#--}" %s "$2"
		shift 2
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

[ "$queues" -le 8 ] || usage_error "--queues $queues: the packaged driver has 8 at most"

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
build_targets="app/virtio-bench/virtio-bench drivers/net/virtio/librte_net_virtio.so"
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

bench=$root/build/app/virtio-bench/virtio-bench
load=$(cut -d' ' -f1 /proc/loadavg)

say "starting the back-end"
# EAL's control threads go to the core that no lcore of the process has: the port's.
# One word an option.
# shellcheck disable=SC2086
taskset -c "$front,$back" "$bench" --lcores "0@$back" $memory -m 128 --no-pci --no-telemetry \
	--iova-mode=va "--log-level=*:error" --file-prefix "compare-$$-back-end" \
	--vdev "net_vhost0,iface=$work/vhost.sock,queues=$queues" \
	-- serve --pairs "$queues" --burst 64 --deadline 3600 \
	>"$work/backend.ready" 2>"$work/backend.log" &
backend=$!
for ((i = 0; i < 300; i++)); do
	! grep -q ready "$work/backend.ready" || break
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
	if ! "$bench" --lcores "0@$front,1@$front" $memory \
		-m 128 --no-pci --no-telemetry --iova-mode=va "--log-level=*:error" \
		--file-prefix "compare-$$" "$@" \
		--vdev "$vdev$devargs" \
		-- timeline --way "$way" --rounds "$rounds" --pairs "$queues" --ms "$interval_ms" \
		--pace 100 --burst 64 --deadline 600 \
		>"$work/$way.json" 2>"$work/$way.log"; then
		die "$name: $(tail -n5 "$work/$way.log")"
	fi
	done_runs=$((done_runs + 1))
}

run "packaged port" port ""
run "packaged plain" plain ""
run "ours rx-queue" rx-queue ,rx_drain_us=1000000 -d "$private/librte_net_virtio.so"

"$python" "$root/devtools/compare-port-restart.py" "$json" ${plot:+--plot "$plot"} \
	--load "$load" \
	"packaged port=$work/port.json" "packaged plain=$work/plain.json" \
	"ours rx-queue=$work/rx-queue.json"
