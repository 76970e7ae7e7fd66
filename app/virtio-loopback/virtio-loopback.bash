# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
# shellcheck shell=bash
#
# Completion of the options of virtio-loopback in bash.

_virtio_loopback() {
	local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words
	# Readline splits "--json=FILE" into three words.
	if [ "$current" = = ]; then
		current=''
	elif [ "$option" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	case $option in
	--backend | --json | --pcap-in | --pcap-out | --serve)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--method) words="auto disable get_base off" ;;
	--devargs | --drain | --interval | --queues | --rate | --reset-queues | --resize-schedule | \
		--ring-sizes | --rounds | --seconds)
		return
		;;
	*)
		words="--backend --devargs --drain --extbuf --help --interval --json --method
			--no-huge --pcap-in --pcap-out --queues --rate --reset-queues
			--resize-schedule --ring-sizes --rounds --seconds --serve --serve-client --serve-source
			--serve-stock --verbose --version -h"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _virtio_loopback virtio-loopback
