#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/fetch-driver-sdk.sh [--dpdk-source FILE_OR_DIR]
#
# Brings the headers of DPDK's driver interface, which no Debian package holds, into
# .driver-sdk/VERSION/ (VERSION: that of the installed libdpdk), where meson.build looks for them.
# They come out of the distribution's own source package, over the machine's own apt entries; apt's
# configuration and lists are left alone, and root is not needed.
#
#   --dpdk-source FILE_OR_DIR  take them from this DPDK source instead: a tarball, or the folder
#                              that it unpacks to, of the same release (such as 22.11.x)
#   -h, --help                 this text
#
# Does nothing where the headers are there already, or where the installed DPDK has them itself.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Of any 22.11.x (22.11.x is one release, whose interface to drivers does not change).
headers=(
	lib/ethdev/ethdev_driver.h
	lib/ethdev/ethdev_pci.h
	lib/ethdev/ethdev_vdev.h
	lib/eal/include/dev_driver.h
	lib/eal/include/bus_driver.h
	drivers/bus/pci/bus_pci_driver.h
	drivers/bus/vdev/bus_vdev_driver.h
)

give_up() {
	say "error: $*"
	cat >&2 <<-END
	Ways out:
	  - get the source of DPDK $version (dpdk-$version.tar.xz from dpdk.org, or
	    dpdk_$version.orig.tar.xz from a Debian mirror or snapshot.debian.org; any $release.x
	    will do), and run: devtools/setup.sh --dpdk-source FILE
	  - give the folder of an unpacked one: devtools/setup.sh --dpdk-source DIR
	  - use a DPDK that was built with -Denable_driver_sdk=true
	  - name a folder that has the headers: meson setup build -Ddriver_sdk=DIR
	END
	exit 1
}

installed_has_headers() {
	local cflags
	read -ra cflags <<<"$(pkg-config --cflags libdpdk)"
	"${CC:-cc}" -E "${cflags[@]}" -xc - >/dev/null 2>&1 <<-END
	#if !__has_include(<ethdev_driver.h>)
	#error
	#endif
	END
}

complete() {
	local header
	for header in "${headers[@]}"; do
		[ -s "$1/${header##*/}" ] || return 1
	done
}

# A tree of another release is refused: it would compile, and then corrupt memory.
take_from_tree() {
	local tree=$1 found header
	found=$(cat "$tree/VERSION" 2>/dev/null) || found=
	[ -n "$found" ] || die "$tree is no DPDK source: it has no VERSION file"
	case $found in
	"$release" | "$release".*) ;;
	*) die "$tree is of DPDK $found, the installed one is $version: any $release.x would do" ;;
	esac
	for header in "${headers[@]}"; do
		[ -s "$tree/$header" ] || die "$tree has no $header"
	done
	mkdir -p "$root/.driver-sdk"
	stage=$(mktemp -d "$root/.driver-sdk/new.XXXXXX")
	for header in "${headers[@]}"; do
		cp "$tree/$header" "$stage/"
	done
	chmod 755 "$stage"
	rm -rf "$target"
	mv -T "$stage" "$target"
	say "driver-SDK headers of DPDK $found are now in ${target#"$root"/}"
}

take_from_tarball() {
	local wanted=('*/VERSION') header trees
	for header in "${headers[@]}"; do
		wanted+=("*/$header")
	done
	mkdir "$work/source"
	# A pattern that matches nothing is an error to tar: what is there is judged below.
	tar -C "$work/source" --wildcards --no-wildcards-match-slash -xf "$1" "${wanted[@]}" \
		2>"$work/tar.log" || true
	trees=("$work"/source/*/VERSION)
	[ -f "${trees[0]}" ] || die "$1 is no tarball of DPDK ($(head -n1 "$work/tar.log"))"
	take_from_tree "${trees[0]%/VERSION}"
}

# The machine's own entries for the distribution (Signed-By and all), as entries of its sources.
write_source_entries() {
	local dir=$1 file suites
	suites="^(${VERSION_CODENAME:-none}|stable|oldstable|testing|unstable|sid)([-/].*)?$"
	mkdir "$dir"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$file" ] || continue
		awk -v suites="$suites" '
			$1 != "deb" && $1 != "deb-src" { next }
			{
				uri = 2
				if ($2 ~ /^\[/)
					while (uri <= NF && $(uri++) !~ /\]$/)
						;
			}
			$uri !~ /^cdrom:/ && $(uri + 1) ~ suites {
				sub(/deb(-src)?/, "deb-src")
				print
			}
		' "$file"
	done >"$dir/machine.list"
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		# Comments go first: a stanza ends at an empty line, not at one.
		sed '/^#/d' "$file" | awk -v suites="$suites" '
			BEGIN { RS = ""; FS = "\n" }
			{
				types = wanted = enabled = 0
				out = ""
				enabled = 1
				for (i = 1; i <= NF; i++) {
					name = tolower($i)
					sub(/:.*/, "", name)
					value = $i
					sub(/^[^:]*:[ \t]*/, "", value)
					if (name == "types") {
						types = value ~ /(^|[ \t])deb(-src)?([ \t]|$)/
						$i = "Types: deb-src"
					} else if (name == "suites") {
						n = split(value, suite, /[ \t]+/)
						for (k = 1; k <= n; k++)
							wanted += suite[k] ~ suites
					} else if (name == "enabled" && value ~ /^(no|false|0)/) {
						enabled = 0
					}
					out = out $i "\n"
				}
				if (types && wanted && enabled)
					print out
			}
		'
	done >"$dir/machine.sources"
	[ -s "$dir/machine.list" ] || [ -s "$dir/machine.sources" ]
}

