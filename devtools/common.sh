# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
# shellcheck shell=bash
#
# What the scripts of this folder share. To be sourced, after "set -euo pipefail".

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# The tools are Debian's packages, so their Python is meant, whatever comes first on PATH; where
# there is apt it may still be to come.
# shellcheck disable=SC2034
python=/usr/bin/python3
[ -x "$python" ] || command -v apt-get >/dev/null || python=python3

# Progress and errors go to stderr: stdout is for what a caller reads.
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "error: $*"
	exit 1
}

# For options that are wrong. A failure has status 1.
usage_error() {
	say "error: $*"
	exit 2
}

# Answers --help and --version, and ends the script then. The caller takes all other options.
answer_common_option() {
	case ${1:-} in
	-h | --help) print_help ;;
	--version) echo "dpdk-virtio $(cat "$root/VERSION")" ;;
	*) return 0 ;;
	esac
	exit 0
}

# For scripts without options of their own.
no_options() {
	answer_common_option "$@"
	[ $# -eq 0 ] || usage_error "no such option: $1 (see --help)"
}

# shellcheck disable=SC2034
copyright_holder="The authors of dpdk-virtio"

# The comment at the head of a script, below its licence, is its help.
print_help() {
	sed -n -e '1,/^#$/d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$root/devtools/${0##*/}"
}

dpdk_version() {
	pkg-config --modversion libdpdk
}

# EAL refuses a plug-in below a folder that others may write to.
is_private() {
	local dir=$1
	while :; do
		[ -z "$(find "$dir" -maxdepth 0 -perm -o+w)" ] || return 1
		[ "$dir" != / ] || return 0
		dir=$(dirname "$dir")
	done
}

# Makes a folder (mode 0700) from which EAL loads plug-ins, wherever the tree itself is, and prints
# its path. The caller removes it.
make_private_dir() {
	local base
	for base in "${XDG_CACHE_HOME:-}" "${HOME:-}/.cache" "${HOME:-}" /var/lib; do
		case $base in
		/?*) ;;
		*) continue ;;
		esac
		mkdir -p "$base" 2>/dev/null || true
		[ -w "$base" ] || continue
		base=$(cd "$base" && pwd -P)
		is_private "$base" || continue
		mktemp -d "$base/dpdk-virtio.XXXXXX"
		return
	done
	die "no folder for the plug-in: EAL loads none from below a world-writable folder; set" \
		"XDG_CACHE_HOME to a folder that no other user may write to"
}

# Free huge pages of 2 MB.
free_hugepages() {
	cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0
}

# Says where the net_virtio is that EAL loads by itself, or ends.
need_packaged_driver() {
	local packaged
	packaged=$(pkg-config --variable=driverdir libdpdk 2>/dev/null || true)
	[ -n "$packaged" ] || packaged=$(pkg-config --variable=libdir libdpdk)/dpdk
	packaged=$(find "$packaged" -name 'librte_net_virtio.so*' -print -quit 2>/dev/null || true)
	[ -n "$packaged" ] || die "the installed DPDK has no net_virtio plug-in to compare with"
	say "the packaged driver: $packaged"
}

# build_tree DIR [OPTION...]: DIR, below the root, is configured if it is not yet, made anew if it
# was for another DPDK, and brought up to date: all of it, or the targets that $build_targets names.
build_tree() {
	local dir=$root/$1 version
	shift
	version=$(dpdk_version)
	if [ ! -f "$dir/build.ninja" ]; then
		say "configuring ${dir#"$root"/} for DPDK $version"
		rm -rf "$dir"
		meson setup "$dir" "$root" "$@" >&2 || return
	elif [ "$(cat "$dir/dpdk-version" 2>/dev/null || echo "$version")" != "$version" ]; then
		say "configuring ${dir#"$root"/} anew, now for DPDK $version"
		meson setup --wipe "$dir" "$root" >&2 || return
	fi
	echo "$version" >"$dir/dpdk-version"
	say "building ${dir#"$root"/}"
	# One word a target.
	# shellcheck disable=SC2086
	ninja -C "$dir" ${build_targets:-} >&2
}
