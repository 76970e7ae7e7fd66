#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-models.sh [--large] [MODEL...]
#
# Explores every state of the models in doc/models with Spin. Each model also has variants that
# leave out one part of the code. In each of these Spin has to find an error, or the model does not
# notice that part. Without Spin it skips. Without the name of a model it takes all of them.
#
#   --large     more calls and bursts of gate and queue_life: minutes, and up to 4 GB of memory
#   -h, --help  this text
#
# Debian's package: spin.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

large=
limit=300
# Spin's program takes longer to optimize than to run.
optimize=-O0
answer_common_option "$@"
models=()
pids=()
for word in "$@"; do
	case $word in
	--large)
		large=yes
		limit=3600
		optimize=-O2
		;;
	-*) usage_error "no such option: $word (see --help)" ;;
	*)
		[ -f "$root/doc/models/$word.pml" ] ||
			usage_error "no such model: $word (doc/models has them)"
		models+=("$word")
		;;
	esac
done
[ ${#models[@]} -gt 0 ] || models=(gate queue_life locks)

if ! command -v spin >/dev/null; then
	echo "skipped models: there is no spin (Debian's package: spin)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# explore MODEL OPTION...: in a folder of the model, where the verifier's output is in out.
explore() {
	local model=$1
	shift
	rm -f pan pan.* ./*.trail
	spin "$@" -a "$root/doc/models/$model.pml" >out 2>&1 &&
		cc $optimize -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=4000 -w -o pan pan.c \
			>>out 2>&1 &&
		timeout $limit ./pan -m200000 -w22 >out 2>&1 &&
		! grep -qE 'max search depth too small|out of memory|memory limit' out
}

# The states that were explored, if all of them were.
states() {
	grep -q 'errors: ' out && sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out
}

judge() {
	local result=$1
	shift
	if [ "$result" = 0 ]; then
		echo "ok models: $*"
	else
		echo "FAILED models: $*"
		cat out >&2
	fi
}

# holds MODEL OPTION...: no error in any state.
holds() {
	local result=1
	explore "$@" && grep -q 'errors: 0$' out && result=0
	judge $result "$*: $(states) states, no error"
}

# breaks MODEL OPTION...: an error in some state.
breaks() {
	local result=1
	explore "$@" || true
	grep -qE '^pan:1: (assertion violated|invalid end state)' out && result=0
	judge $result "$*: an error is found"
}

try_gate() {
	holds gate -DQUERY
	holds gate -DREFUSED
	holds gate -DSECONDARY -DBURSTS=1 -DCONTROL_CALLS=1
	breaks gate -DWITHOUT_MEMBARRIER
	breaks gate -DWITHOUT_CLOSE_INSIDE
	breaks gate -DWITHOUT_LOOK_AT_STATE
	breaks gate -DWITHOUT_VISITORS -DQUERY
	breaks gate -DWITHOUT_FENCE -DREFUSED
	breaks gate -DWITHOUT_UNFENCED -DREFUSED
	breaks gate -DWITHOUT_LOCK -DSECONDARY -DBURSTS=1 -DCONTROL_CALLS=1
	breaks gate -DWITHOUT_OCCUPIED -DSECONDARY
	breaks gate -DWITHOUT_LOOK_AT_PROCESS -DSECONDARY -DBURSTS=1 -DCONTROL_CALLS=1
	breaks gate -DWITHOUT_ABANDONED -DSECONDARY
	[ -n "$large" ] || return 0
	holds gate -DSECONDARY -DBURSTS=1 -DCONTROL_CALLS=2
	holds gate -DSECONDARY -DREFUSED
}

try_queue_life() {
	local small=(-DAPP_CALLS=2 -DWORKER_ROUNDS=2)
	# A stop and the start after it, beside two rounds of the worker.
	holds queue_life -DAPP_CALLS=3 -DWORKER_ROUNDS=2
	holds queue_life -DDRAIN -DCOMMANDS "${small[@]}"
	holds queue_life -DTRANSMIT "${small[@]}"
	breaks queue_life -DWITHOUT_PROOF "${small[@]}"
	breaks queue_life -DWITHOUT_LOOK_AT_STATE "${small[@]}"
	breaks queue_life -DWITHOUT_FORGET "${small[@]}"
	breaks queue_life -DWITHOUT_STOPPED_BY_APP "${small[@]}"
	breaks queue_life -DWITHOUT_KEEP -DDRAIN "${small[@]}"
	breaks queue_life -DWITHOUT_LOCK "${small[@]}"
	breaks queue_life -DWITHOUT_EMPTY_RING "${small[@]}"
	breaks queue_life -DWITHOUT_PLAN_SHOWN "${small[@]}"
	breaks queue_life -DENDS_LATE "${small[@]}"
	[ -n "$large" ] || return 0
	holds queue_life
	holds queue_life -DDRAIN
}

try_locks() {
	holds locks -DCALLS=1
	holds locks -DTELEMETRY -DCALLS=1
	breaks locks -DWITHOUT_ORDER -DCALLS=1
	breaks locks -DWITHOUT_UNLOCKED_JOIN -DCALLS=1
	breaks locks -DWITHOUT_SELF -DCALLS=1
	breaks locks -DWITHOUT_GIVING_UP -DCALLS=1
	breaks locks -DWITHOUT_TRYLOCK -DTELEMETRY -DCALLS=1
}

for model in "${models[@]}"; do
	mkdir -p "$work/$model"
	(
		cd "$work/$model"
		"try_$model"
	) >"$work/$model.lines" &
	pids+=($!)
done
for i in "${!pids[@]}"; do
	wait "${pids[$i]}" ||
		echo "FAILED models: ${models[$i]} has ended early" >>"$work/${models[$i]}.lines"
done
cat "$work"/*.lines
passed=$(cat "$work"/*.lines | grep -c '^ok ') || true
failed=$(cat "$work"/*.lines | grep -c '^FAILED ') || true
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
