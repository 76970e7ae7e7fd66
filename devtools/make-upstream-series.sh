#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/make-upstream-series.sh DPDK OUT
#
# Writes a cover letter and a series of patches that puts this driver in the place of net/virtio,
# for a maintainer to read, complete and post. "git am OUT/000[1-9]-*.patch" takes them.
#
#   DPDK  a git clone of DPDK. The series is for the commit that is checked out there; neither its
#         branches nor its files are touched
#   OUT   a folder for the patches; it is made, or must be empty
#
# The texts are in doc/upstream: the cover letter, and for each patch its message and its files. The
# driver comes from devtools/lift-into-dpdk.sh. The patches are not kept in this tree, since the
# first one has in it what it removes: source text of DPDK.
#
# Author and Signed-off-by are git's user.name and user.email in DPDK. An author who is new in
# DPDK's .mailmap is added to it.
#
#   -h, --help  this text
#   --version   the version of this tree
#
# Exit status: 0 if all was written, 1 if not, 2 for wrong options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for option; do
	answer_common_option "$option"
	case $option in
	-*) usage_error "no such option: $option (see --help)" ;;
	esac
done
[ $# -eq 2 ] || usage_error "give a git clone of DPDK and a folder for the patches (see --help)"
dpdk=$1
out=$2

git -C "$dpdk" rev-parse --verify -q HEAD >/dev/null 2>&1 || die "$dpdk is not a git clone"
git -C "$dpdk" cat-file -e HEAD:drivers/net/virtio/meson.build 2>/dev/null ||
	die "$dpdk is not a clone of DPDK: its HEAD has no drivers/net/virtio"
name=$(git -C "$dpdk" config user.name || true)
email=$(git -C "$dpdk" config user.email || true)
[ -n "$name" ] && [ -n "$email" ] ||
	die "git knows no author in $dpdk: set user.name and user.email there"
mkdir -p "$out"
[ -z "$(ls -A "$out")" ] || die "$out is not empty"
out=$(cd "$out" && pwd -P)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A clone of its own, for its commits.
git clone -q --shared --no-checkout "$dpdk" "$work/dpdk"
git -C "$work/dpdk" checkout -q --detach "$(git -C "$dpdk" rev-parse HEAD)"
git clone -q --shared "$work/dpdk" "$work/lifted" 2>/dev/null
git -C "$work/lifted" checkout -q --detach "$(git -C "$dpdk" rev-parse HEAD)"
"$root/devtools/lift-into-dpdk.sh" "$work/lifted"
from=$work/lifted/drivers/net/virtio
to=$work/dpdk/drivers/net/virtio
release=$(cut -c1-5 "$work/dpdk/VERSION")
base=$(git -C "$work/dpdk" rev-parse HEAD)

# By file: the driver's headers that it includes, one a line.
declare -A includes
while IFS=: read -r file header; do
	[ -f "$from/$header" ] || header=base/$header
	[ ! -f "$from/$header" ] || includes[$file]+=$header$'\n'
done < <(cd "$from" && grep -r --include='*.[ch]' '^#include "' . |
	sed 's,^\./\([^:]*\):#include "\(.*\)"$,\1:\2,')

# Adds a file to what the next patch brings, with the headers that it includes.
declare -A brought
bring() {
	local header
	[ -z "${brought[$1]:-}" ] || return 0
	brought[$1]=yes
	files+=("$1")
	for header in ${includes[$1]:-}; do
		bring "$header"
	done
}

# The files that the pattern names, without meson.build: that one is the last patch's.
named() {
	(cd "$from" && compgen -G "$1" | grep -E '\.[ch]$|version\.map$') || true
}

add_to_mailmap() {
	local map=$work/dpdk/.mailmap
	! grep -qF "$name <$email>" "$map" || return 0
	awk -v entry="$name <$email>" '
		!done && tolower($0) > tolower(entry) { print entry; done = 1 }
		{ print }
		END { if (!done) print entry }' "$map" >"$work/mailmap"
	cp "$work/mailmap" "$map"
}

disable_build() {
	cat >"$to/meson.build" <<-'END'
		# SPDX-License-Identifier: BSD-3-Clause

		build = false
		reason = 'not complete yet'
	END
}

# At the end of the new features.
add_release_note() {
	local notes=$work/dpdk/doc/guides/rel_notes/release_${release/./_}.rst
	[ -f "$notes" ] || die "DPDK $release has no release notes: $notes"
	awk -v note="$(cat "$root/doc/upstream/release-note.txt")" '
		/^Removed Items$/ {
			sub(/\n*$/, "\n\n", head)
			head = head note "\n\n\n"
		}
		{ head = head $0 "\n" }
		END { printf "%s", head }' "$notes" >"$work/notes"
	cp "$work/notes" "$notes"
}

# The public header is a part of the API documents.
add_to_api_index() {
	local api=$work/dpdk/doc/api
	[ -f "$api/doxy-api-index.md" ] && [ -f "$api/doxy-api.conf.in" ] ||
		die "DPDK $release has no lists of API documents"
	sed -i '/(@ref rte_vdpa\.h)/a\  [virtio](@ref rte_pmd_virtio.h),' "$api/doxy-api-index.md"
	sed -i '/drivers\/net\/softnic /{h;s/softnic/virtio/;H;x}' "$api/doxy-api.conf.in"
	grep -q 'rte_pmd_virtio' "$api/doxy-api-index.md" &&
		grep -q 'drivers/net/virtio' "$api/doxy-api.conf.in" ||
		die "the API documents of DPDK $release have another form"
}

for patch in "$root"/doc/upstream/series/*.txt; do
	mapfile -t patterns < <(sed -n 's/^Files: //p' "$patch" | tr ' ' '\n')
	case ${patterns[*]} in
	none)
		git -C "$work/dpdk" rm -rq drivers/net/virtio
		mkdir -p "$to"
		disable_build
		add_to_mailmap
		;;
	*)
		files=()
		for pattern in "${patterns[@]}"; do
			mapfile -t found < <(named "$pattern")
			[ ${#found[@]} -gt 0 ] || die "${patch##*/}: no file is $pattern"
			for file in "${found[@]}"; do
				bring "$file"
			done
		done
		(cd "$from" && cp --parents "${files[@]}" "$to")
		;;
	esac
	if [ "${patterns[*]}" = '*' ]; then
		cp "$from/meson.build" "$to/meson.build"
		cp "$work/lifted/doc/guides/nics/features/virtio.ini" \
			"$work/dpdk/doc/guides/nics/features/virtio.ini"
		cp "$root/doc/upstream/virtio.rst" "$work/dpdk/doc/guides/nics/virtio.rst"
		add_release_note
		add_to_api_index
	fi
	git -C "$work/dpdk" add -A
	sed '/^Files: /d' "$patch" | git -C "$work/dpdk" -c user.name="$name" \
		-c user.email="$email" commit -q -s -F -
done
diff -r -x.git "$from" "$to" >&2 || die "the last patch does not leave the driver as it is lifted"

git -C "$work/dpdk" -c user.name="$name" -c user.email="$email" format-patch -q --cover-letter \
	--subject-prefix="RFC PATCH" -o "$out" "$base"
"$python" - "$out/0000-cover-letter.patch" "$root/doc/upstream/cover-letter.txt" <<-'END'
	import sys
	path, text = sys.argv[1:]
	with open(text, encoding='utf-8') as file:
	    subject, body = file.read().split('\n', 1)
	with open(path, encoding='utf-8') as file:
	    letter = file.read()
	letter = letter.replace('*** SUBJECT HERE ***', subject).replace(
	    '*** BLURB HERE ***', body.strip())
	with open(path, 'w', encoding='utf-8') as file:
	    file.write(letter)
END
say "$(find "$out" -name '*.patch' | wc -l) files for DPDK $(cat "$work/dpdk/VERSION") in $out"
