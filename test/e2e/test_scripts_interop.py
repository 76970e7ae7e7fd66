# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""check-interop.sh: its rows, and what it refuses before it builds or starts anything."""

import subprocess
from pathlib import Path

import pytest

from program import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "devtools/check-interop.sh"
PAGE = ROOT / "doc/guides/nics/virtio/interoperability.rst"


def run(*options):
    return subprocess.run([SCRIPT, *options], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL)


def test_each_row_of_the_list_has_a_function():
    done = run("--list")
    assert done.returncode == 0
    rows = done.stdout.split()
    text = SCRIPT.read_text()
    assert rows and all(f"\nrow_{row}() {{\n" in text for row in rows)
    # The examples of the guide.
    used = [word for line in PAGE.read_text().splitlines() if "check-interop.sh" in line
            for word in line.split() if word in rows]
    assert len(used) >= 3


@pytest.mark.parametrize("options, message", [
    (["librte_vhost", "vpp"], "no such row: vpp (see --list)"),
    (["--passt"], "--passt wants a value"),
    (["--qemu-source", "/nonexistent.tar.xz"], "there is no file /nonexistent.tar.xz"),
    (["--bridge", "/"], "there is no file /"),
    (["--testpmd", "/nonexistent"], "there is no program /nonexistent"),
    (["--passt", "/nonexistent --one-off"], "there is no program /nonexistent"),
    (["--queue-reset", "no"], "--queue-reset no: want auto, get_base, disable or off"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_use_is_refused_at_once(options, message):
    done = run(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"check-interop.sh: error: {message}" in done.stderr
    assert "setup.sh" not in done.stderr
