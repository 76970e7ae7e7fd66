# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""devtools/check-conformance.sh notices what is wrong in the tables of doc/conformance.md."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOC = "doc/conformance.md"
PLAIN = "| DC2 | 2.1.1 | 1 | 0 | no status bit is cleared"


@pytest.fixture(name="check", scope="module")
def fixture_check(tmp_path_factory):
    """check(change): the script on a copy of the tree, whose document was changed."""
    tree = tmp_path_factory.mktemp("tree")
    for part in "devtools", "app/test", "lib/virtio", "drivers/net/virtio":
        shutil.copytree(ROOT / part, tree / part)
    shutil.copy(ROOT / "VERSION", tree)
    (tree / "doc").mkdir()
    text = (ROOT / DOC).read_text(encoding="utf-8")

    def run(change):
        (tree / DOC).write_text(change(text), encoding="utf-8")
        return subprocess.run([tree / "devtools/check-conformance.sh"], capture_output=True,
                              text=True, check=False)
    return run


def test_the_document_is_right(check):
    done = check(lambda text: text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("1 passed, 0 failed\n")


@pytest.mark.parametrize("old, new, offence", [
    ("`start_keeps_the_order_of_steps`: `order_of_a_device`",
     "`start_keeps_the_order_of_steps`: `order_of_none`",
     "no test program start_keeps_the_order_of_steps with a case order_of_none"),
    ("`start_keeps_the_order_of_steps`: `order_of_a_device`", "`no_program`: `order_of_a_device`",
     "no test program no_program with a case order_of_a_device"),
    ("`virtio_device.c`: `virtio_device_add_status`", "`virtio_device.c`: `no_function`",
     "virtio_device.c has no no_function"),
    ("`virtio_device.c`: `virtio_device_add_status`", "`no_file.c`: `virtio_device_add_status`",
     "no file no_file.c"),
    (PLAIN, PLAIN.replace("DC2", "DC3"), "DC3: its number is not the next one"),
    (PLAIN, PLAIN.replace("| 1 | 0 |", "| 2 | 0 |"), 'summary of "Core'),
    (PLAIN, PLAIN.replace("| 1 | 0 |", "| 0 | 0 |"), "DC2: it stands for no statement"),
    ("| C12 | followed |", "| C99 | followed |", "DC3 C99: there is no such row"),
    ("| C12 | followed |", "| C12 | obeyed |", "DC3: no such status: obeyed"),
    ("| C12 | followed |", "| C12 | in part |", 'summary of "virtio 1.4, together"'),
    ("| C12 | followed |", "| | not followed |", "DC3: neither a test nor a reason"),
    ("| C12 | followed |", "| it works | followed |", "DC3: no test is named"),
    ("| virtio 1.4, together | ", "| virtio 1.4, together | 1", 'summary of "virtio 1.4, tog'),
    ("| Packed ring: chapter 2.8 | ", "| Packed rings | ", 'no line "Packed ring: chapter 2.8"'),
])
def test_what_is_wrong_is_named(check, old, new, offence):
    assert old in (ROOT / DOC).read_text(encoding="utf-8")
    done = check(lambda text: text.replace(old, new, 1))
    assert done.returncode == 1
    assert offence in done.stdout
    assert done.stdout.endswith("0 passed, 1 failed\n")


def test_a_row_that_is_missing_is_noticed(check):
    done = check(lambda text: re.sub(r"^\| DU28 .*\n", "", text, flags=re.M))
    assert done.returncode == 1
    assert 'summary of "vhost-user' in done.stdout
