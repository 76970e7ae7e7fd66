#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-bench.sh [--quick] [--json FILE] [--doc FILE] [--plot FILE] [--burst N]
#                              [--only LIST] [--paths LIST] [--traffic LIST]
#
# Compares our driver with the packaged net_virtio. Makes the machine ready (devtools/setup.sh),
# builds, and runs the same program, app/virtio-bench, for one and the other in turn, on two cores:
#   steps   exact instructions per packet of rx_burst and tx_burst, by single-stepping
#   rate    packets per second on the stock net_vhost: out and back, receive only, transmit only;
#           both drivers take turns of some milliseconds
#   latency the time in which one packet goes to net_vhost and back, in turns as well
#   cycles  cycles per packet against a device that costs nothing
#   life    how long it takes to stop, set up and start one queue, and what does the same with the
#           packaged driver
# The whole takes about 50 minutes, on a machine that has nothing else to do;
# doc/performance.md tells the method. Fails if a measurement did; a path that a driver does not
# have is no failure.
#
#   --quick      a look, in under two minutes; its times mean little, its instruction counts are
#                exact
#   --json FILE  write all figures there
#   --doc FILE   write the tables into FILE too, between its two marks (doc/performance.md)
#   --plot FILE  draw the figures (devtools/plot-bench.py), a .png
#   --burst N    packets a burst, 1 to 64 (default 32)
#   --only LIST  some of steps,rate,latency,cycles,life
#   --paths LIST some of the data paths, with "+" between them, such as "split+packed, in-order"
#   --traffic LIST
#                of rate, for each path: some of loop:64,rx:64,tx:64,loop:256 and so on, with the
#                sizes 64, 256, 1518 and imix
#   -h, --help   this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

args=()
json=
plot=
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--quick)
		args+=("$1")
		shift
		;;
	--json | --doc | --plot | --burst | --only | --paths | --traffic)
		[ $# -ge 2 ] || usage_error "$1 wants a value (see --help)"
		case $1 in
		--json) json=$2 ;;
		--plot) plot=$2 ;;
		*) args+=("$1" "$2") ;;
		esac
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

work=
private=
trap 'rm -rf "$work" "$private"' EXIT

"$root/devtools/setup.sh"
build_tree build
need_packaged_driver
work=$(mktemp -d)
private=$(make_private_dir)
cp "$root/build/drivers/net/virtio/librte_net_virtio.so" "$private"
[ -n "$json" ] || json=$work/bench.json

status=0
"$python" "$root/app/virtio-bench/bench.py" --binary "$root/build/app/virtio-bench/virtio-bench" \
	--plugin "$private/librte_net_virtio.so" --json "$json" "${args[@]}" || status=$?
if [ -n "$plot" ] && [ -s "$json" ]; then
	"$python" "$root/devtools/plot-bench.py" "$json" "$plot"
fi
exit "$status"
