#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/lift-into-dpdk.sh [--force] DIR
#
# Puts this driver in the place of drivers/net/virtio in DIR, a source tree of DPDK, for programs
# that are linked with DPDK statically: they take no plug-in. Then build DIR as before.
#
#   drivers/net/virtio/       the driver, with a meson.build for DPDK's own build, and with a
#                             version.map where the release has such files (before 25.07)
#   drivers/net/virtio/base/  lib/virtio
#   doc/guides/nics/features/virtio.ini, where the tree has documents
#
# The packaged driver's files are removed there. What it has and this driver has not is in the
# guide, doc/guides/nics/virtio/static-dpdk.rst. A second run brings the copy up to date; in a git
# clone it wants the first one committed, or --force.
#
#   --force     also where git knows of changes in DIR that are not committed, and that are lost
#   -h, --help  this text
#   --version   the version of this tree
#
# Exit status: 0 if all was written, 1 if not, 2 for wrong options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

force=''
dir=''
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--force) force=yes ;;
	-*) usage_error "no such option: $1 (see --help)" ;;
	*)
		[ -z "$dir" ] || usage_error "one folder, not $dir and $1"
		[ -n "$1" ] || usage_error "DIR is empty: give the source tree of a DPDK"
		dir=$1
		;;
	esac
	shift
done
[ -n "$dir" ] || usage_error "give the source tree of a DPDK (see --help)"

for file in VERSION ABI_VERSION drivers/meson.build \
	drivers/net/virtio/meson.build lib/ethdev/ethdev_driver.h; do
	[ -f "$dir/$file" ] || die "$dir is not a source tree of DPDK: it has no $file"
done
dir=$(cd "$dir" && pwd -P)
version=$(cat "$dir/VERSION")
release=${version:0:5}
[[ $release =~ ^[0-9]{2}\.[0-9]{2}$ ]] || die "$dir/VERSION has no release of DPDK: $version"
[ "${release/./}" -ge 2211 ] ||
	die "DPDK $version is too old: this driver needs 22.11 or a later release"
to=$dir/drivers/net/virtio
features=doc/guides/nics/features/virtio.ini
[ -w "$to" ] || die "no permission to write into $to"

if [ -z "$force" ] && git -C "$dir" rev-parse --git-dir >/dev/null 2>&1; then
	changed=$(git -C "$dir" status --porcelain -- drivers/net/virtio "$features")
	[ -z "$changed" ] || die "git knows of changes in $to that are not committed and would be" \
		"lost; commit them, or give --force"
fi

# list INDENT FILE...: as Meson wants them, a line each.
list() {
	local indent=$1
	shift
	printf "$indent'%s',\n" "$@"
}

names() {
	find "$1" -maxdepth 1 -name "$2" -printf '%f\n' | LC_ALL=C sort
}

write_meson_build() {
	local sources base
	mapfile -t sources < <(names "$to" '*.c' | grep -vE '_(avx2|avx512|neon)\.c$')
	mapfile -t base < <(names "$to/base" '*.c' | sed 's,^,base/,')
	cat <<-END
		# SPDX-License-Identifier: BSD-3-Clause

		if not is_linux
		    build = false
		    reason = 'only supported on Linux'
		    subdir_done()
		endif
		if not dpdk_conf.get('RTE_ARCH_64')
		    build = false
		    reason = 'only supported on 64-bit'
		    subdir_done()
		endif

		sources += files(
		$(list '        ' "${base[@]}" "${sources[@]}")
		)
		headers = files('rte_pmd_virtio.h')
		deps += ['bus_pci', 'bus_vdev']

		virtio_inc = include_directories('base')
		includes += virtio_inc
		cflags += ['-DVIRTIO_IN_DPDK', '-DVIRTIO_VERSION="' + meson.project_version() + '"']

		virtio_deps = [static_rte_ethdev, static_rte_kvargs]
		virtio_deps += [static_rte_bus_pci, static_rte_bus_vdev]

		# Wider instructions only in files of their own, chosen at run time, and tuned for a
		# processor that has them: else loads of 32 bytes become two of 16.
		virtio_isas = {
		    'avx2': ['-mavx2', '-mtune=haswell'],
		    'avx512': ['-mavx512f', '-mavx512bw', '-mavx512cd', '-mavx512dq', '-mavx512vl',
		        '-mtune=skylake-avx512'],
		}
		foreach isa, args : virtio_isas
		    if host_machine.cpu_family() == 'x86_64' and cc.has_multi_arguments(args)
		        cflags += '-DVIRTIO_' + isa.to_upper()
		        objs += static_library('net_virtio_' + isa, 'virtio_rxtx_' + isa + '.c',
		                include_directories: includes,
		                dependencies: virtio_deps,
		                c_args: cflags + args,
		                pic: true).extract_all_objects(recursive: false)
		    endif
		endforeach
	END
	[ ! -f "$to/virtio_rxtx_neon.c" ] || cat <<-END

		# Barriers for devices on a bus are others than for processors: data paths of both
		# kinds.
		if host_machine.cpu_family() == 'aarch64'
		    cflags += ['-DVIRTIO_NEON', '-DVIRTIO_SMP_PATHS']
		    virtio_smp = files('virtio_rxtx_neon.c')
		    virtio_smp += files('virtio_rxtx_packed.c', 'virtio_rxtx_split.c')
		    objs += static_library('net_virtio_neon', 'virtio_rxtx_neon.c',
		            include_directories: includes,
		            dependencies: virtio_deps,
		            c_args: cflags,
		            pic: true).extract_all_objects(recursive: false)
		    objs += static_library('net_virtio_neon_smp', virtio_smp,
		            include_directories: includes,
		            dependencies: virtio_deps,
		            c_args: cflags + '-DVIRTQUEUE_SMP_ORDER',
		            pic: true).extract_all_objects(recursive: false)
		endif
	END
}

# Before 25.07 the exports of a driver are a file; later releases have them from the sources.
write_version_map() {
	printf 'DPDK_%s {\n\tlocal: *;\n};\n\n' "$(cut -d. -f1 "$dir/ABI_VERSION")"
	printf 'EXPERIMENTAL {\n\tglobal:\n\n'
	sed -n 's/^RTE_EXPORT_EXPERIMENTAL_SYMBOL(\([a-z_]*\),.*/\t\1;/p' "$to"/*.c | LC_ALL=C sort
	printf '};\n'
}

# Everything anew, so that nothing of the other driver or of an earlier copy is left.
find "$to" -mindepth 1 -delete
mkdir "$to/base"
cp "$root"/drivers/net/virtio/*.[ch] "$to"
cp "$root"/lib/virtio/*.[ch] "$to/base"
mapfile -t sources < <(find "$to" -name '*.[ch]' ! -name virtio_compat.h)
"$python" "$root/devtools/settle-release.py" "$release" "$to/base/virtio_compat.h" "${sources[@]}"
write_meson_build >"$to/meson.build"
[ -f "$dir/buildtools/gen-version-map.py" ] || write_version_map >"$to/version.map"
# A build of the documents refuses names that the release does not know.
names=$dir/$(dirname "$features")/default.ini
if [ -f "$names" ]; then
	awk -F ' *=' 'NR == FNR { known[$1]; next } NF < 2 || $1 in known' \
		"$names" "$root/$features" >"$dir/$features"
fi
say "this driver is net/virtio of DPDK $version in $dir now"
