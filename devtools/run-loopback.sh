#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-loopback.sh [OPTION...]
#
# Makes the machine ready (devtools/setup.sh), builds, and runs virtio-loopback with a capture of
# mixed traffic: one queue after the other is stopped, resized and started again while traffic runs
# on all of them. Ends with its table, a JSON file and a picture of the time line in the build
# folder, and its exit status: 0 only if nothing was lost that should not be.
#
# Options are virtio-loopback's own and come after those that are chosen here; --pcap-in FILE puts
# another capture in the place of the made one, "--pcap-in=" none: numbered packets.
# build/app/virtio-loopback/virtio-loopback --help tells all of them. An option that the program
# does not have is refused before anything is installed; a wrong value, by the program itself.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The program may not be built yet, or be older than its source, which lists its options.
is_option() {
	grep -qF "{ \"${1#--}" "$root/app/virtio-loopback/options.c"
}

make_capture=yes
for option; do
	answer_common_option "$option"
	case $option in
	--pcap-in | --pcap-in=*) make_capture= ;;
	--serve | --serve=*) usage_error "to serve another process, run virtio-loopback itself" ;;
	--json | --json=*) usage_error "the JSON file is build/loopback.json" ;;
	--?*) is_option "${option%%=*}" || usage_error "no such option: $option (see --help)" ;;
	-?*) usage_error "no such option: $option (see --help)" ;;
	esac
done

"$root/devtools/setup.sh"
# The plug-in and the examples too, because the README goes on with them.
build_targets="app/virtio-loopback/virtio-loopback drivers/net/virtio/librte_net_virtio.so
	app/examples/queue_scale app/examples/queue_swap" build_tree build

build=$root/build
capture=$build/loopback.pcap
json=$build/loopback.json
picture=$build/loopback.png
arguments=(--json "$json")
if [ -n "$make_capture" ]; then
	say "making a capture"
	"$python" "$root/devtools/make-capture.py" "$capture" >&2
	arguments+=(--pcap-in "$capture")
fi

status=0
rm -f "$json" "$picture"
"$build/app/virtio-loopback/virtio-loopback" "${arguments[@]}" "$@" || status=$?
if [ -f "$json" ]; then
	say "all figures: $json"
	if "$python" "$root/devtools/plot-timeline.py" "$json" "$picture"; then
		say "the time line: $picture"
	fi
fi
exit "$status"
