#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-interop.sh [OPTION...] [ROW...]
#
# Repeats rows of doc/guides/nics/virtio/interoperability.rst: starts the back-end of another
# project, and stops, sets up and starts the queues of a port of this driver on it, under traffic.
# ROW is one of those that --list names; without any, all are tried. A row whose back-end is not
# there is skipped, with the reason. By hand, and as root.
#
# Each row prints what it has found, then "ok interop: ROW", "FAILED ..." or "skipped ..."; the last
# line counts them.
#
#   --testpmd PROGRAM     dpdk-testpmd for the row librte_vhost (default: the one on PATH)
#   --passt COMMAND       a passt that has --vhost-user; the one of Debian 12 has not
#   --qemu-source FILE    a source tarball of QEMU, to build vhost-user-bridge from; apt-get source
#                         --download-only --tar-only qemu brings one
#   --bridge PROGRAM      a vhost-user-bridge that was built already
#   --qemu PROGRAM        QEMU for the rows qemu-pci and qemu-mmio (default: the one on PATH)
#   --queue-reset METHOD  the argument queue_reset of ports on vhost-user (default: auto)
#   --list                the names of the rows
#   -h, --help            this text
#   --version             the version of this tree
#
# Exit status: 0 if no row failed, 1 if one did, 2 for wrong options, 3 if a signal ended it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rows=(librte_vhost ovs libvhost-user passt qemu-pci qemu-mmio kernel-vhost)
testpmd=dpdk-testpmd
named_testpmd=
passt=
qemu_source=
qemu=()
bridge=
method=auto
wanted=()
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--testpmd | --passt | --qemu | --qemu-source | --bridge | --queue-reset)
		[ $# -ge 2 ] || usage_error "$1 wants a value (see --help)"
		case $1 in
		--testpmd) testpmd=$2 named_testpmd=$2 ;;
		--passt) passt=$2 ;;
		--qemu) qemu=(--qemu "$2") ;;
		--qemu-source) qemu_source=$2 ;;
		--bridge) bridge=$2 ;;
		--queue-reset) method=$2 ;;
		esac
		shift 2
		;;
	--list)
		printf '%s\n' "${rows[@]}"
		exit 0
		;;
	-*) usage_error "no such option: $1 (see --help)" ;;
	*)
		[[ " ${rows[*]} " = *" $1 "* ]] || usage_error "no such row: $1 (see --list)"
		wanted+=("$1")
		shift
		;;
	esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${rows[@]}")
[[ $method =~ ^(auto|get_base|disable|off)$ ]] ||
	usage_error "--queue-reset $method: want auto, get_base, disable or off"
# A program that was named is not a reason to skip.
for program in "$named_testpmd" "${passt%% *}"; do
	[ -z "$program" ] || command -v "$program" >/dev/null ||
		usage_error "there is no program $program"
done
for file in "$qemu_source" "$bridge"; do
	[ -z "$file" ] || [ -f "$file" ] || usage_error "there is no file $file"
done

