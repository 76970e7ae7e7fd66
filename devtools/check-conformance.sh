#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-conformance.sh
#
# What doc/conformance.md names is there: tests, as `program`: `case` of app/test, and functions,
# as `file.c`: `function`. Its summary has the sums of its tables, and each row a test or a reason.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

doc=doc/conformance.md

# NAME and each of the names behind it, a line each, of `NAME`: `name`, `name`.
named() {
	grep -oE '`'"$1"'`: (`[A-Za-z0-9_]+`[^`;|]{0,40}(, )?)+' "$doc" |
		awk -F'`' '{ for (i = 4; i <= NF; i += 2) print $2, $i }' | sort -u
}

# PROGRAM CASE of each test that is there.
cases() {
	grep -roE --include='*.c' '^[[:space:]]TEST[A-Z_]*\([a-z0-9_]+\)' app/test |
		sed -E 's!.*/([a-z0-9_]+)\.c:.*\(([a-z0-9_]+)\)!\1 \2!' | sort -u
}

# Offences of the tables: MUST and SHOULD of each, and the summary.
check_tables() {
	awk -F' *[|] *' -v doc="$doc" '
	function bad(text) { print doc ": " text }
	function sums(name) {
		return rows[name] " | " must[name] " | " should[name] \
			" | " count[name, "followed"] + 0 " | " count[name, "in part"] + 0 \
			" | " count[name, "not followed"] + 0 \
			" | " count[name, "n. a."] + 0
	}
	/^#+ / { heading = $0; sub(/^#+ /, "", heading); kind = "" }
	/^\| # \|/ { kind = /^\| # \| section \| MUST \| SHOULD \|/ ? "rows" : "reset" }
	/^\| table \| rows \|/ { kind = "summary" }
	/^$/ { kind = "" }
	kind == "summary" && !/^\|(-|( table \| rows))/ {
		name = $2
		written[name] = $3 " | " $4 " | " $5 " | " $6 " | " $7 " | " $8 " | " $9
		order[++lines] = name
	}
	kind == "reset" && $2 ~ /^[A-Z]+[0-9]+$/ { known[$2] = 1 }
	kind == "rows" && $2 ~ /^[A-Z]+[0-9]+$/ {
		if (!(heading in rows))
			tables[++nb] = heading
		if (NF != 10)
			bad($2 ": " NF - 2 " cells, 8 are right")
		if (++rows[heading] != substr($2, match($2, /[0-9]/)) + 0)
			bad($2 ": its number is not the next one")
		must[heading] += $4
		should[heading] += $5
		if ($4 !~ /^[0-9]+$/ || $5 !~ /^[0-9]+$/ || $4 + $5 == 0)
			bad($2 ": it stands for no statement")
		if ($9 !~ /^(followed|in part|not followed|n\. a\.)$/)
			bad($2 ": no such status: " $9)
		count[heading, $9] += $4 + $5
		if ($9 != "n. a." && $8 == "")
			bad($2 ": neither a test nor a reason")
		if ($9 == "followed" && \
		    $8 !~ /`[a-z0-9_]+`: `|watched|by reading|guest tests|[CPMNA][0-9]/)
			bad($2 ": no test is named, nor \"by reading\"")
		text = $8
		while (match(text, /(^|[ (])[CPMNA][0-9]+/)) {
			word = substr(text, RSTART, RLENGTH)
			gsub(/[ (]/, "", word)
			cited[$2 " " word] = word
			text = substr(text, RSTART + RLENGTH)
		}
	}
	END {
		all = "virtio 1.4, together"
		for (i = 1; i <= nb; i++) {
			t = tables[i]
			if (t !~ /^vhost-user/) {
				rows[all] += rows[t]
				must[all] += must[t]
				should[all] += should[t]
				split("followed;in part;not followed;n. a.", s, ";")
				for (k = 1; k <= 4; k++)
					count[all, s[k]] += count[t, s[k]]
			}
			if (!(t in written))
				bad("the summary has no line \"" t "\"")
		}
		for (i = 1; i <= lines; i++) {
			t = order[i]
			if (!(t in rows))
				bad("there is no table \"" t "\"")
			else if (written[t] != sums(t))
				bad("summary of \"" t "\": " written[t] "; its rows have " \
				    sums(t))
		}
		for (c in cited)
			if (!(cited[c] in known))
				bad(c ": there is no such row")
		if (nb < 8 || lines < 9)
			bad("only " nb + 0 " tables and " lines + 0 " lines of the summary found")
	}' "$doc"
}

tests=$(named '[a-z0-9_]+')
n=$(grep -c . <<<"$tests" || true)
offences=$(check_tables)
[ -z "$offences" ] || offences+=$'\n'
while read -r program case; do
	offences+="$doc: there is no test program $program with a case $case"$'\n'
done < <(comm -23 <(echo "$tests") <(cases))
while read -r file function; do
	path=$(find lib/virtio drivers/net/virtio -name "$file")
	if [ -z "$path" ]; then
		offences+="$doc: there is no file $file"$'\n'
	elif ! grep -qw "$function" "$path"; then
		offences+="$doc: $path has no $function"$'\n'
	fi
done < <(named '[a-z0-9_]+\.[ch]')
[ "$n" -gt 200 ] || offences+="$doc: only $n tests found in it"$'\n'

if [ -z "$offences" ]; then
	echo "ok conformance: the $n tests of the tables are there, and the summary has their sums"
	echo "1 passed, 0 failed"
else
	printf '%s' "$offences"
	echo "FAILED conformance: the tests of the tables are there, and the summary has their sums"
	echo "0 passed, 1 failed"
	exit 1
fi
