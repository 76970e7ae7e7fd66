#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-style.sh
#
# What a reader of the tree may rely on in every file: the licence in its first line (below "#!"),
# the copyright in the second, tabs (Python and Meson: spaces), 100 columns, no space at the end of
# a line, no note to oneself. No private word where the specification or DPDK has a term. In the
# driver and the libraries: no file over 900 lines, no function over 80 lines.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

# of PATTERN...: the tree's files of these names, one a line.
of() {
	local names=() name
	for name; do
		names+=(-o -name "$name")
	done
	find . -type d \( -name .git -o -name .guest -o -name .driver-sdk -o -name 'build*' -o \
		-name '.*cache' \) -prune -o -type f \( "${names[@]:1}" \) -print | sort
}

code=('*.[ch]' '*.sh' run '*.py' meson.build meson_options.txt)
licensed=("${code[@]}" '*.rst' '*.map' '*.install')
text=("${code[@]}" '*.md' '*.rst' '*.ini' '*.map')

words="told|whoever|wish(es|ed)?|heals?|healed|greets?|nobody else|says so|affair|hands off"
words+="|meet(s|ing)? anew|hangs? up|by word"

passed=0
failed=0
# Its input is what is wrong, a line each.
verdict() {
	local offences
	offences=$(cat)
	if [ -z "$offences" ]; then
		echo "ok style: $1"
		passed=$((passed + 1))
	else
		echo "$offences"
		echo "FAILED style: $1"
		failed=$((failed + 1))
	fi
}

lines_with() {
	local pattern=$1
	shift
	of "$@" | xargs -rd'\n' grep -nHE "$pattern" || true
}

# awk over the tree's files of these names: its program, and the names.
lines_by() {
	local program=$1
	shift
	of "$@" | xargs -rd'\n' awk -v holder="$copyright_holder" "$program"
}

verdict "the licence comes first" < <(lines_by '
	FNR == 1 { first = /^#!/ ? 2 : 1 }
	FNR == first && !/SPDX-License-Identifier: BSD-3-Clause/ {
		print FILENAME ": no SPDX-License-Identifier: BSD-3-Clause in its first line"
	}' "${licensed[@]}")
verdict "the copyright comes second" < <(lines_by '
	FNR == 1 { second = /^#!/ ? 3 : 2 }
	FNR == second && $0 !~ "Copyright\\(c\\) 20[0-9][0-9](-20[0-9][0-9])? " holder "$" {
		print FILENAME ": no copyright below its licence: run devtools/add-copyright.sh"
	}' "${licensed[@]}")
# In C, up to seven spaces align a line with an open parenthesis.
verdict "tabs indent" < <(
	lines_with $'^\t* {8}' '*.[ch]'
	lines_with '^ ' '*.sh' run
)
verdict "spaces indent Python and Meson" < <(lines_with $'^ *\t' '*.py' meson.build)
verdict "100 columns" < <(lines_by '
	{
		n = split($0, part, "\t")
		columns = length(part[1])
		for (i = 2; i <= n; i++)
			columns += 8 - columns % 8 + length(part[i])
		if (columns > 100)
			print FILENAME ":" FNR ": " columns " columns"
	}' "${code[@]}")
verdict "no space at the end of a line" < <(lines_with $'[ \t\r]$' "${text[@]}")
verdict "no note to oneself" < <(lines_with '\<(TO''DO|FIX''ME|XX''X)\>' "${text[@]}")
verdict "no file over 900 lines" < <(
	of '*.[ch]' | grep -E '^\./(drivers|lib)' | while read -r file; do
		[ "$(wc -l <"$file")" -le 900 ] || echo "$file: over 900 lines"
	done
)
# A function's body is from "{" to "}" in column 0; one that begins elsewhere would not be measured.
verdict "no function over 80 lines" < <(
	of '*.[ch]' | grep -E '^\./(drivers|lib)' | xargs -rd'\n' awk '
		/^[A-Za-z_].*\) *{( *\\)?$/ && !/=/ {
			print FILENAME ":" FNR ": the brace of a function begins its line"
		}
		FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ && start > 0 {
			if (FNR - start - 1 > 80)
				print FILENAME ":" start ": a function of " FNR - start - 1 " lines"
			start = 0
		}'
)
verdict "plain words" < <(
	of "${text[@]}" | grep -vx ./devtools/check-style.sh |
		xargs -rd'\n' grep -niHE "(^|[^a-z])($words)([^a-z]|\$)" || true
)
# No file has the character that ends a record here, so a file is one.
verdict "every file ends with its line" < <(lines_by '
	BEGIN { RS = "\001" }
	!/\n$/ { print FILENAME ": no newline at its end" }' "${text[@]}")

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
