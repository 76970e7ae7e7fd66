#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-versions.sh [OPTION]... [VERSION]...
#
# Checks that the tree works with the releases of DPDK that it claims: 22.11, 23.11, 24.11, 25.11
# and 26.11. VERSION is a release, or one of its versions, such as 24.11.6.
#
# Without options and versions: compiles each source file with the headers of the other releases,
# with gcc, without output (-fsyntax-only). A release whose headers are not kept in .driver-sdk is
# skipped. Headers are kept by --dpdk-source.
#
# With versions: builds with gcc and with clang, warnings being errors, and runs the unit tests and
# the end-to-end tests of queues with the dpdk-testpmd of each version:
#   - here, if the installed DPDK is of that release;
#   - else in a chroot: Debian 13 for 24.11, Debian forky for 25.11, made by debootstrap from the
#     mirror of this machine. This takes root, and a source of the release for its driver headers
#     where the mirror has none.
#
#   --dpdk-source FILE_OR_DIR  a tarball of DPDK, or the folder that it unpacks to, of any version
#                              of a release: keeps its headers, and compiles as above with them.
#                              With --dpdk-prefix or a VERSION: has the driver headers for it
#   --dpdk-prefix DIR          build and test against the DPDK that was installed with this prefix;
#                              the machine's own DPDK is needed as well
#   --chroot DIR               folder of the chroots, which are kept (default: .driver-sdk/chroots)
#   -h, --help                 this text
#   --version                  the version of this tree
#
# Each check prints a line, and each release its count. Exit status: 0 if none failed, 1 if one did,
# 2 for wrong options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# Where relative paths of the options begin.
start=$PWD
cd "$root"

releases=(22.11 23.11 24.11 25.11 26.11)
kept=$root/.driver-sdk/headers
chroots=$root/.driver-sdk/chroots
# Queues are stopped, resized and started by both methods, and the session of the guide is played.
e2e=(test_queue_stop_start.py test_setup_at_run_time.py test_reset_method.py
	test_deferred_start.py test_guide_session.py)

passed=0
failed=0
skipped=0

verdict() {
	local status=$1
	shift
	if [ "$status" -eq 0 ]; then
		echo "ok versions: $*"
		passed=$((passed + 1))
	else
		echo "FAILED versions: $*"
		failed=$((failed + 1))
	fi
}

skip() {
	echo "skipped versions: $*"
	skipped=$((skipped + 1))
}

# The release that a version is of: 24.11.6 and 24.11.0-rc1 are of 24.11.
release_of() {
	sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$1"
}

# ---- headers of a release -------------------------------------------------------------------

# keep_headers TREE: copies the headers of a source tree, as an installation would have them, and
# those of its drivers' interface. Its configuration is that of the installed DPDK.
keep_headers() {
	local tree=$1 version dir config year month minor from
	version=$(cat "$tree/VERSION")
	dir=$kept/$version
	rm -rf "$dir"
	mkdir -p "$dir/generic"
	for from in "$tree"/lib/* "$tree"/drivers/bus/{pci,vdev} "$tree/config" \
		"$tree"/lib/eal/{,linux/,"$eal_arch/"}include; do
		find "$from" -maxdepth 1 -name '*.h' -exec cp {} "$dir/" \;
	done
	cp "$tree"/lib/eal/include/generic/*.h "$dir/generic/"
	config=$(echo '#include <rte_build_config.h>' |
		cc -E "${own_cflags[@]}" -xc - |
		sed -nE 's/^# 1 "(.*rte_build_config\.h)".*/\1/p' | head -n1)
	[ -f "$config" ] || die "the installed DPDK has no rte_build_config.h"
	IFS=. read -r year month minor <<<"$version"
	{
		grep -v 'define RTE_VER_' "$config"
		printf '#define RTE_VER_%s\n' "PREFIX \"DPDK\"" "YEAR ${year#0}" \
			"MONTH ${month#0}" "MINOR ${minor%%-*}"
		case $version in
		*-rc*) printf '#define RTE_VER_%s\n' 'SUFFIX "-rc"' "RELEASE ${version##*-rc}" ;;
		*) printf '#define RTE_VER_%s\n' 'SUFFIX ""' 'RELEASE 99' ;;
		esac
		# Options of newer releases, with their defaults.
		printf '#define %s\n' 'RTE_IOVA_IN_MBUF 1' 'RTE_PKTMBUF_HEADROOM 128'
	} >"$dir/rte_build_config.h"
	say "headers of DPDK $version are now in ${dir#"$root"/}"
}

