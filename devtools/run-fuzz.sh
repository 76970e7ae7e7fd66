#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/run-fuzz.sh [--runs N] [--seconds S] [--jobs J] [TARGET...]
#
# Builds the fuzz targets (app/fuzz) with clang, with the address and undefined-behaviour
# sanitizers, and runs them, or those that are named. A run begins with the committed inputs,
# app/fuzz/corpus/TARGET.hex, and with those of earlier runs: inputs that reach new code are kept in
# build-fuzz/corpus/TARGET. The output of libFuzzer is in build-fuzz/TARGET.log. An input that shows
# a fault is written to build-fuzz, and the log has its name: build-fuzz/app/fuzz/fuzz-TARGET FILE
# runs it again. The target "race" has a thread, so that an input is not the same twice.
#
# Prints a line for each target:
#   fuzz TARGET: N inputs, M per second, K features, F findings
# A feature is what libFuzzer counts as covered: a place in the code and how often it was reached.
#
#   --runs N     inputs of each target (default 1000000)
#   --seconds S  end a target earlier, after so many seconds (default: no limit)
#   --jobs J     targets that run at once (default: one a processor)
#   --list       the names of the targets, and nothing else
#   --help       this text
#
# Exit status: 0 without a finding, 1 with one or if a target cannot be built, 2 for wrong options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

all=()
for file in "$root"/app/fuzz/corpus/*.hex; do
	file=${file##*/}
	all+=("${file%.hex}")
done

runs=1000000
seconds=0
jobs=$(nproc)
targets=()
while [ $# -gt 0 ]; do
	answer_common_option "$1"
	case $1 in
	--runs | --seconds | --jobs)
		[[ ${2:-} =~ ^[1-9][0-9]*$ ]] ||
			usage_error "$1 wants a number (see --help)"
		printf -v "${1#--}" %s "$2"
		shift 2
		;;
	--list)
		printf '%s\n' "${all[@]}"
		exit
		;;
	-*) usage_error "no such option: $1 (see --help)" ;;
	*)
		[[ " ${all[*]} " == *" $1 "* ]] ||
			usage_error "no such target: $1 (there are ${all[*]})"
		targets+=("$1")
		shift
		;;
	esac
done
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

command -v clang >/dev/null || die "the fuzz targets need clang (devtools/setup.sh installs it)"
tree=$root/build-fuzz
CC=clang build_targets=${targets[*]/#/app/fuzz/fuzz-} build_tree build-fuzz -Dfuzz=true \
	-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
# The sanitizer keeps less freed memory than by default: inputs are short, and the runs are faster.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=16:allocator_release_to_os_interval_ms=-1}

# The last number after a word in a log, or 0.
number_in() {
	grep -oE "$2 *[0-9]+" "$1" | tail -n1 | grep -oE '[0-9]+$' || echo 0
}

run_target() {
	local name=$1 log=$tree/$1.log corpus=$tree/corpus/$1 findings=0
	"$python" "$root/devtools/fuzz-corpus.py" expand "$root/app/fuzz/corpus/$name.hex" "$corpus"
	"$tree/app/fuzz/fuzz-$name" -print_funcs=0 -print_final_stats=1 -max_len=512 -timeout=10 \
		-runs="$runs" -max_total_time="$seconds" -artifact_prefix="$tree/$name-" \
		"$corpus" >"$log" 2>&1 || findings=1
	[ "$findings" -eq 0 ] || tail -n60 "$log" >&2
	echo "fuzz $name: $(number_in "$log" stat::number_of_executed_units:) inputs," \
		"$(number_in "$log" stat::average_exec_per_sec:) per second," \
		"$(number_in "$log" ' ft:') features, $findings findings"
	[ "$findings" -eq 0 ]
}

# "wait -n" frees a place, and its status is not used: a job that ends after it returns and before
# "jobs" is called would be missed. Bash keeps the status of each job for "wait PID".
pids=()
for name in "${targets[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n || true
	done
	run_target "$name" &
	pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
	wait "$pid" || status=1
done
exit "$status"
