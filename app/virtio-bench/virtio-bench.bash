# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
# shellcheck shell=bash
#
# Completion of the options of virtio-bench in bash. Those of EAL, before "--", are not completed.

_virtio_bench() {
	local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words i
	local own=''
	# Readline splits "--size=64" into three words.
	if [ "$current" = = ]; then
		current=''
	elif [ "$option" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" != -- ] || own=yes
	done
	case ${own:+own}$option in
	own--) words="cycles handover life rate serve steps timeline" ;;
	own--direction) words="idle loop ping rx tx" ;;
	own--order) words="once one random turn" ;;
	own--size) words="imix" ;;
	own--way) words="plain port rx-queue tx-queue" ;;
	own--null)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	own--burst | own--bursts | own--deadline | own--ms | own--pace | own--pairs | own--ring | \
		own--rounds)
		return
		;;
	own*)
		words="--burst --bursts --deadline --direction --help --ms --null --order --pace
			--pairs --ring --rounds --size --turns --version --way -h"
		;;
	*) words="-- --help --version -h" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _virtio_bench virtio-bench