# source_tree FILE_OR_DIR: prints the folder of the tree.
source_tree() {
	local trees source
	if [ -d "$1" ]; then
		(cd "$1" && pwd -P)
		return
	fi
	source=$(mktemp -d "$work/source.XXXXXX")
	tar -C "$source" -xf "$1" || die "$1 is no tarball"
	trees=("$source"/*/VERSION)
	[ -f "${trees[0]}" ] || die "$1 is no tarball of DPDK: it has no VERSION file"
	echo "${trees[0]%/VERSION}"
}

# compile_one COMPILER HEADERS FILE: for xargs.
compile_one() {
	local more=()
	case $3 in
	*_avx2.c | *_avx512.c) [ "$eal_arch" = x86 ] || return 0 ;;&
	*_avx2.c) more=(-mavx2) ;;
	*_avx512.c) more=(-mavx512f -mavx512bw -mavx512dq -mavx512vl) ;;
	# Its function is new in 24.03, before which Meson leaves it out.
	*/transmit_queue_counts_descriptors.c)
		grep -qs rte_eth_tx_queue_count "$2/rte_ethdev.h" || return 0
		;;
	*_neon.c) [ "$eal_arch" = arm ] || return 0 ;;
	esac
	# shellcheck disable=SC2086
	"$1" -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -isystem "$2" $other_cflags \
		-DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API -D_GNU_SOURCE \
		-DVIRTIO_VERSION='""' -DPROJECT_VERSION='""' "${more[@]}" $include_dirs "$3" ||
		{
			echo "$1 refuses $3" >&2
			return 1
		}
}

# check_syntax COMPILER HEADERS
check_syntax() {
	local status=0
	# Expanded by the shell of each file.
	# shellcheck disable=SC2016
	find lib drivers app -name '*.c' -print0 |
		xargs -0 -n1 -P"$(nproc)" bash -c 'compile_one "$0" "$1" "$2"' "$1" "$2" \
			2>"$work/syntax" || status=1
	cat "$work/syntax" >&2
	verdict "$status" "${2##*/}: $1 compiles each file with the headers"
}

prepare_syntax() {
	eal_arch=$(uname -m)
	case $eal_arch in
	x86_64) eal_arch=x86 ;;
	aarch64) eal_arch=arm ;;
	*) die "no headers are kept for a machine of the kind $eal_arch" ;;
	esac
	include_dirs=$(find lib drivers app -name '*.h' -printf '-I%h\n' | sort -u | tr '\n' ' ')
	read -ra own_cflags <<<"$(pkg-config --cflags libdpdk)"
	other_cflags=$(pkg-config --cflags-only-other libdpdk)
	export eal_arch include_dirs other_cflags
	export -f compile_one
}

# check_features TREE: our table of features has DPDK's names, in the order of its newest release.
check_features() {
	local tree=$1 status=0 names=doc/guides/nics/features
	[ "$(release_of "$(cat "$tree/VERSION")")" = "${releases[-1]}" ] || return 0
	sed -nE '/^\[Features\]/,/^\[rte_flow/s/ *=.*//p' "$tree/$names/default.ini" >"$work/all"
	sed -nE 's/ *=.*//p' "$names/virtio.ini" >"$work/ours"
	grep -Fxf "$work/ours" "$work/all" | diff - "$work/ours" >&2 || status=1
	verdict "$status" "$names/virtio.ini has the names and the order of default.ini"
}

# What is kept is compiled with; what is not is skipped by name.
check_kept() {
	local own release dir found
	own=$(release_of "$(dpdk_version)")
	for release in "${releases[@]}"; do
		[ "$release" != "$own" ] || continue
		found=
		for dir in "$kept/$release"*; do
			[ -f "$dir/rte_build_config.h" ] || continue
			found=yes
			check_syntax gcc "$dir"
		done
		[ -n "$found" ] || skip "$release: no headers of it are kept" \
			"(devtools/check-versions.sh --dpdk-source DIR keeps them)"
	done
}

# ---- an installed DPDK ----------------------------------------------------------------------

# driver_headers VERSION: prints the folder for -Ddriver_sdk, or nothing where they are installed.
driver_headers() {
	local dir cflags
	read -ra cflags <<<"$(pkg-config --cflags libdpdk)"
	if echo '#include <ethdev_driver.h>' | cc -E "${cflags[@]}" -xc - >/dev/null 2>&1; then
		return
	fi
	for dir in "$root/.driver-sdk/$1" "$kept/$1" "$kept/$(release_of "$1")"*; do
		if [ -f "$dir/ethdev_driver.h" ]; then
			echo "$dir"
			return
		fi
	done
	die "there are no driver headers of DPDK $(release_of "$1"): give --dpdk-source a tarball" \
		"or tree of any version of it"
}

