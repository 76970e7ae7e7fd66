#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-docs.sh
#
# Checks the documents: Sphinx builds the guides without a warning, and each file of the tree that a
# document names or links to exists. Without sphinx-build the first check is skipped.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

passed=0
failed=0
skipped=0
verdict() {
	local name=$1 offences=$2
	if [ -z "$offences" ]; then
		echo "ok docs: $name"
		passed=$((passed + 1))
	else
		echo "$offences"
		echo "FAILED docs: $name"
		failed=$((failed + 1))
	fi
}

build_guides() {
	local name="Sphinx builds the guides without a warning" out status=0 said
	if ! command -v sphinx-build >/dev/null; then
		echo "skipped docs: $name: there is no sphinx-build" \
			"(Debian's package: python3-sphinx)"
		skipped=$((skipped + 1))
		return
	fi
	out=$(mktemp -d)
	said=$(sphinx-build -W --keep-going -n -q -b html -d "$out/doctrees" doc/guides \
		"$out/html" 2>&1) || status=$?
	rm -rf "$out"
	[ "$status" -eq 0 ] || said+=$'\n'"sphinx-build ended with status $status"
	verdict "$name" "$said"
}

# FILE:LINE:PATH of each file or folder of the tree that is named in ``...`` or `...`.
named() {
	find README.md SECURITY.md doc \( -name '*.md' -o -name '*.rst' \) -exec grep -noHE \
		'`(app|devtools|doc|drivers|lib|test)/[A-Za-z0-9_./-]+`' {} + | tr -d '`'
}

# FILE:LINE:PATH of each relative link of the Markdown documents.
linked() {
	find README.md SECURITY.md doc -name '*.md' -exec \
		grep -noHE '\]\([A-Za-z0-9_./-]+[)#]' {} + |
		sed -E 's/\]\(//; s/[)#]$//'
}

build_guides
verdict "the files that documents name exist" "$(named | while IFS=: read -r file line path; do
	# A program may be named without its suffix.
	[ -e "$path" ] || [ -e "$path.c" ] || echo "$file:$line: there is no $path"
done)"
verdict "the files that documents link to exist" "$(linked | while IFS=: read -r file line path; do
	[ -e "$(dirname "$file")/$path" ] || echo "$file:$line: there is no $path"
done)"

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ]
