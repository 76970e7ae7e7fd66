#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-fuzz.sh [--runs N] [--seconds S]
#
# Builds the fuzz target of the rings (app/fuzz) with clang, with the address and
# undefined-behaviour sanitizers, and runs it. Inputs that reach new code are kept in
# build-fuzz/corpus, and the next run begins with them. An input that shows a fault is written to
# build-fuzz, and libFuzzer prints its name: build-fuzz/app/fuzz/ring-fuzzer FILE runs it again.
#
#   --runs N     inputs to run (default 1000000)
#   --seconds S  end earlier, after so many seconds (default: no limit), and print how many inputs
#                were run
#   --help       this text
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

runs=1000000
seconds=0
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--runs | --seconds)
		[[ ${2:-} =~ ^[1-9][0-9]*$ ]] ||
			usage_error "$1 wants a number (see --help)"
		case $1 in
		--runs) runs=$2 ;;
		--seconds) seconds=$2 ;;
		esac
		shift 2
		;;
	*) usage_error "no such option: $1 (see --help)" ;;
	esac
done

command -v clang >/dev/null || die "the fuzz target needs clang (devtools/setup.sh installs it)"
CC=clang build_targets=app/fuzz/ring-fuzzer \
	build_tree build-fuzz -Dfuzz=true -Dbuildtype=debugoptimized
mkdir -p "$root/build-fuzz/corpus"
# The sanitizer keeps less freed memory than by default: a ring is small, and the runs are faster.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=16:allocator_release_to_os_interval_ms=-1}
exec "$root/build-fuzz/app/fuzz/ring-fuzzer" -verbosity=0 -print_funcs=0 \
	-print_final_stats=1 -max_len=384 -timeout=10 -runs="$runs" -max_total_time="$seconds" \
	-artifact_prefix="$root/build-fuzz/" "$root/build-fuzz/corpus"
