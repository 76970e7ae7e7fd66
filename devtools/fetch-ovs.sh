#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/fetch-ovs.sh
#
# Brings Debian's Open vSwitch with DPDK (package openvswitch-switch-dpdk) into .ovs-cache/, for
# test/e2e/test_ovs.py. The packages are unpacked and not installed, since an installation starts a
# service of the system. Libraries that they need and this machine lacks come along; those of DPDK
# are the machine's own. Root is not needed.
#
#   -h, --help  this text
#   --version   the version of this tree
#
# Does nothing where it is there already, or where it is installed. Never fails: without it, the
# test is skipped.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

no_options "$@"

target=$root/.ovs-cache

give_up() {
	say "no Open vSwitch: $*; test/e2e/test_ovs.py will be skipped"
	exit 0
}

# What an installation would bring, without programs in Python, and without DPDK.
packages() {
	apt-get -q -s --no-install-recommends install openvswitch-switch-dpdk 2>/dev/null |
		sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
		grep -Ev '^(dpdk|librte|libdpdk|python3)' || true
}

if [ -x /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk ]; then
	say "Open vSwitch with DPDK is installed"
	exit 0
fi
if [ -d "$target/root" ]; then
	say "Open vSwitch with DPDK is in .ovs-cache already"
	exit 0
fi
for program in apt-get dpkg-deb; do
	command -v "$program" >/dev/null || give_up "this is not Debian: there is no $program"
done
list=$(packages)
if [ -z "$list" ] && [ "$(id -u)" -eq 0 ]; then
	apt-get -q update >&2 || true
	list=$(packages)
fi
grep -qx openvswitch-switch-dpdk <<<"$list" || give_up "apt has no openvswitch-switch-dpdk"
rm -rf "$target"
mkdir -p "$target/packages" "$target/part"
# One word a package. As the user that runs this, since the folder may be closed to apt's own user.
# shellcheck disable=SC2086
(cd "$target/packages" && apt-get -q -o APT::Sandbox::User=root download $list) >&2 ||
	give_up "apt-get could not download $(paste -sd' ' <<<"$list")"
for package in "$target"/packages/*.deb; do
	dpkg-deb -x "$package" "$target/part" || give_up "$package cannot be unpacked"
done
# Last, so that what was cut off is not taken for the whole.
mv "$target/part" "$target/root"
rm -rf "$target/packages"
say "Open vSwitch with DPDK is now in .ovs-cache"