work=$(mktemp -d)
private=
pids=()
# One that ignores SIGTERM, as unshare -f does, is killed after 5 s.
end_back_ends() {
	local pid i
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		for ((i = 0; i < 50; i++)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	pids=()
}
finish() {
	rm -rf "$work" "$private"
}
trap finish EXIT
trap 'say "ended by a signal"; exit 3' INT TERM

# What a row has come to: the last of these counts.
ok() {
	echo "ok interop: $row"
	echo passed >>"$work/outcome"
}
fail() {
	echo "FAILED interop: $row: $*"
	echo failed >>"$work/outcome"
}
skip() {
	echo "skipped interop: $row: $*"
	echo skipped >>"$work/outcome"
}

declare -A count=([passed]=0 [failed]=0 [skipped]=0)
# run_row: in a shell of its own, so that a command that fails ends this row and no other.
run_row() {
	local status outcome
	find "$work" -mindepth 1 -delete
	set +e
	(
		trap end_back_ends EXIT
		trap 'exit 3' INT TERM
		set -e
		"row_$row"
	)
	status=$?
	set -e
	[ "$status" -eq 0 ] || fail "a command ended with status $status, see above"
	[ -s "$work/outcome" ] || fail "the row ended without a result"
	outcome=$(tail -n1 "$work/outcome")
	count[$outcome]=$((count[$outcome] + 1))
}

# background LOG COMMAND...: in the network namespace of this script; ended with the row.
background() {
	local log=$work/$1
	shift
	"$@" </dev/null >"$log" 2>&1 &
	pids+=($!)
}

# wait_for COMMAND...: until it succeeds; fails after 30 s, or when a back-end has ended.
wait_for() {
	local i pid
	for ((i = 0; i < 300; i++)); do
		! "$@" || return 0
		for pid in "${pids[@]}"; do
			kill -0 "$pid" 2>/dev/null || return 1
		done
		sleep 0.1
	done
	return 1
}

# run_port QUEUES DEVARGS: the port of this driver, and its results.
run_port() {
	local queues=$1 devargs=$2 status=0
	timeout 180 "$root/build/app/test/interop/virtio_interop" -l "$front" --no-huge -m 128 \
		--no-pci --no-telemetry --file-prefix "interop-$$" \
		-d "$private/librte_net_virtio.so" --log-level "pmd.net.virtio*:notice" \
		--vdev "net_virtio_user0,$devargs,queues=$queues,queue_reset=$method" \
		-- "$queues" >"$work/result" 2>"$work/port.log" || status=$?
	sed -n 's/.*single queues are stopped by: /method: /p' "$work/port.log" | tail -n1
	cat "$work/result"
	if [ "$status" -eq 0 ]; then
		ok
	else
		fail "status $status: $(tail -n2 "$work/port.log" | paste -sd' ')"
	fi
}

row_librte_vhost() {
	command -v "$testpmd" >/dev/null || { skip "there is no $testpmd"; return; }
	# testpmd ends with its input, so the pipe has this shell as a writer too.
	mkfifo "$work/input"
	# shellcheck disable=SC2016
	background testpmd sh -c 'exec "$@" <>"$0"' "$work/input" "$testpmd" \
		--lcores "0@$back,1@$back" --no-huge -m 128 --no-pci --no-telemetry \
		--file-prefix "interop-be-$$" --vdev "net_vhost0,iface=$work/vhost,queues=2" -- \
		--rxq=2 --txq=2 --forward-mode=io --port-topology=loop --total-num-mbufs=8192
	wait_for [ -S "$work/vhost" ] || { fail "$(tail -n2 "$work/testpmd")"; return; }
	run_port 2 "path=$work/vhost"
}

ovs_root() {
	if [ -x /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk ]; then
		echo /
	elif [ -d "$root/.ovs-cache/root" ]; then
		echo "$root/.ovs-cache/root"
	fi
}

row_ovs() {
	local at libraries db=unix:$work/db
	"$root/devtools/fetch-ovs.sh"
	at=$(ovs_root)
	[ -n "$at" ] || { skip "there is no Open vSwitch"; return; }
	libraries=$(find "$at/usr/lib" "$at/lib" -maxdepth 1 -name '*-linux-gnu' -printf '%p:' \
		2>/dev/null || true)
	local -x OVS_RUNDIR=$work OVS_LOGDIR=$work OVS_DBDIR=$work OVS_SYSCONFDIR=$work
	local -x OVS_PKGDATADIR=$at/usr/share/openvswitch
	local users=${LD_LIBRARY_PATH-} # for the port's own program again
	local -x LD_LIBRARY_PATH=${libraries%:}
	"$at/usr/bin/ovsdb-tool" create "$work/conf.db" "$OVS_PKGDATADIR/vswitch.ovsschema"
	background ovsdb "$at/usr/sbin/ovsdb-server" "$work/conf.db" "--remote=p$db" \
		"--unixctl=$work/ovsdb.ctl"
	wait_for [ -S "$work/db" ] || { fail "ovsdb-server: $(tail -n2 "$work/ovsdb")"; return; }
	vsctl() {
		"$at/usr/bin/ovs-vsctl" --timeout=30 "--db=$db" "$@"
	}
	vsctl --no-wait init
	vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:per-port-memory=true \
		"other_config:dpdk-lcore-mask=$(printf '%#x' $((1 << back)))" \
		"other_config:pmd-cpu-mask=$(printf '%#x' $((1 << back)))" \
		"other_config:dpdk-extra=\"--no-pci --no-telemetry --no-huge -m 384 --legacy-mem \
--file-prefix interop-ovs-$$\""
	background vswitchd "$at/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk" "$db" \
		"--unixctl=$work/vswitchd.ctl"
	wait_for grep -q "DPDK Enabled - initialized" "$work/vswitchd" ||
		{ fail "ovs-vswitchd: $(tail -n2 "$work/vswitchd")"; return; }
	vsctl add-br br0 -- set bridge br0 datapath_type=netdev fail-mode=secure
	vsctl add-port br0 p0 -- set Interface p0 type=dpdkvhostuserclient ofport_request=1 \
		"options:vhost-server-path=\"$work/vhost\""
	"$at/usr/bin/ovs-ofctl" add-flow "unix:$work/br0.mgmt" in_port=1,actions=in_port
	LD_LIBRARY_PATH=$users
	run_port 2 "path=$work/vhost,server=1"
}

# What the bridge takes of QEMU's own headers and of glib.
write_headers() {
	mkdir "$1/qemu"
	cat >"$1/qemu/osdep.h" <<-'END'
	#include <arpa/inet.h>
	#include <assert.h>
	#include <ctype.h>
	#include <errno.h>
	#include <fcntl.h>
	#include <inttypes.h>
	#include <netdb.h>
	#include <stdbool.h>
	#include <stddef.h>
	#include <stdint.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <string.h>
	#include <sys/mman.h>
	#include <sys/select.h>
	#include <sys/socket.h>
	#include <sys/uio.h>
	#include <sys/un.h>
	#include <unistd.h>
	#include "compiler.h"
	#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
	#define qemu_isdigit(c) isdigit((unsigned char)(c))
	#define qemu_real_host_page_size() ((size_t)sysconf(_SC_PAGESIZE))
	#define g_file_open_tmp(template, name, error) (-1)
	END
	: >"$1/qemu/ctype.h"
	cat >"$1/qemu/iov.h" <<-'END'
	static inline size_t
	iov_from_buf(const struct iovec *iov, unsigned int n, size_t at, const void *buf,
		     size_t len)
	{
		size_t done = 0, part;

		for (; n > 0 && done < len; n--, iov++) {
			part = iov->iov_len > at ? iov->iov_len - at : 0;
			part = part < len - done ? part : len - done;
			memcpy((char *)iov->iov_base + at, (const char *)buf + done, part);
			at -= at < iov->iov_len ? at : iov->iov_len;
			done += part;
		}
		return done;
	}

	static inline unsigned int
	iov_copy(struct iovec *to, unsigned int room, const struct iovec *iov, unsigned int n,
		 size_t at, size_t len)
	{
		unsigned int used = 0;

		for (; n > 0 && used < room && len > 0; n--, iov++) {
			if (at >= iov->iov_len) {
				at -= iov->iov_len;
				continue;
			}
			to[used].iov_base = (char *)iov->iov_base + at;
			to[used].iov_len = iov->iov_len - at < len ? iov->iov_len - at : len;
			len -= to[used++].iov_len;
			at = 0;
		}
		return used;
	}

	static inline size_t
	iov_discard_front(struct iovec **iov, unsigned int *n, size_t len)
	{
		size_t done = 0, part;

		for (; *n > 0 && done < len; done += part) {
			part = (*iov)->iov_len < len - done ? (*iov)->iov_len : len - done;
			(*iov)->iov_base = (char *)(*iov)->iov_base + part;
			(*iov)->iov_len -= part;
			if ((*iov)->iov_len == 0) {
				(*iov)++;
				(*n)--;
			}
		}
		return done;
	}

	#define iov_hexdump(iov, n, file, prefix, limit)
	END
}

# From two files of QEMU's and headers for them. Fails with a reason in $work/why.
build_bridge() {
	local at=$work/qemu
	mkdir "$at"
	tar -C "$at" --strip-components=1 --wildcards -xf "$qemu_source" \
		'*/tests/vhost-user-bridge.c' '*/subprojects/libvhost-user/*' \
		'*/include/standard-headers/linux/*' '*/include/qemu/atomic.h' \
		'*/include/qemu/compiler.h' 2>"$work/why" || return 1
	mkdir "$at/shim"
	write_headers "$at/shim"
	cp "$at/include/qemu/atomic.h" "$at/shim/qemu"
	cp "$at/include/qemu/compiler.h" "$at/shim"
	cp -r "$at/include/standard-headers" "$at/shim"
	"${CC:-cc}" -O2 -w -D_GNU_SOURCE -pthread -I"$at/shim" -I"$at/subprojects/libvhost-user" \
		"$at/tests/vhost-user-bridge.c" "$at/subprojects/libvhost-user/libvhost-user.c" \
		-o "$work/bridge" 2>"$work/why" || return 1
	bridge=$work/bridge
}

row_libvhost-user() {
	if [ -z "$bridge" ]; then
		[ -n "$qemu_source" ] || { skip "give --qemu-source or --bridge"; return; }
		build_bridge || { fail "vhost-user-bridge: $(head -n2 "$work/why")"; return; }
	fi
	# Whatever a queue sends comes back as it is. All in here ends with unshare.
	# shellcheck disable=SC2016
	background bridge.log unshare -n -p -f --kill-child sh -c 'ip link set lo up
		"$1" -c "$2" & exec "$3" -u "$4" -l 127.0.0.1:4444 -r 127.0.0.1:5555' \
		sh "$python" '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5555))