# Source versions that will do, of those that the mirror lists, the best first: the installed
# package's, others of the same version, then the newest of the same release.
candidates() {
	local package
	package=$(dpkg-query -W -f='${source:Version}' libdpdk-dev 2>/dev/null) || package=$version
	{
		grep -Fx "$package" "$work/versions" || true
		grep -E "^([0-9]+:)?${version//./\\.}(-|~|\$)" "$work/versions" || true
		cat "$work/versions"
	} | { grep -E "^([0-9]+:)?${release//./\\.}([.~-]|\$)" || true; } | awk '!seen[$0]++'
}

fetch_with_apt() {
	local candidate tarballs
	command -v apt-get >/dev/null ||
		give_up "no apt here to fetch the source of DPDK $version with"
	# shellcheck disable=SC1091
	[ ! -r /etc/os-release ] || . /etc/os-release
	write_source_entries "$work/sources.d" ||
		give_up "apt has no entry for ${VERSION_CODENAME:-this system}"
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
	cat >"$work/apt.conf" <<-END
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$work/sources.d";
	Dir::State::Lists "$work/lists";
	Dir::Cache "$work/cache";
	Acquire::Languages "none";
	Acquire::Retries "2";
	Acquire::http::Timeout "30";
	Acquire::https::Timeout "30";
	APT::Sandbox::User "$(id -un)";
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	END
	say "reading the distribution's list of source packages"
	# One entry that fails is no harm if another has DPDK: what counts is what comes next.
	timeout 300 apt-get -c "$work/apt.conf" -q update >"$work/apt.log" 2>&1 || true
	apt-cache -c "$work/apt.conf" madison dpdk 2>/dev/null |
		awk -F'|' '$3 ~ /Sources/ { gsub(/ /, "", $2); print $2 }' |
		sort -rVu >"$work/versions"
	candidates >"$work/candidates"
	# A mirror may list a version and refuse it all the same.
	while read -r candidate; do
		say "fetching the source of DPDK $candidate"
		if (cd "$work" && timeout 600 apt-get -c apt.conf -q source --download-only \
			--tar-only "dpdk=$candidate" </dev/null >fetch.log 2>&1); then
			tarballs=("$work"/dpdk_*.orig.tar.?z)
			take_from_tarball "${tarballs[0]}"
			return
		fi
		grep '^E:' "$work/fetch.log" >&2 || cat "$work/fetch.log" >&2
	done <"$work/candidates"
	grep -E '^(E|W):' "$work/apt.log" >&2 || true
	give_up "no mirror gave the source of DPDK $version, nor of any other $release.x" \
		"(listed: $(paste -sd' ' "$work/versions" | grep . || echo nothing))"
}

source=
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--dpdk-source)
		[ $# -ge 2 ] || usage_error "--dpdk-source wants a tarball or a folder"
		source=$2
		[ -e "$source" ] || die "--dpdk-source: there is no $source"
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

pkg-config --exists libdpdk || die "no libdpdk that pkg-config knows: run devtools/setup.sh"
version=$(dpdk_version)
release=$(cut -d. -f1,2 <<<"$version")
target=$root/.driver-sdk/$version

if [ -z "$source" ]; then
	if complete "$target"; then
		say "driver-SDK headers of DPDK $version are there already"
		exit 0
	fi
	if installed_has_headers; then
		say "the installed DPDK $version has the driver-SDK headers itself"
		exit 0
	fi
fi
work=$(mktemp -d)
stage=
trap 'rm -rf "$work" ${stage:+"$stage"}' EXIT
if [ -z "$source" ]; then
	fetch_with_apt
elif [ -d "$source" ]; then
	take_from_tree "$(cd "$source" && pwd -P)"
else
	take_from_tarball "$source"
fi
