# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The scripts of the packages: what they find wrong, and what they need."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from program import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
NOBODY = 65534


@pytest.fixture
def tree(host):
    """A copy of what packages are made from, without the sources."""
    copy = host.folder / "tree"
    copy.mkdir()
    host.folder.chmod(0o755)
    for name in ("debian", "devtools", "packaging"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("LICENSE", "VERSION"):
        shutil.copy(ROOT / name, copy)
    return copy


def run(script, *args, **more):
    """(exit status, all that it said)"""
    done = subprocess.run([script, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, **more)
    return done.returncode, done.stdout


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_packaging_without_fault_passes(tree):
    status, said = run(tree / "devtools/check-packages.sh")
    assert status == 0, said
    assert "FAILED" not in said


@pytest.mark.parametrize("place, old, new, offence", [
    ("VERSION", VERSION, "7.0.0", f"debian/changelog: version {VERSION}, but VERSION has 7.0.0"),
    ("packaging/dpdk-virtio.spec", f"Version:        {VERSION}", "Version:        7.0.0",
     f"dpdk-virtio.spec: version 7.0.0, but VERSION has {VERSION}"),
    ("packaging/dpdk-virtio.spec", f"- {VERSION}-1", "- 7.0.0-1", "changelog: version 7.0.0"),
    ("LICENSE", "AS IS", "AS WAS", "FAILED packages: debian/copyright has the text of LICENSE"),
    ("debian/dpdk-pmd-virtio-qreset-default.postrm", "esac", "", "syntax error"),
], ids=["changelog", "spec", "spec_changelog", "licence", "maintainer_script"])
def test_fault_of_the_packaging_is_found(tree, place, old, new, offence):
    change(tree / place, old, new)
    status, said = run(tree / "devtools/check-packages.sh")
    assert status == 1
    assert offence in said and "FAILED packages: " in said


def test_spec_that_is_none_is_found(tree):
    if not shutil.which("rpmspec"):
        pytest.skip("there is no rpmspec (Debian's package: rpm)")
    change(tree / "packaging/dpdk-virtio.spec", "Summary: ", "Sumary: ")
    status, said = run(tree / "devtools/check-packages.sh")
    assert status == 1
    assert "FAILED packages: rpmspec parses the spec" in said


def without(folder, *names):
    """The environment of a machine that lacks these programs."""
    programs = folder / "programs"
    programs.mkdir()
    for place in ("/usr/sbin", "/usr/bin"):
        for program in Path(place).iterdir():
            if program.name not in names and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    return {**os.environ, "PATH": str(programs)}


def test_parser_of_the_spec_may_be_missing(tree, host):
    status, said = run(tree / "devtools/check-packages.sh", env=without(host.folder, "rpmspec"))
    assert status == 0, said
    assert "skipped packages: rpmspec parses the spec: there is no rpmspec" in said
    assert said.endswith("3 passed, 0 failed, 1 skipped\n")


def test_build_without_root_says_what_is_missing(tree, host):
    if not shutil.which("apt-get"):
        pytest.skip("there is no apt-get")
    me = os.getuid()
    user = NOBODY if me == 0 else me
    env = without(host.folder, "dh", "lintian")
    status, said = run(tree / "devtools/build-packages.sh", "--no-chroot", env=env, user=user)
    assert status == 1
    assert "apt-get install " in said and "debhelper" in said and "lintian" in said
    status, said = run(tree / "devtools/build-packages.sh", env=env, user=user)
    assert status == 1
    assert "the chroot needs root: run this as root, or with --no-chroot" in said


def test_build_option_without_its_value_is_refused():
    status, said = run(ROOT / "devtools/build-packages.sh", "--no-chroot", "--output")
    assert status == 2
    assert "--output needs a folder" in said


def test_build_of_another_version_is_refused(tree):
    missing = [name for name in ("dpkg-buildpackage", "dh", "lintian") if not shutil.which(name)]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)}")
    change(tree / "VERSION", VERSION, "7.0.0")
    status, said = run(tree / "devtools/build-packages.sh", "--no-chroot")
    assert status == 1
    assert f"debian/changelog has version {VERSION}, the file VERSION has 7.0.0" in said