while True: s.sendto(s.recv(4096), ("127.0.0.1", 4444))' "$bridge" "$work/bridge.sock"
	wait_for [ -S "$work/bridge.sock" ] || { fail "$(tail -n2 "$work/bridge.log")"; return; }
	run_port 1 "path=$work/bridge.sock"
}

row_passt() {
	if [ -z "$passt" ]; then
		command -v passt >/dev/null || { skip "there is no passt; give --passt"; return; }
		passt=passt
	fi
	# One word an argument of the command. Its help goes to either stream.
	# shellcheck disable=SC2086
	$passt --help >"$work/help" 2>&1 || true
	grep -q -- --vhost-user "$work/help" || { skip "$passt has no --vhost-user"; return; }
	# shellcheck disable=SC2016,SC2086
	background passt unshare -n sh -c 'ip link set lo up; exec "$@"' sh $passt --vhost-user \
		-s "$work/passt.sock" -f -1 -a 10.2.0.2 -n 24 -g 10.2.0.1
	wait_for [ -S "$work/passt.sock" ] || { fail "$(tail -n2 "$work/passt")"; return; }
	run_port 1 "path=$work/passt.sock"
}

# run_program PROGRAM...: tests of this tree that have their own back-end; 77: skipped.
run_program() {
	local status=0
	"$@" >"$work/result" 2>&1 || status=$?
	case $status in
	0)
		grep -E '^#|^[0-9]+ passed' "$work/result" || true
		ok
		;;
	77) skip "$(grep -m1 '^skipped' "$work/result" || tail -n1 "$work/result")" ;;
	*) fail "$(grep -m3 '^FAILED' "$work/result" || tail -n3 "$work/result")" ;;
	esac
}

