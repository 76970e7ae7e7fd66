#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
#
# Usage: devtools/check-packages.sh
#
# Checks, without a build, what packages are made from: the versions in debian/ and in the RPM spec
# are that of the file VERSION, the spec can be parsed (rpmspec), debian/copyright has the text of
# LICENSE, and the maintainer scripts have no syntax error. devtools/build-packages.sh builds and
# tests the packages.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

no_options "$@"

spec=packaging/dpdk-virtio.spec
version=$(cat VERSION)
passed=0
failed=0
skipped=0
# Its input is what is wrong, a line each.
verdict() {
	local offences
	offences=$(cat)
	if [ -z "$offences" ]; then
		echo "ok packages: $1"
		passed=$((passed + 1))
	else
		echo "$offences"
		echo "FAILED packages: $1"
		failed=$((failed + 1))
	fi
}

# is_version FILE FOUND
is_version() {
	[ "$2" = "$version" ] || echo "$1: version ${2:-not found}, but VERSION has $version"
}

parse_spec() {
	local name="rpmspec parses the spec"
	if ! command -v rpmspec >/dev/null; then
		echo "skipped packages: $name: there is no rpmspec (Debian's package: rpm)"
		skipped=$((skipped + 1))
		return
	fi
	verdict "$name" < <(rpmspec -P "$spec" 2>&1 >/dev/null || echo "$spec: rpmspec failed")
}

# The text from the first condition on.
licence() {
	sed -n '/Redistribution and use/,$p' "$1"
}

verdict "the versions are that of VERSION" < <(
	is_version debian/changelog "$(sed -n '1s/^[^(]*(\([^)]*\)).*/\1/p' debian/changelog)"
	is_version "$spec" "$(sed -n 's/^Version: *//p' "$spec")"
	is_version "$spec: changelog" "$(sed -n 's/^\* .* - \(.*\)-[0-9]*$/\1/p' "$spec" | head -1)"
)
parse_spec
verdict "debian/copyright has the text of LICENSE" < <(
	# In a Debian control file, a line begins with a space, and an empty line has a point.
	diff <(licence LICENSE) <(licence debian/copyright | sed 's/^ \.$//; s/^ //') || true
)
verdict "maintainer scripts have no syntax error" < <(
	for script in debian/*.p{re,ost}{inst,rm}; do
		[ ! -e "$script" ] || sh -n "$script" 2>&1 || true
	done
)

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ]
