#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/setup.sh [--packages-only | --build-only] [--dpdk-source FILE_OR_DIR]
#
# Makes a machine ready to build, run and test this tree. On Debian, as root: installs the packages
# that are missing, fetches the driver-SDK headers that match the installed DPDK, and reserves huge
# pages if there are none. What is there already is left alone, so a second run takes a second.
# Without root, or on another system, it says exactly what is missing, and fails if anything is.
# QEMU and other programs that only the guest tests need may be missing, and so may Sphinx: the
# guest tests, or the check of the guides, are skipped then.
#
#   --dpdk-source FILE_OR_DIR  take the driver-SDK headers from this DPDK source, a tarball or the
#                              folder that it unpacks to, of the same release as the installed DPDK
#   --packages-only            only packages: no headers, no huge pages, no QEMU
#   --build-only               only what a build and an installation need: nothing of the tests
#   -h, --help                 this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hugepages_wanted=512

has_module() {
	"$python" -c 'import importlib.util, sys
sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$1" 2>/dev/null
}

# need WHAT PACKAGE TEST...: adds to the lists of what is missing unless TEST succeeds. The thing
# is tested for and not its package: a DPDK or a Meson of one's own will do.
missing=()
packages=()
need() {
	local what=$1 package=$2
	shift 2
	if ! "$@" >/dev/null 2>&1; then
		missing+=("$what")
		packages+=("$package")
	fi
}

look() {
	missing=()
	packages=()
	need "gcc" gcc command -v gcc
	need "meson" meson command -v meson
	need "ninja" ninja-build command -v ninja
	need "pkg-config" pkg-config command -v pkg-config
	need "libdpdk 22.11 or later" libdpdk-dev pkg-config --atleast-version=22.11 libdpdk
	need "libpcap" libpcap-dev pkg-config --exists libpcap
	need "xz" xz-utils command -v xz
	need "python3" python3 command -v "$python"
	[ -z "$build_only" ] || return 0
	need "clang" clang command -v clang
	need "dpdk-testpmd" dpdk-dev command -v dpdk-testpmd
	need "Python's elftools" python3-pyelftools has_module elftools
	need "Python's pytest" python3-pytest has_module pytest
	need "Python's matplotlib" python3-matplotlib has_module matplotlib
}

# Needed by the tests on QEMU's devices and by the check of the guides alone: each is skipped where
# its programs are not available.
look_for_optional() {
	missing=()
	packages=()
	need "qemu-system-x86_64" qemu-system-x86 command -v qemu-system-x86_64
	need "busybox" busybox-static command -v busybox
	need "tc" iproute2 command -v tc
	need "sphinx-build" python3-sphinx command -v sphinx-build
	need "spin" spin command -v spin
	need "aarch64-linux-gnu-gcc" gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
	need "qemu-aarch64-static" qemu-user-static command -v qemu-aarch64-static
}

install_packages() {
	say "installing ${packages[*]}"
	apt-get -q update >&2 || say "apt-get update failed: going on with the lists that are there"
	DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "${packages[@]}" >&2 ||
		die "apt-get could not install ${packages[*]}"
	hash -r
	look
	[ ${#missing[@]} -eq 0 ] || die "still missing afterwards: $(list "${missing[@]}")"
}

# Never a failure.
install_optional() {
	local package
	look_for_optional
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(system)" = debian ] && [ "$(id -u)" -eq 0 ]; then
		say "installing ${packages[*]}"
		apt-get -q update >&2 || true
		# One by one: a package that is not available does not keep the others away.
		for package in "${packages[@]}"; do
			DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
				--no-install-recommends "$package" >&2 || true
		done
		hash -r
		look_for_optional
		[ ${#missing[@]} -gt 0 ] || return 0
	fi
	say "missing: $(list "${missing[@]}"): what needs it (the tests on QEMU's devices, the" \
		"check of the guides) will be skipped (Debian's packages: ${packages[*]})"
}

system() {
	local ID=
	# shellcheck disable=SC1091
	[ ! -r /etc/os-release ] || . /etc/os-release
	echo "${ID:-unknown}"
}

list() {
	local all
	printf -v all '%s, ' "$@"
	echo "${all%, }"
}

# Never a failure: everything runs without huge pages too, only slower.
reserve_hugepages() {
	local pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages available wanted got
	local without="the programs will use ordinary memory (--no-huge)"
	if [ ! -r "$pool" ]; then
		say "no huge pages of 2 MB on this machine: $without"
		return
	fi
	if [ "$(cat "$pool")" -gt 0 ]; then
		say "huge pages: $(cat "$pool") of 2 MB there, $(free_hugepages) free"
		return
	fi
	# At most a quarter of what is free.
	available=$(awk '$1 == "MemAvailable:" { print int($2 / 2048) }' /proc/meminfo)
	wanted=$((available / 4 < hugepages_wanted ? available / 4 : hugepages_wanted))
	if ! { echo "$wanted" >"$pool"; } 2>/dev/null; then
		say "huge pages: none there, and none may be reserved here: $without"
		return
	fi
	got=$(cat "$pool")
	if [ "$got" -gt 0 ]; then
		say "huge pages: $got of 2 MB reserved, until the machine restarts"
	else
		say "huge pages: none to be had: $without"
	fi
}

sdk_args=()
packages_only=
build_only=
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--dpdk-source)
		[ $# -ge 2 ] || usage_error "--dpdk-source wants a tarball or a folder"
		[ -e "$2" ] || usage_error "--dpdk-source: there is no $2"
		sdk_args=("$1" "$2")
		shift 2
		;;
	--packages-only)
		packages_only=yes
		shift
		;;
	--build-only)
		build_only=yes
		shift
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

look
if [ ${#missing[@]} -gt 0 ]; then
	say "missing: $(list "${missing[@]}")"
	if [ "$(system)" != debian ]; then
		die "this is not Debian but $(system): install them and run this again" \
			"(Debian's packages: ${packages[*]})"
	elif [ "$(id -u)" -ne 0 ]; then
		die "not root: run this as root, or have root run: apt-get install ${packages[*]}"
	fi
	install_packages
else
	say "programs and libraries: all there, DPDK $(dpdk_version)"
fi
[ -z "$packages_only" ] || exit 0
[ -n "$build_only" ] || install_optional
"$root/devtools/fetch-driver-sdk.sh" "${sdk_args[@]}"
[ -n "$build_only" ] || reserve_hugepages
