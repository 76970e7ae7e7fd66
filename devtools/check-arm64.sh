#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-arm64.sh [--full]
#
# Builds for arm64 with gcc and clang, warnings being errors, against Debian's arm64 packages, and
# runs unit tests under qemu-user. The packages are unpacked into build-arm64/, which later runs use
# again. The machine's own packages and dpkg architectures stay as they are, and root is not needed.
# By itself it builds the plug-in with both, and runs chosen unit tests. Where a tool or the
# packages are not available, it skips.
#
#   --full      build everything, and run all unit tests
#   -h, --help  this text
#
# Debian's packages of the tools: gcc-aarch64-linux-gnu, qemu-user-static, clang.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

full=
answer_common_option "$@"
case ${1:-} in
"") ;;
--full) full=yes ;;
*) usage_error "no such option: $1 (see --help)" ;;
esac

triple=aarch64-linux-gnu
sysroot=$root/build-arm64/sysroot
# Features, and the data paths of each kind with a device that breaks the rules.
chosen=(pci_port_takes_features bad_used_entries_break_their_queue
	bad_used_entries_break_their_queue_platform)

passed=0
failed=0
skipped=0

skip_all() {
	echo "skipped arm64: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

try() {
	local name=$1
	shift
	if "$@"; then
		echo "ok arm64: $name"
		passed=$((passed + 1))
	else
		echo "FAILED arm64: $name"
		failed=$((failed + 1))
		return 1
	fi
}

# apt's configuration for arm64 with the machine's own entries of the distribution, and no package
# installed.
write_apt_conf() {
	mkdir -p "$work"/{sources.d,lists/partial,archives/partial}
	# shellcheck disable=SC1091
	. /etc/os-release
	grep -lsE "(^|[ :])${VERSION_CODENAME:-none}( |\$)" /etc/apt/sources.list \
		/etc/apt/sources.list.d/* | while read -r file; do
		sed -E '/^Architectures:/d; s/ ?arch=[a-z0-9,]+//' "$file" \
			>"$work/sources.d/${file##*/}"
	done
	: >"$work/status"
	cat >"$work/apt.conf" <<-END
	APT::Architecture "arm64";
	#clear APT::Architectures;
	APT::Architectures:: "arm64";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$work/sources.d";
	Dir::State::Lists "$work/lists";
	Dir::State::status "$work/status";
	Dir::Cache "$work";
	Acquire::Languages "none";
	Acquire::Retries "2";
	Acquire::http::Timeout "30";
	APT::Sandbox::User "$(id -un)";
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	END
}

# Libraries that libdpdk-dev needs; of DPDK's drivers only those that the tests load.
wanted_packages() {
	apt-get -c "$work/apt.conf" -q -s --no-install-recommends install libdpdk-dev libpcap-dev |
		awk '
			$1 != "Inst" { next }
			$2 ~ /^librte-(bus-(vdev|pci)|mempool-ring)/ { print $2; next }
			$2 ~ /^librte-(baseband|bus|common|compress|crypto|dma|event)-/ { next }
			$2 ~ /^librte-(mempool|meta|net|raw|regex|vdpa)-/ { next }
			$2 ~ /-perl$/ || $2 ~ /^lib(perl|pam|krb5|k5crypto)/ { next }
			$2 ~ /^z?lib/ || $2 == "linux-libc-dev" { print $2 }'
}

unpack() {
	dpkg-deb --fsys-tarfile "$1" | tar -C "$sysroot" --keep-directory-symlink \
		--exclude='./usr/share/doc*' --exclude='./usr/share/man' \
		--exclude='librte_*.a' -xf -
}

