#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-vdpa-tests.sh [--build DIR]
#
# Runs the driver on a vDPA device of the kernel, by /dev/vhost-vdpa-0: the kernel's simulator
# vdpa_sim_net, in a guest without virtualisation by the processor (TCG), with the stock
# dpdk-testpmd. It takes minutes, and is no part of devtools/run-tests.sh.
#
# The kernel is that of this Debian's backports. Debian builds no simulator, so its modules are
# built here, of the package of the kernel's source. 275 MB of packages are downloaded the first
# time, and unpacked below .guest. Nothing is installed.
#
# Each test prints "ok NAME" or "FAILED NAME"; the last line counts them. What the guest says is
# kept in DIR/guest-logs. The exit status is 77 where nothing could be run, with "skipped" and the
# reason.
#
#   --build DIR  the build that is tested, below the root of the tree (default: build)
#   -h, --help   this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

build=build
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--build)
		[ $# -ge 2 ] || usage_error "--build wants a folder"
		build=$2
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

cache=$root/.guest/vdpa

skip() {
	echo "skipped vdpa: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}

# backports COMMAND...: apt with the backports alone, in folders of its own.
backports() {
	local tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$cache/apt/state" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$cache/apt/cache" -o APT::Sandbox::User=root "$@"
}

# The mirror that this system has its packages from.
mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
		awk -v codename="$codename" '$2 == codename && $1 ~ /^http/ { print $1; exit }'
}

read_backports() {
	local site
	site=$(mirror)
	[ -n "$site" ] || return
	mkdir -p "$cache"/apt/state/lists/partial "$cache"/apt/cache/archives/partial
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site" \
		"$codename-backports main" >"$cache/apt/sources.list"
	backports apt-get update >&2
}

# The version of the kernel in the backports, as "6.12.1+deb12".
kernel_version() {
	backports apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/.*Depends: linux-image-\([0-9].*\)-amd64$/\1/p' | head -1
}

# Kernel, headers and source of that version.
get_packages() {
	local source=linux-source-${version%.*}
	rm -rf "$cache/part"
	mkdir -p "$cache/part"
	(cd "$cache/part" && backports apt-get download "linux-image-$version-amd64" \
		"linux-headers-$version-amd64" "linux-headers-$version-common" \
		"linux-kbuild-$version" "$source") >&2 || return
	for package in "$cache"/part/*.deb; do
		dpkg-deb -x "$package" "$cache/part/root" || return
	done
	tar -C "$cache/part" -xJf "$cache/part/root/usr/src/$source.tar.xz" --wildcards \
		'*/drivers/vhost/vringh.c' '*/drivers/vdpa/vdpa_sim/vdpa_sim*' || return
	rm "$cache"/part/*.deb "$cache/part/root/usr/src/$source.tar.xz"
	mv "$cache/part" "$cache/$version"
}

build_modules() {
	local dir=$cache/$version modules=$cache/$version/modules
	local headers=$dir/root/usr/src/linux-headers-$version-amd64
	[ ! -e "$modules/built" ] || return 0
	mkdir -p "$modules"
	cp "$dir"/linux-source-*/drivers/vhost/vringh.c \
		"$dir"/linux-source-*/drivers/vdpa/vdpa_sim/vdpa_sim{.c,.h,_net.c} "$modules"
	echo "obj-m := vringh.o vdpa_sim.o vdpa_sim_net.o" >"$modules/Makefile"
	# Without the kernel's own types, which need pahole, and with the other half beside it.
	rm -f "$headers/vmlinux"
	echo "include ${headers%-amd64}-common/Makefile" >"$headers/Makefile"
	make -C "$headers" M="$modules" modules >&2 || return
	touch "$modules/built"
}

[ "$(uname -m)" = x86_64 ] || skip "the guest is an x86-64 machine, this is $(uname -m)"
for program in qemu-system-x86_64 busybox vdpa apt-get make gcc-12; do
	command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] ||
		skip "no $program here (qemu-system-x86, busybox-static, iproute2, make, gcc-12)"
done
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] || skip "this Debian has no name, so its backports are not known"
if [ -e "$cache/version" ]; then
	version=$(cat "$cache/version")
else
	read_backports || skip "no packages of $codename-backports to be had"
	version=$(kernel_version)
	[ -n "$version" ] || skip "no kernel in $codename-backports"
	say "downloading kernel, headers and source $version"
	[ -d "$cache/$version" ] || get_packages ||
		skip "the packages of kernel $version are not to be had"
	echo "$version" >"$cache/version"
fi
build_modules || die "the modules of kernel $version cannot be built"
build_tree "$build"
exec "$python" -B test/guest/run.py --kernel "$cache/$version/root" --build "$root/$build" \
	--vdpa "$cache/$version/modules"
