#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/add-copyright.sh
#
# Adds the copyright line below the SPDX line of each file of the Git tree that has the latter and
# not the former, and prints the names of the changed files. devtools/check-style.sh requires both
# lines.
#
#   -h, --help    this text
#   --version     the version of this tree
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

git rev-parse --is-inside-work-tree >/dev/null 2>&1 ||
	die "$root is no Git tree, so the files are not known"
year=$(date +%Y)
git ls-files -co --exclude-standard | while read -r file; do
	if [ ! -f "$file" ] || [ -L "$file" ]; then
		continue
	fi
	head -n 2 "$file" | grep -aq 'SPDX-License-Identifier: BSD-3-Clause' || continue
	head -n 3 "$file" | grep -aq 'Copyright(c)' && continue
	# In C, both lines are one comment. In a document, the second line continues the first.
	sed -i -E -e "1,2 {
		s|^/\* (SPDX-.*) \*/\$|/* \1\n * Copyright(c) $year $copyright_holder\n */|
		s|^\.\.  (SPDX-.*)\$|&\n    Copyright(c) $year $copyright_holder|
		s|^(#\|;\|\.\\\\\") SPDX-.*\$|&\n\1 Copyright(c) $year $copyright_holder|
	}" "$file"
	echo "$file"
done
