#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-tests.sh [--unit | --e2e | --guest]
#
# Makes the machine ready (devtools/setup.sh), builds, and runs every test:
#   - the checks of the sources (devtools/check-*.sh);
#   - a build with gcc and one with clang and sanitizers, warnings being errors;
#   - the unit tests, plain and under the address and undefined-behaviour sanitizers, and those of
#     lib/virtio and the gate that have several threads under the thread sanitizer;
#   - the fuzz targets (devtools/run-fuzz.sh), for a short time;
#   - queue resets under traffic with back-ends that die (devtools/soak.sh), for two minutes;
#   - the end-to-end tests, with the stock dpdk-testpmd;
#   - the guest tests, on QEMU's virtio-pci device, where QEMU can be had.
# The last line counts all of them: "N passed, N failed", and ", N skipped" if any were.
#
#   --unit   the checks, the builds, the unit tests and the soak alone
#   --e2e    the end-to-end tests alone
#   --guest  the guest tests alone
#   -h, --help  this text
#   --version   the version of this tree
#
# Exit status: 0 if none failed, 1 if one did, 2 for wrong options, 3 if a signal ended it, which is
# said with the counts so far.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

unit=yes
e2e=yes
guest=yes
answer_common_option "$@"
[ $# -le 1 ] || usage_error "one of --unit, --e2e and --guest (none: all tests)"
case ${1:-} in
"") ;;
--unit) e2e='' guest='' ;;
--e2e) unit='' guest='' ;;
--guest) unit='' e2e='' ;;
*) usage_error "no such option: $1 (see --help)" ;;
esac

passed=0
failed=0
skipped=0

# One test that is a command: its output is shown, its end is the result.
try() {
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name"
		failed=$((failed + 1))
	fi
}

# add KIND NAME...: what count-tests.py makes of a result.
add() {
	local counts
	counts=$("$python" devtools/count-tests.py "$@")
	read -r -a counts <<<"$counts"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + counts[2]))
}

run_checks() {
	local check status
	for check in devtools/check-*.sh; do
		say "running $check"
		status=0
		"$check" >"$work/check" || status=$?
		sed '$d' "$work/check"
		add lines "$check" "$status" "$work/check"
	done
}

# run_unit_tests TREE TIMEOUT_FACTOR [MESON_OPTION...]
run_unit_tests() {
	local tree=$1 factor=$2
	shift 2
	say "unit tests in $tree"
	rm -f "$tree/meson-logs/testlog.json"
	# Many of them wait more than they compute.
	meson test -C "$tree" --no-rebuild --print-errorlogs --timeout-multiplier "$factor" \
		--num-processes $((2 * $(nproc))) "$@" || true
	add meson "$tree" "$tree/meson-logs/testlog.json"
}

run_soak() {
	local status=0
	say "soak"
	devtools/soak.sh --minutes 2 >"$work/soak" || status=$?
	cat "$work/soak"
	add lines devtools/soak.sh "$status" "$work/soak"
}

run_e2e_tests() {
	say "end-to-end tests"
	"$python" -m pytest -p no:cacheprovider -v --junitxml="$work/e2e.xml" test/e2e || true
	add junit test/e2e "$work/e2e.xml"
}

# In the background: the end-to-end tests wait more than they compute, and use other files.
start_guest_tests() {
	say "guest tests, beside those that follow"
	devtools/run-guest-tests.sh >"$work/guest" &
	guest_pid=$!
}

end_guest_tests() {
	local status=0
	say "waiting for the guest tests"
	wait "$guest_pid" || status=$?
	guest_pid=
	sed '$d' "$work/guest"
	# Nothing to run them with: it has said so.
	[ "$status" -ne 77 ] || status=0
	add lines devtools/run-guest-tests.sh "$status" "$work/guest"
}

finish() {
	local line="$passed passed, $failed failed"
	[ "$skipped" -eq 0 ] || line+=", $skipped skipped"
	echo "$line"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

stop_guest_tests() {
	[ -n "$guest_pid" ] || return 0
	kill "$guest_pid" 2>/dev/null || true
	wait "$guest_pid" || true
}

interrupted() {
	echo "ended by a signal after $passed passed, $failed failed"
	exit 3
}

work=$(mktemp -d)
guest_pid=
trap 'stop_guest_tests; rm -rf "$work"' EXIT
trap interrupted INT TERM
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1:\
suppressions=$root/app/fuzz/ubsan-suppressions.txt}

devtools/setup.sh
if [ -z "$unit" ]; then
	try "build" build_tree build
else
	# One that is there from elsewhere has not been asked to be so strict.
	[ ! -f build/build.ninja ] || meson configure build -Dwerror=true
	CC=gcc try "build with gcc, warnings are errors" build_tree build -Dwerror=true
	run_checks
	# With a sanitizer a plug-in leaves symbols to the program that loads it.
	# Less optimization takes a fifth less time to compile.
	CC=clang try "build with clang and sanitizers, warnings are errors" build_tree build-clang \
		-Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false \
		-Dbuildtype=debugoptimized -Doptimization=1
	run_unit_tests build 2
	run_unit_tests build-clang 4 --no-suite not-sanitized
	build_targets=thread-tests try "build with the thread sanitizer" build_tree build-tsan \
		-Db_sanitize=thread -Db_lundef=false -Dbuildtype=debugoptimized
	run_unit_tests build-tsan 4 --suite threads
	try "fuzz targets" devtools/run-fuzz.sh --seconds 10
fi
[ -z "$unit" ] || run_soak
[ -z "$guest" ] || start_guest_tests
[ -z "$e2e" ] || run_e2e_tests
[ -z "$guest" ] || end_guest_tests
finish
