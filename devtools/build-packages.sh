#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/build-packages.sh [--no-chroot] [--output DIR]
#
# Builds the Debian packages of this tree from debian/, checks them with lintian, checks their
# contents, and tests them in a chroot of the same Debian release:
#   - the stock dpdk-testpmd uses the packaged driver without -d, and the plug-in with -d;
#   - with dpdk-pmd-virtio-qreset-default, it uses the plug-in without -d, and stops a queue;
#   - a new installation of the packaged driver does not change this;
#   - after the removal, the packaged driver is back, and no file is left.
# The chroot is made by debootstrap from the machine's own apt entries, which needs root, and is
# kept in build-packages/ for the next run. The packages are not installed on the machine. As root,
# the programs that the build needs are installed if they are missing.
#
#   --no-chroot   build and check only; root is not needed
#   --output DIR  where the packages are written to (default: build-packages, below the root of
#                 the tree)
#   -h, --help    this text
#   --version     the version of this tree
#
# Each check prints "ok NAME" or "FAILED NAME"; the last line counts them. Exit status: 0 if none
# failed, 1 if one did or something is missing, 2 for wrong options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

chroot=yes
output=$root/build-packages
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--no-chroot)
		chroot=''
		shift
		;;
	--output)
		[ -n "${2:-}" ] || usage_error "--output needs a folder"
		output=$2
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

name=dpdk-pmd-virtio-qreset
packages=("$name" "$name-default" "$name-dev" dpdk-virtio-tools)
version=$(cat "$root/VERSION")

passed=0
failed=0
# judge NAME COMMAND...
judge() {
	local what=$1
	shift
	if "$@"; then
		echo "ok packages: $what"
		passed=$((passed + 1))
	else
		echo "FAILED packages: $what"
		failed=$((failed + 1))
	fi
}

# need PACKAGE TEST...: adds the package to the list of what is missing unless TEST succeeds.
need() {
	local package=$1
	shift
	"$@" >/dev/null 2>&1 || missing+=("$package")
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1")" = installed ]
}

look() {
	missing=()
	need dpkg-dev command -v dpkg-buildpackage
	# dpkg-buildpackage demands it by name.
	need build-essential is_installed build-essential
	need debhelper command -v dh
	need lintian command -v lintian
	need pkg-config command -v pkg-config
	need meson command -v meson
	need libdpdk-dev pkg-config --exists libdpdk
	need libpcap-dev pkg-config --exists libpcap
	[ -z "$chroot" ] || need debootstrap command -v debootstrap
}