# Only what differs from what is installed may come from the folder: the rest would hide it.
only_driver_headers() {
	local name
	mkdir -p "$work/sdk"
	for name in ethdev_driver ethdev_pci ethdev_vdev dev_driver bus_driver bus_pci_driver \
		bus_vdev_driver; do
		cp "$1/$name.h" "$work/sdk/"
	done
	echo "$work/sdk"
}

add() {
	local counts
	counts=$("$python" devtools/count-tests.py "$@")
	read -r -a counts <<<"$counts"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + counts[2]))
}

# build_with COMPILER VERSION SDK
build_with() {
	local dir=build-versions-$2-$1 status=0
	rm -rf "$dir"
	CC=$1 build_tree "$dir" -Dwerror=true ${3:+-Ddriver_sdk=$3} || status=1
	verdict "$status" "$2: $1 builds the tree without a warning"
	return "$status"
}

# run_installed: builds and tests with the DPDK that pkg-config and PATH find.
run_installed() {
	local version sdk before dir
	version=$(dpdk_version)
	before=("$passed" "$failed" "$skipped")
	sdk=$(driver_headers "$version")
	[ -z "$sdk" ] || sdk=$(only_driver_headers "$sdk")
	if build_with gcc "$version" "$sdk"; then
		dir=build-versions-$version-gcc
		meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 4 >&2 ||
			true
		add meson "$version" "$dir/meson-logs/testlog.json"
		# That of an earlier release is no result of this one.
		rm -f "$work/e2e.xml"
		VIRTIO_BUILD=$root/$dir "$python" -m pytest -p no:cacheprovider -q \
			--junitxml="$work/e2e.xml" "${e2e[@]/#/test/e2e/}" >&2 || true
		add junit "$version" "$work/e2e.xml"
	fi
	build_with clang "$version" "$sdk" || true
	echo "DPDK $version: $((passed - before[0])) passed, $((failed - before[1])) failed," \
		"$((skipped - before[2])) skipped"
}

