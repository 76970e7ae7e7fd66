#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-guest-tests.sh [--build DIR] [--coverage] [TEST...]
#
# Runs the driver on a real virtio-pci device: QEMU's, in a guest without virtualisation by the
# processor (TCG), behind an IOMMU, with the kernel of this Debian and the stock dpdk-testpmd.
# TEST is one of those that "--list" names; without any, all are run but "rates", which compares
# with the packaged driver on vhost-net. What the guest says is kept in DIR/guest-logs.
#
# Each test prints "ok NAME", "FAILED NAME" or "skipped NAME"; the last line counts them. The exit
# status is 77 where nothing could be run, for want of QEMU or of a kernel.
#
#   --build DIR  the build that is tested, below the root of the tree (default: build)
#   --coverage   DIR is a build with gcov: what a guest's programs have counted goes to
#                DIR/guest-coverage/TEST.tar.gz
#   --list       the names of the tests
#   -h, --help   this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

build=build
coverage=()
tests=()
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--build)
		[ $# -ge 2 ] || usage_error "--build wants a folder"
		build=$2
		shift 2
		;;
	--coverage)
		coverage=(--coverage)
		shift
		;;
	--list)
		exec "$python" -B test/guest/run.py --list
		;;
	-*) usage_error "no such option: $1 (see --help)" ;;
	*)
		tests+=("$1")
		shift
		;;
	esac
done

cache=$root/.guest

skip() {
	echo "skipped guest: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}

# The package of the kernel that Debian's linux-image-amd64 stands for.
kernel_package() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -1
}

# Downloads and unpacks the kernel, unless that was done; prints its folder. It is not installed.
get_kernel() {
	local package dir
	package=$(kernel_package)
	if [ -z "$package" ] && [ "$(id -u)" -eq 0 ]; then
		apt-get -q update >&2 || true
		package=$(kernel_package)
	fi
	if [ -z "$package" ]; then
		# One that was unpacked before will do.
		dir=$(find "$cache" -maxdepth 1 -name 'linux-image-*' 2>/dev/null | sort | tail -1)
		[ -n "$dir" ] || return
		echo "$dir"
		return
	fi
	dir=$cache/$package
	if [ ! -d "$dir" ]; then
		say "downloading $package"
		rm -rf "$cache/part"
		mkdir -p "$cache/part"
		# As the user who runs this, since the folder may be closed to apt's own user.
		(cd "$cache/part" &&
			apt-get -q -o APT::Sandbox::User=root download "$package") >&2 || return
		dpkg-deb -x "$cache"/part/*.deb "$cache/part/root" >&2 || return
		mv "$cache/part/root" "$dir"
		rm -rf "$cache/part"
	fi
	echo "$dir"
}

[ "$(uname -m)" = x86_64 ] || skip "the guest is an x86-64 machine, this is $(uname -m)"
for program in qemu-system-x86_64 busybox; do
	command -v "$program" >/dev/null ||
		skip "no $program here; devtools/setup.sh gets qemu-system-x86 and busybox-static"
done
command -v apt-get >/dev/null || skip "no apt-get to download a kernel with"
kernel=$(get_kernel) || true
[ -n "$kernel" ] || skip "no kernel package to be had"
build_tree "$build"
exec "$python" -B test/guest/run.py --kernel "$kernel" --build "$root/$build" \
	"${coverage[@]}" "${tests[@]}"
