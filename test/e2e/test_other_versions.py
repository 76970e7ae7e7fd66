# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""devtools/check-versions.sh: what it compiles with the headers of other releases, and refuses."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARCH = {"x86_64": "x86", "aarch64": "arm"}.get(platform.machine())
FOLDERS = ("lib/ethdev", "lib/eal/include/generic", "lib/eal/linux/include",
           f"lib/eal/{ARCH}/include", "config", "drivers/bus/pci", "drivers/bus/vdev")
FITS = "#if RTE_VER_YEAR != 24 || RTE_VER_MONTH != 11 || RTE_VER_MINOR != 9\n#error\n#endif\n"


@pytest.fixture
def check(host):
    """check(...): the script, in a tree that has one source file."""
    tree = host.folder / "tree"
    (tree / "devtools").mkdir(parents=True)
    for name in ("check-versions.sh", "common.sh", "count-tests.py", "tool.py"):
        shutil.copy(ROOT / "devtools" / name, tree / "devtools")
    for name in ("lib", "drivers", "app"):
        (tree / name).mkdir()
    (tree / "lib/one.c").write_text(FITS + "int one;\n")

    def run(*args):
        done = subprocess.run([tree / "devtools/check-versions.sh", *args], timeout=300, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    run.tree = tree
    return run


@pytest.fixture
def source(host):
    """What of an unpacked DPDK 24.11.9 is looked at."""
    if ARCH is None:
        pytest.skip(f"no headers are kept on {platform.machine()}")
    folder = host.folder / "dpdk"
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
        (folder / name / "some.h").write_text("")
    (folder / "config/rte_config.h").write_text("#include <rte_build_config.h>\n")
    (folder / "lib/ethdev/ethdev_driver.h").write_text("")
    (folder / "VERSION").write_text("24.11.9\n")
    return folder


def test_releases_without_headers_are_skipped_by_name(check):
    status, said = check()
    assert "skipped versions: 24.11: no headers of it are kept" in said
    assert "skipped versions: 26.11: no headers of it are kept" in said
    # All others are skipped, so nothing has failed; the installed release is built elsewhere.
    assert status == 0 and said.endswith("0 passed, 0 failed, 4 skipped\n")


def test_headers_that_were_given_are_kept_and_compiled_with(check, source):
    status, said = check("--dpdk-source", source)
    assert status == 0, said
    assert "ok versions: 24.11.9: gcc compiles each file" in said
    assert "ok versions: 24.11.9: clang compiles each file" in said
    shutil.rmtree(source)
    status, said = check()
    assert status == 0, said
    assert "ok versions: 24.11.9: gcc compiles each file" in said
    assert said.endswith("1 passed, 0 failed, 3 skipped\n")


@pytest.mark.parametrize("fault", ["#include <ethdev_gone.h>\n", "int two(int a) { return 0; }\n"])
def test_a_file_that_does_not_fit_is_named(check, source, fault):
    (check.tree / "app/two.c").write_text(fault)
    status, said = check("--dpdk-source", source)
    assert status == 1
    assert "gcc refuses app/two.c" in said and "clang refuses app/two.c" in said
    assert "refuses lib/one.c" not in said
    assert said.endswith("0 passed, 2 failed\n")


def test_end_to_end_tests_that_it_runs_are_there():
    script = (ROOT / "devtools/check-versions.sh").read_text()
    names = re.search(r"^e2e=\((.*?)\)", script, re.M | re.S)[1].split()
    assert names and [name for name in names if not (ROOT / "test/e2e" / name).is_file()] == []


def test_what_cannot_be_checked_is_refused(check, source, host):
    (source / "lib/ethdev/ethdev_driver.h").unlink()
    for args, code, message in (
            (["--dpdk-source", source], 1, "is no source of DPDK"),
            (["--dpdk-prefix", host.folder], 1, "EAL loads no plug-ins from"),
            (["--dpdk-prefix", "/usr/share/misc"], 1, "has no libdpdk.pc"),
            (["23.11"], 1, "no distribution is known here that has DPDK 23.11"),
            (["--dpdk-source", "/no/such"], 2, "there is no /no/such"),
            (["--dpdk-prefix"], 2, "--dpdk-prefix wants a value"),
            (["newest"], 2, "newest is no version of DPDK"),
            (["--colour"], 2, "no such option: --colour")):
        status, said = check(*args)
        assert status == code and message in said, said