run_prefix() {
	local prefix pc
	prefix=$(cd "$1" 2>/dev/null && pwd -P) || die "--dpdk-prefix: there is no folder $1"
	is_private "$prefix" || die "EAL loads no plug-ins from $prefix, as others may write to a" \
		"folder above: install DPDK in a private folder"
	pc=$(find "$prefix" -name libdpdk.pc -print -quit)
	[ -n "$pc" ] || die "$1 has no libdpdk.pc: it is no installation of DPDK"
	# The counts are the subshell's own until they are added.
	# shellcheck disable=SC2030
	(
		export PKG_CONFIG_PATH=${pc%/*} PATH=$prefix/bin:$PATH
		LD_LIBRARY_PATH=$(dirname "${pc%/*}")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
		export LD_LIBRARY_PATH
		passed=0 failed=0 skipped=0
		run_installed
		echo "$passed $failed $skipped" >"$work/counts"
	)
	add_counts "$work/counts"
}

# shellcheck disable=SC2031
add_counts() {
	local counts
	read -r -a counts <"$1"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + counts[2]))
}

# ---- a chroot -------------------------------------------------------------------------------

# The mirror of this machine for Debian.
mirror() {
	# Fields of apt.
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
		sed -n '/^Debian .*security/d; s/^Debian //p' | head -n1
}

make_chroot() {
	local suite=$1 dir=$2 from script
	[ ! -f "$dir/etc/apt/apt.conf.d/80versions" ] || return 0
	command -v debootstrap >/dev/null ||
		die "there is no debootstrap: install it, or give --dpdk-prefix"
	[ "$(id -u)" -eq 0 ] || die "a chroot takes root"
	from=$(mirror)
	[ -n "$from" ] || die "apt has no entry of Debian from which $suite could be installed"
	script=/usr/share/debootstrap/scripts/$suite
	[ -f "$script" ] || script=/usr/share/debootstrap/scripts/sid
	say "installing Debian $suite from $from"
	[ ! -e "$dir" ] || die "$dir is no chroot that this script has made: remove it"
	mkdir -p "${dir%/*}"
	rm -rf --one-file-system "$dir.part"
	debootstrap --variant=minbase "$suite" "$dir.part" "$from" "$script" >"$dir.log" 2>&1 ||
		die "debootstrap could not install $suite: see $dir.log"
	apt-config dump | grep '^Acquire::' >"$dir.part/etc/apt/apt.conf.d/70machine" || true
	# The index of a suite in the making may have expired on a mirror that lags.
	echo 'Acquire::Check-Valid-Until "false";' >"$dir.part/etc/apt/apt.conf.d/80versions"
	mv "$dir.part" "$dir"
}

# inside CHROOT COMMAND...: its mounts end with it. Folders that this environment names are not
# there.
inside() {
	local dir=$1
	shift
	# shellcheck disable=SC2016
	unshare --mount sh -euc '
		mount --make-rprivate /
		for name in proc sys dev; do
			mount --rbind "/$name" "$1/$name"
		done
		exec chroot "$@"' sh "$dir" \
		env -u TMPDIR -u XDG_CACHE_HOME -u XDG_RUNTIME_DIR LC_ALL=C.UTF-8 "$@"
}

# run_in_chroot RELEASE SUITE
run_in_chroot() {
	local release=$1 suite=$2 dir=$chroots/$2 header found='' status=0
	make_chroot "$suite" "$dir"
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/.driver-sdk/headers"
	tar -c --exclude=./build\* --exclude=./.driver-sdk --exclude=./.git --exclude=./.guest \
		--exclude=./.ovs-cache . |
		tar -x -C "$dir/tree"
	for header in "$kept/$release"*; do
		[ -d "$header" ] || continue
		cp -r "$header" "$dir/tree/.driver-sdk/headers/"
		found=yes
	done
	inside "$dir" /tree/devtools/setup.sh --packages-only >&2 ||
		die "the chroot $dir could not be made ready"
	[ -n "$found" ] || inside "$dir" /tree/devtools/fetch-driver-sdk.sh >&2 ||
		die "the mirror has no driver headers of DPDK $release: give --dpdk-source"
	inside "$dir" /tree/devtools/check-versions.sh "$release" |
		tee "$work/inside" | sed '$d' || status=$?
	[ "$status" -le 1 ] || die "the check in the chroot $dir ended with status $status"
	sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p' \
		"$work/inside" | awk '{ print $1, $2, $3 + 0 }' >"$work/counts"
	[ -s "$work/counts" ] || die "the check in the chroot $dir left no result"
	add_counts "$work/counts"
}

run_version() {
	local release
	release=$(release_of "$1")
	if [ "$release" = "$(release_of "$(dpdk_version)")" ]; then
		run_installed
		return
	fi
	case $release in
	24.11) run_in_chroot "$release" trixie ;;
	25.11) run_in_chroot "$release" forky ;;
	*) die "no distribution is known here that has DPDK $release: give --dpdk-prefix" ;;
	esac
}

# ---- options --------------------------------------------------------------------------------

sources=()
prefixes=()
versions=()
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--dpdk-source | --dpdk-prefix | --chroot)
		[ $# -ge 2 ] || usage_error "$1 wants a value (see --help)"
		path=$2
		[[ $path = /* ]] || path=$start/$path
		case $1 in
		--dpdk-source) sources+=("$path") ;;
		--dpdk-prefix) prefixes+=("$path") ;;
		--chroot) chroots=$path ;;
		esac
		shift 2
		;;
	-*) usage_error "no such option: $1 (see --help)" ;;
	*)
		grep -qE '^[0-9]+\.[0-9]+(\.|$)' <<<"$1" ||
			usage_error "$1 is no version of DPDK, such as 24.11"
		versions+=("$1")
		shift
		;;
	esac
done
for source in "${sources[@]}"; do
	[ -e "$source" ] || usage_error "--dpdk-source: there is no $source"
done
for prefix in "${prefixes[@]}"; do
	[ -d "$prefix" ] || usage_error "--dpdk-prefix: there is no folder $prefix"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pkg-config --exists libdpdk || die "no libdpdk that pkg-config knows: run devtools/setup.sh"
prepare_syntax

for source in "${sources[@]}"; do
	tree=$(source_tree "$source")
	[ -f "$tree/lib/ethdev/ethdev_driver.h" ] || tree=
	[ -f "$tree/VERSION" ] ||
		die "$source is no source of DPDK: it lacks VERSION or lib/ethdev/ethdev_driver.h"
	keep_headers "$tree"
	if [ ${#versions[@]} -eq 0 ] && [ ${#prefixes[@]} -eq 0 ]; then
		for compiler in gcc clang; do
			check_syntax "$compiler" "$kept/$(cat "$tree/VERSION")"
		done
		check_features "$tree"
	fi
done
for prefix in "${prefixes[@]}"; do
	run_prefix "$prefix"
done
for version in "${versions[@]}"; do
	run_version "$version"
done
[ ${#sources[@]} -gt 0 ] || [ ${#prefixes[@]} -gt 0 ] || [ ${#versions[@]} -gt 0 ] || check_kept

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ]
