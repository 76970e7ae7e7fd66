# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The guest tests' own machinery: a guest that hangs is an error that shows its last lines."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "guest"))

from image import Image  # noqa: E402
from machine import Hang, Machine  # noqa: E402


def machine(folder, script, **limits):
    """A machine that is a shell script."""
    made = Machine("kernel", "initrd", "", True, 1, "", str(folder / "guest.log"), **limits)
    made.command = ["sh", "-c", script]
    return made


def test_silent_guest_is_an_error_with_its_last_lines(tmp_path):
    hung = machine(tmp_path, "echo one; echo two; exec sleep 1000")
    lines = hung.run()
    assert [next(lines), next(lines)] == ["one", "two"]
    # Only now: a shell that starts late on a busy machine is not silent.
    hung.silence = 0.1
    with pytest.raises(Hang, match="(?s)silent for 0.1 s.*one.*two"):
        next(lines)
    assert (tmp_path / "guest.log").read_text() == "one\ntwo\n"


def test_guest_without_an_end_is_an_error(tmp_path):
    with pytest.raises(Hang, match="not at its end after 1 s"):
        list(machine(tmp_path, "while :; do echo on and on; sleep 0.1; done", limit=1).run())


def test_lines_are_handed_on_and_kept(tmp_path):
    assert list(machine(tmp_path, "printf 'a\\r\\nb'").run()) == ["a", "b"]


def test_image_is_an_archive(tmp_path):
    image = Image()
    image.data("/folder/file", b"words", 0o755)
    image.link("/link", "folder/file")
    image.write(str(tmp_path / "image"))
    script = 'zcat "$1" | busybox cpio -id 2>&1; cat link; stat -c %a folder/file'
    done = subprocess.run(["sh", "-ec", script, "sh", str(tmp_path / "image")], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    if "busybox: not found" in done.stdout:
        pytest.skip("no busybox here")
    assert done.stdout.endswith("words755\n"), done.stdout
