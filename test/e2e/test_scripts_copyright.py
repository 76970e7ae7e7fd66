# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The copyright line of each file: added by a script, and required by the check of the style."""

import re
import subprocess
from pathlib import Path

import pytest

from program import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
LINE = r"Copyright\(c\) 20\d\d The authors of dpdk-virtio"
# name: its text, and the pattern of what it becomes
FILES = {
    "a.c": (f"/* {SPDX} */\n\nint x;\n", rf"/\* {SPDX}\n \* {LINE}\n \*/\n\nint x;\n"),
    "a.rst": (f"..  {SPDX}\n\nTitle\n", rf"\.\.  {SPDX}\n    {LINE}\n\nTitle\n"),
    "a.sh": (f"#!/bin/sh\n# {SPDX}\n#\n", rf"#!/bin/sh\n# {SPDX}\n# {LINE}\n#\n"),
    "a.1": (f'.\\" {SPDX}\n.TH A\n', rf'\.\\" {SPDX}\n\.\\" {LINE}\n\.TH A\n'),
}


@pytest.fixture
def tree(host):
    """A Git tree of such files."""
    copy = host.folder / "tree"
    (copy / "devtools").mkdir(parents=True)
    for name in ("add-copyright.sh", "check-style.sh", "common.sh"):
        (copy / "devtools" / name).write_text((ROOT / "devtools" / name).read_text())
        (copy / "devtools" / name).chmod(0o755)
    (copy / "VERSION").write_text("1.2.3\n")
    (copy / "other.txt").write_text("no licence\n")
    for name, (text, _) in FILES.items():
        (copy / name).write_text(text)
    subprocess.run(["git", "init", "-q", copy], check=True)
    return copy


def run(script):
    """(exit status, all that it said)"""
    done = subprocess.run([script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)
    return done.returncode, done.stdout


def test_line_is_added_once(tree):
    status, said = run(tree / "devtools/add-copyright.sh")
    assert status == 0, said
    assert set(FILES) <= set(said.split()) and "other.txt" not in said
    for name, (_, wanted) in FILES.items():
        assert re.fullmatch(wanted, (tree / name).read_text()), name
    assert (tree / "other.txt").read_text() == "no licence\n"
    assert run(tree / "devtools/add-copyright.sh") == (0, "")


def test_tree_without_git_is_refused(tree):
    subprocess.run(["rm", "-r", tree / ".git"], check=True)
    status, said = run(tree / "devtools/add-copyright.sh")
    assert status == 1
    assert "is no Git tree" in said


def test_missing_line_is_found(tree):
    missing = "no copyright below its licence: run devtools/add-copyright.sh"
    status, said = run(tree / "devtools/check-style.sh")
    assert status == 1
    assert "FAILED style: the copyright comes second" in said
    for name in "a.c", "a.rst", "a.sh":
        assert f"./{name}: {missing}" in said
    assert run(tree / "devtools/add-copyright.sh")[0] == 0
    said = run(tree / "devtools/check-style.sh")[1]
    assert "ok style: the copyright comes second" in said and missing not in said