row_qemu-pci() {
	# shellcheck disable=SC2016
	run_program bash -c 'for program in qemu_virtio_pci qemu_port; do
		"$0/$program" "$@" || exit
	done' "$root/build/app/test/qtest" "${qemu[@]}"
}

row_qemu-mmio() {
	run_program "$root/build/app/test/qtest/qemu_virtio_mmio" "${qemu[@]}"
}

row_kernel-vhost() {
	run_program "$root/devtools/run-guest-tests.sh" kernel
}

[ "$(id -u)" -eq 0 ] || die "not root: back-ends get a network namespace of their own"
"$root/devtools/setup.sh"
build_targets="app/test/interop/virtio_interop app/test/qtest/qemu_port"
build_targets+=" app/test/qtest/qemu_virtio_mmio app/test/qtest/qemu_virtio_pci"
build_targets+=" drivers/net/virtio/librte_net_virtio.so"
build_tree build
private=$(make_private_dir)
cp "$root/build/drivers/net/virtio/librte_net_virtio.so" "$private"
# The two ends on cores of their own, where there are two.
read -r front back < <("$python" -c '
import os
cores = sorted(os.sched_getaffinity(0))
print(cores[0], cores[-1])')

for row in "${wanted[@]}"; do
	say "$row"
	run_row
done
echo "${count[passed]} passed, ${count[failed]} failed, ${count[skipped]} skipped"
[ "${count[failed]}" -eq 0 ]
