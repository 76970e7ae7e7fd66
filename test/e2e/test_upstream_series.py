# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The driver as a series of patches for DPDK."""

import re
from pathlib import Path

import pytest

from dpdk_tree import git, make_clone, run, sources_of
from program import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
LIFT = ROOT / "devtools/lift-into-dpdk.sh"
SERIES = ROOT / "devtools/make-upstream-series.sh"


def test_series_ends_as_the_lift(tmp_path):
    dpdk = make_clone(tmp_path / "dpdk", "26.11.0-rc0")
    before = git(dpdk, "log", "--format=%H", "--all")
    out = tmp_path / "patches"
    done = run(SERIES, dpdk, out, patience=10 * PATIENCE)
    assert done.returncode == 0, done.stderr
    assert git(dpdk, "log", "--format=%H", "--all") == before
    assert git(dpdk, "status", "--porcelain") == ""
    letter, *patches = sorted(out.glob("*.patch"))
    assert "*** " not in letter.read_text()
    git(dpdk, "am", "-q", *patches)
    for line in git(dpdk, "log", "--format=%s%n%b", f"-{len(patches)}").splitlines():
        assert len(line) <= 75
    for subject in git(dpdk, "log", "--format=%s", f"-{len(patches)}").splitlines():
        assert re.fullmatch(r"net/virtio: [a-z].{,47}", subject)
    after = sources_of(dpdk)
    assert run(LIFT, dpdk).returncode == 0
    assert sources_of(dpdk) == after
    assert git(dpdk, "status", "--porcelain") == ""
    assert (dpdk / ".mailmap").read_text().splitlines()[0].startswith("A Maintainer")
    assert "Replaced virtio net driver" in \
        (dpdk / "doc/guides/rel_notes/release_26_11.rst").read_text()
    assert "(@ref rte_pmd_virtio.h)" in (dpdk / "doc/api/doxy-api-index.md").read_text()
    assert "/drivers/net/virtio " in (dpdk / "doc/api/doxy-api.conf.in").read_text()
    done = run(SERIES, dpdk, out)
    assert done.returncode == 1
    assert "is not empty" in done.stderr


@pytest.mark.parametrize("options, status, message", [
    ([], 2, "give a git clone of DPDK"),
    (["{tree}"], 2, "give a git clone of DPDK"),
    (["{tree}/nowhere", "{tree}/out"], 1, "is not a git clone"),
    (["{root}", "{tree}/out"], 1, "is not a clone of DPDK"),
])
def test_wrong_use_is_refused(tmp_path, options, status, message):
    root = make_clone(tmp_path / "other", "26.11.0-rc0")
    git(root, "rm", "-rq", "drivers")
    git(root, "commit", "-q", "-m", "no drivers")
    done = run(SERIES, *[word.format(tree=tmp_path, root=root) for word in options])
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