# Fails with a reason in $work/why.
make_sysroot() {
	local key packages dir
	key=$(dpdk_version)
	[ "$(cat "$sysroot/.dpdk-version" 2>/dev/null)" != "$key" ] || return 0
	write_apt_conf
	say "fetching Debian's arm64 packages"
	timeout 300 apt-get -c "$work/apt.conf" -q update >"$work/log" 2>&1 || true
	wanted_packages >"$work/packages" 2>>"$work/log"
	if ! grep -qx libdpdk-dev "$work/packages"; then
		echo "apt offers no libdpdk-dev for arm64" >"$work/why"
		return 1
	fi
	mapfile -t packages <"$work/packages"
	if ! (cd "$work/archives" && timeout 600 apt-get -c "$work/apt.conf" -q download \
		"${packages[@]}" >>"$work/log" 2>&1); then
		echo "the arm64 packages could not be downloaded:" \
			"$(grep -m1 '^E:' "$work/log" || tail -n1 "$work/log")" >"$work/why"
		return 1
	fi
	rm -rf "$sysroot"
	mkdir -p "$sysroot"/usr/{bin,lib,sbin}
	# As the packages expect it.
	for dir in bin lib sbin; do
		ln -s "usr/$dir" "$sysroot/$dir"
	done
	for package in "$work"/archives/*.deb; do
		unpack "$package" || return
	done
	# Of drivers that were left out.
	find "$sysroot/usr/lib" -xtype l -delete
	grep -qx "Version: $key" "$sysroot/usr/lib/$triple/pkgconfig/libdpdk.pc" || {
		echo "this machine has DPDK $key, and Debian's arm64 packages another" >"$work/why"
		return 1
	}
	echo "$key" >"$sysroot/.dpdk-version"
}

# write_cross NAME COMPILER AR: the compiler is words of a Meson array.
write_cross() {
	cat >"$root/build-arm64/$1.ini" <<-END
	[binaries]
	c = [$2]
	ar = '$3'
	pkgconfig = 'pkg-config'
	exe_wrapper = ['$qemu', '-L', '$sysroot']
	[built-in options]
	c_args = ['--sysroot=$sysroot']
	c_link_args = ['--sysroot=$sysroot']
	[properties]
	sys_root = '$sysroot'
	pkg_config_libdir = '$sysroot/usr/lib/$triple/pkgconfig:$sysroot/usr/share/pkgconfig'
	[host_machine]
	system = 'linux'
	cpu_family = 'aarch64'
	cpu = 'armv8-a'
	endian = 'little'
	END
}

# build COMPILER TARGET...: none means everything.
build() {
	local compiler=$1
	shift
	build_targets="$*" build_tree "build-arm64-$compiler" \
		--cross-file "build-arm64/$compiler.ini" -Dwerror=true
}

# run_tests [NAME...]: each test program's cases count as those of other trees do.
run_tests() {
	local tree=build-arm64-gcc counts
	rm -f "$tree/meson-logs/testlog.json"
	meson test -C "$tree" --no-rebuild --print-errorlogs --timeout-multiplier 5 "$@" >&2 || true
	"$python" devtools/count-tests.py meson arm64 "$tree/meson-logs/testlog.json" \
		>"$work/counts" 2>"$work/notes"
	grep -E '^(FAILED|skipped) ' "$work/notes" || true
	read -r -a counts <"$work/counts"
	skipped=$((skipped + counts[2]))
	say "under qemu-user: ${counts[0]} cases passed, ${counts[1]} failed, ${counts[2]} skipped"
	[ "${counts[1]}" -eq 0 ] && [ "${counts[0]}" -gt 0 ]
}

[ "$(uname -m)" = x86_64 ] || skip_all "this machine is $(uname -m): build and test there as usual"
command -v apt-get >/dev/null || skip_all "there is no apt-get to fetch arm64 packages with"
command -v $triple-gcc >/dev/null ||
	skip_all "there is no $triple-gcc (Debian's package: gcc-aarch64-linux-gnu)"
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) ||
	skip_all "there is no qemu-aarch64-static (Debian's package: qemu-user-static)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$root/build-arm64"
make_sysroot || skip_all "$(cat "$work/why" 2>/dev/null || echo "a package cannot be unpacked")"

ccache=
! command -v ccache >/dev/null || ccache="'ccache', "
write_cross gcc "$ccache'$triple-gcc'" "$triple-gcc-ar"
write_cross clang "$ccache'clang', '--target=$triple', '--gcc-toolchain=/usr'" "$triple-ar"

targets=(drivers/net/virtio/librte_net_virtio.so)
tests=()
if [ -z "$full" ]; then
	tests=("${chosen[@]}")
fi
programs=()
for name in "${tests[@]}"; do
	name=${name%_platform}
	name=${name%_scalar}
	programs+=("$(cd app/test && find . -name "$name.c" | sed 's|^\.|app/test|; s|\.c$||')")
done
if [ -n "$full" ]; then
	targets=()
fi
if try "build with gcc, warnings are errors" build gcc "${targets[@]}" "${programs[@]}"; then
	try "unit tests under qemu-user" run_tests "${tests[@]}" || true
fi
if ! command -v clang >/dev/null; then
	echo "skipped arm64: build with clang: there is no clang"
	skipped=$((skipped + 1))
else
	try "build with clang, warnings are errors" build clang "${targets[@]}" || true
fi

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ]
