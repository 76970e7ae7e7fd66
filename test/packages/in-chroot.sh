#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: in-chroot.sh VERSION
#
# Run by devtools/build-packages.sh in a chroot that has DPDK, and beside the packages. Prints a
# line for each test; all other output goes to stderr.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

version=$1
name=dpdk-pmd-virtio-qreset
libdir=$(pkg-config --variable=libdir libdpdk)
packaged=$(find "$libdir/dpdk" -name 'librte_net_virtio.so.*.*')
owner=$(dpkg -S "$packaged" | cut -d: -f1)
packaged_sum=$(md5sum <"$packaged")
socket=/run/vhost.sock
cpu=$(sed -n 's/^Cpus_allowed_list:\s*\([0-9]*\).*/\1/p' /proc/self/status)

judge() {
	local what=$1
	shift
	echo "--- $what" >&2
	if "$@" >&2; then
		echo "ok packages: $what"
	else
		echo "FAILED packages: $what"
	fi
}

install() {
	local package debs=()
	for package; do
		debs+=("./${package}_${version}_$(dpkg --print-architecture).deb")
	done
	apt-get -q -y --no-install-recommends install "${debs[@]}"
}

remove() {
	apt-get -q -y purge "$@"
}

# Prints what testpmd says of a port whose receive queue 1 it stops.
testpmd() {
	local backend tries=0
	rm -f "$socket"
	virtio-loopback --serve "$socket" --queues 2 --no-huge >&2 &
	backend=$!
	while [ ! -S "$socket" ] && [ $((tries += 1)) -lt 600 ]; do
		sleep 0.1
	done
	printf '%s\n' "port 0 rxq 1 stop" "show rxq info 0 1" "show port xstats 0" quit |
		timeout 300 dpdk-testpmd --lcores "0@$cpu,1@$cpu" --no-huge -m 256 --no-pci \
			--no-telemetry --log-level pmd.net.virtio.init:info "$@" \
			--vdev "net_virtio_user0,path=$socket,queues=2" -- -i --rxq=2 --txq=2 \
			--total-num-mbufs=4096 2>&1
	kill "$backend"
	wait "$backend"
}

uses_ours() {
	local said
	said=$(testpmd "$@")
	echo "$said"
	grep -q "driver dpdk-virtio $version," <<<"$said" &&
		grep -q '^Rx queue state: stopped' <<<"$said" &&
		grep -q '^rx_q1_resets: 1' <<<"$said"
}

uses_the_packaged_one() {
	local said
	said=$(testpmd "$@")
	echo "$said"
	! grep -q "driver dpdk-virtio" <<<"$said" && grep -q '^rx_q1_good_packets' <<<"$said" &&
		! grep -q '^rx_q1_resets' <<<"$said"
}

packaged_driver_is_back() {
	[ "$(md5sum <"$packaged")" = "$packaged_sum" ] && [ ! -e "$packaged.packaged" ] &&
		[ -z "$(dpkg --verify "$owner")" ] &&
		! dpkg-divert --list | grep -F librte_net_virtio
}

# ldconfig makes links by the SONAME of a file, and the loader's cache needs the library's name.
library_links_are_unchanged() {
	ldconfig
	[ "$(links)" = "$links_before" ] || { echo "$links_before"; links; return 1; }
	ldconfig -p | grep -E 'librte_net_virtio\.so\.[0-9]+ '
}

links() {
	find "$libdir" -maxdepth 1 -name 'librte_net_virtio.so*' -printf '%p %l\n' | sort
}

# Makes /tmp/next.deb, a version of -default that is for another release of DPDK.
make_next_version() {
	local other=${packaged%.so.*}.so.0.0 next=/tmp/next
	rm -rf "$next"
	dpkg-deb -R "./$name-default_${version}_$(dpkg --print-architecture).deb" "$next" &&
		sed -i "s|^Version: .*|&+next|; s|(= $version)|(>= $version)|" \
			"$next/DEBIAN/control" &&
		sed -i "s|$packaged|$other|g" "$next"/DEBIAN/p* &&
		mv "$next$packaged" "$next$other" &&
		"$@" &&
		(cd "$next" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums) &&
		dpkg-deb -b "$next" /tmp/next.deb
}

is_diverted_once() {
	[ "$(dpkg-divert --list | grep -c librte_net_virtio)" -eq 1 ]
}

next_version_diverts_its_own_file() {
	make_next_version && apt-get -q -y install /tmp/next.deb &&
		[ "$(md5sum <"$packaged")" = "$packaged_sum" ] && is_diverted_once &&
		remove "$name-default" && packaged_driver_is_back
}

# Removed before it was configured, which would have undone the diversion of the version before.
next_version_is_removed_at_once() {
	make_next_version && dpkg --unpack /tmp/next.deb && remove "$name-default" &&
		packaged_driver_is_back
}

# It has a file of another package, so that dpkg refuses it after its preinst.
add_foreign_file() {
	mkdir -p /tmp/next/usr/bin && echo >/tmp/next/usr/bin/dpkg
}

refused_version_changes_nothing() {
	make_next_version add_foreign_file &&
		! dpkg --install /tmp/next.deb >/tmp/refused 2>&1 && cat /tmp/refused &&
		grep -q "trying to overwrite" /tmp/refused &&
		[ -z "$(dpkg --audit)" ] && is_diverted_once && uses_ours &&
		[ "$(md5sum <"$packaged.packaged")" = "$packaged_sum" ]
}

nothing_is_left() {
	local left
	left=$(find / -xdev \( -name '*virtio-qreset*' -o -name 'dpdk-virtio*' \
		-o -name 'virtio-loopback*' -o -name 'virtio-bench*' \) \
		-not -path '/packages/*' -not -path '/proc/*' -not -path '/tmp/*' \
		-not -path '/var/lib/apt/*' -not -path '/var/cache/*')
	echo "$left"
	[ -z "$left" ]
}

links_before=$(links)
judge "the packages are installed" install "$name" "$name-dev" dpdk-virtio-tools
judge "without -d, testpmd uses the packaged driver" uses_the_packaged_one
judge "with -d, testpmd uses the plug-in and stops a queue" \
	uses_ours -d "$(pkg-config --variable=plugin dpdk-virtio)"
judge "virtio-loopback resets queues" virtio-loopback --no-huge --queues 2 --rounds 1
judge "$name-default is installed" install "$name-default"
judge "with it, testpmd uses the plug-in without -d and stops a queue" uses_ours
judge "with it, the links of the library are unchanged" library_links_are_unchanged
judge "the packaged driver is installed again" \
	apt-get -q -y --reinstall install "$owner"
judge "testpmd uses the plug-in without -d after that" uses_ours
judge "$name-default is installed again" install "$name-default"
judge "$name-default is removed" remove "$name-default"
judge "the packaged driver is back" packaged_driver_is_back
judge "testpmd uses the packaged driver again" uses_the_packaged_one
judge "$name-default is installed once more" install "$name-default"
judge "a next version that dpkg refuses changes nothing" refused_version_changes_nothing
judge "its next version diverts its own file alone" next_version_diverts_its_own_file
judge "$name-default is installed for the last time" install "$name-default"
judge "its next version is removed before it is configured" next_version_is_removed_at_once
judge "all packages are removed" remove "$name" "$name-dev" dpdk-virtio-tools
judge "no file is left" nothing_is_left
judge "the links of the library are unchanged" library_links_are_unchanged