# As root, what is missing is installed, as devtools/setup.sh does.
get_programs() {
	[ -z "$chroot" ] || [ "$(id -u)" -eq 0 ] ||
		die "the chroot needs root: run this as root, or with --no-chroot"
	look
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "this is not Debian: there is no apt-get"
	[ "$(id -u)" -eq 0 ] ||
		die "missing: ${missing[*]} (as root: apt-get install ${missing[*]})"
	say "installing ${missing[*]}"
	apt-get -q update >&2 ||
		say "warning: apt-get update reported a failure; going on with the known lists"
	DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "${missing[@]}" >&2 ||
		die "apt-get could not install ${missing[*]}"
	hash -r
	look
	[ ${#missing[@]} -eq 0 ] || die "still missing afterwards: ${missing[*]}"
}

# A copy, so that the build leaves nothing in the tree.
build() {
	# The place does not change, so that a compiler cache knows the files of an earlier run.
	local copy=$root/build-packages/tree/dpdk-virtio-$version found package
	found=$(dpkg-parsechangelog -l "$root/debian/changelog" -S Version)
	[ "$found" = "$version" ] ||
		die "debian/changelog has version $found, the file VERSION has $version"
	"$root/devtools/fetch-driver-sdk.sh"
	say "building the packages of version $version"
	rm -rf "${copy%/*}"
	mkdir -p "$copy"
	tar -C "$root" -c --exclude-vcs --exclude='./build*' --exclude=./.guest \
		--exclude=./.ovs-cache --exclude=./.driver-sdk/chroots \
		--exclude=./.driver-sdk/headers . |
		tar -C "$copy" -x
	if ! (cd "$copy" &&
		DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc) ${DEB_BUILD_OPTIONS:-}" \
			dpkg-buildpackage -b -us -uc) >"$work/log" 2>&1; then
		tail -n 40 "$work/log" >&2
		die "dpkg-buildpackage failed"
	fi
	rm -rf "$copy"
	mkdir -p "$output"
	for package in "${packages[@]}"; do
		rm -f "$output/${package}"_*.deb
	done
	rm -f "$output"/dpdk-virtio_*.{changes,buildinfo}
	mv "${copy%/*}"/dpdk-*.deb "${copy%/*}"/dpdk-virtio_*.{changes,buildinfo} "$output"
	say "the packages are in $output"
}

deb() {
	echo "$output/$1_${version}_$(dpkg --print-architecture).deb"
}

lintian_finds_no_error() {
	lintian --fail-on error --tag-display-limit 0 "$output"/dpdk-virtio_*.changes >&2
}

files() {
	dpkg-deb -c "$(deb "$1")" | awk '!/^d/ { print $6 }'
}

# has PACKAGE FILE...
has() {
	local package=$1 file
	shift
	for file; do
		files "$package" | grep -xF "./$file" >/dev/null ||
			{ say "$package has no $file"; return 1; }
	done
}

needs() {
	dpkg-deb -f "$(deb "$1")" Depends | grep -qE "(^|, )$2" ||
		{ say "$1 does not depend on $2"; return 1; }
}

# Packages with a file in common cannot be installed together.
no_file_is_in_two() {
	local package
	for package in "${packages[@]}"; do
		files "$package"
	done | sort | uniq -d >"$work/doubles"
	[ ! -s "$work/doubles" ] || { cat "$work/doubles" >&2; return 1; }
}

no_path_of_the_build() {
	dpkg-deb --fsys-tarfile "$(deb "$name")" >"$work/files.tar" || return 1
	! grep -qaF "$root" "$work/files.tar"
}

check_contents() {
	local lib man=usr/share/man/man1 abi packaged
	lib=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
	packaged=$(find "/$lib/$(dirname "$(readlink "/$lib/librte_net_virtio.so")")" \
		-name 'librte_net_virtio.so.*.*' ! -name '*.packaged')
	abi=${packaged##*.so.}
	judge "$name has the plug-in" has "$name" "$lib/dpdk-virtio/librte_net_virtio.so"
	judge "$name depends on the ABI of DPDK" needs "$name" "librte-ethdev${abi%%.*} "
	judge "$name-default has the link" has "$name-default" "${packaged#/}"
	judge "$name-dev has headers, library and pkg-config's files" has "$name-dev" \
		"usr/include/dpdk-virtio/rte_pmd_virtio.h" \
		"usr/include/dpdk-virtio/vhost_ring_reset.h" "$lib/libvhost_ring_reset.a" \
		"$lib/pkgconfig/dpdk-virtio.pc" "$lib/pkgconfig/vhost_ring_reset.pc"
	judge "dpdk-virtio-tools has programs, manuals and completion" has dpdk-virtio-tools \
		usr/bin/virtio-loopback usr/bin/virtio-bench \
		"$man/virtio-loopback.1.gz" "$man/virtio-bench.1.gz" \
		usr/share/bash-completion/completions/virtio-loopback \
		usr/share/bash-completion/completions/virtio-bench
	judge "no file is in two packages" no_file_is_in_two
	judge "the plug-in has no path of the build" no_path_of_the_build
}

# What apt itself reads: SITE RELEASE CODENAME COMPONENT of each list of this Debian release.
apt_entries() {
	local VERSION_CODENAME=
	# shellcheck disable=SC1091
	. /etc/os-release
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE) $(RELEASE) $(CODENAME) $(COMPONENT)' \
		'Created-By: Packages' | sort -u | awk -v name="$VERSION_CODENAME" '
			$3 == name || index($3, name "-") == 1 { print }'
}

make_chroot() {
	local base=$1 entries site codename
	entries=$(apt_entries)
	read -r site codename < <(awk '$3 !~ /-/ { print $1, $3; exit }' <<<"$entries") ||
		die "apt has no entry for this Debian release: run apt-get update"
	if [ -d "$base" ]; then
		say "using the chroot $base (remove it to have it made again)"
		return
	fi
	say "making a chroot of $codename with DPDK in $base (this takes some minutes)"
	rm -rf --one-file-system "$base.part"
	debootstrap --variant=minbase "$codename" "$base.part" "$site" >"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log" >&2; die "debootstrap failed"; }
	awk '{ print "deb", $1, $2, $4 }' <<<"$entries" >"$base.part/etc/apt/sources.list"
	apt-config dump | grep '^Acquire::' >"$base.part/etc/apt/apt.conf.d/90machine" || true
	cp /etc/resolv.conf "$base.part/etc/resolv.conf"
	inside "$base.part" sh -euc 'apt-get -q update
		apt-get -q -y --no-install-recommends install dpdk-dev pkg-config' \
		>"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log" >&2; die "DPDK could not be installed in the chroot"; }
	mv "$base.part" "$base"
}

# inside CHROOT COMMAND...: its mounts end with it.
inside() {
	# shellcheck disable=SC2016
	DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 TMPDIR=/tmp unshare --mount --pid --fork \
		--kill-child sh -euc '
		mount --make-rprivate /
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		mount --rbind -o ro /sys "$1/sys"
		mount -t tmpfs tmpfs "$1/run"
		exec chroot "$@"' sh "$@" </dev/null
}

# The chroot of one run, in which packages come and go.
test_in_chroot() {
	local base=$root/build-packages/chroot line
	mkdir -p "$root/build-packages"
	make_chroot "$base"
	say "installing, using and removing the packages in a copy of the chroot"
	cp -a --reflink=auto "$base" "$work/chroot"
	mkdir "$work/chroot/packages"
	cp "$output"/dpdk-*.deb "$work/chroot/packages"
	cp "$root/test/packages/in-chroot.sh" "$work/chroot/packages"
	inside "$work/chroot" /packages/in-chroot.sh "$version" >"$work/results" 2>"$work/log" ||
		echo "FAILED packages: the test in the chroot ended early" >>"$work/results"
	while read -r line; do
		echo "$line"
		case $line in
		"ok "*) passed=$((passed + 1)) ;;
		*) failed=$((failed + 1)) ;;
		esac
	done <"$work/results"
	! grep -q '^FAILED' "$work/results" || tail -n 60 "$work/log" >&2
}

get_programs
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
build
judge "lintian finds no error" lintian_finds_no_error
check_contents
[ -z "$chroot" ] || test_in_chroot
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
