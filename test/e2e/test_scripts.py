# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The scripts of devtools: that each says what is wrong, and lets pass what is right."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ("lib/ethdev/ethdev_driver.h", "lib/ethdev/ethdev_pci.h", "lib/ethdev/ethdev_vdev.h",
           "lib/eal/include/dev_driver.h", "lib/eal/include/bus_driver.h",
           "drivers/bus/pci/bus_pci_driver.h", "drivers/bus/vdev/bus_vdev_driver.h")
NOBODY = 65534


def run(script, *args, **more):
    """(exit status, all that it said)"""
    done = subprocess.run([script, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, stdin=subprocess.DEVNULL, timeout=900, **more)
    return done.returncode, done.stdout


@pytest.fixture
def tree(host):
    """A copy of the sources, with no driver-SDK headers."""
    copy = host.folder / "tree"
    copy.mkdir()
    for name in ("app", "devtools", "drivers", "lib"):
        shutil.copytree(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def version():
    found = subprocess.run(["pkg-config", "--modversion", "libdpdk"], check=True, text=True,
                           capture_output=True)
    return found.stdout.strip()


@pytest.fixture
def dpdk_source(host, version):
    """What of an unpacked DPDK is looked at."""
    source = host.folder / "dpdk"
    for header in HEADERS:
        (source / header).parent.mkdir(parents=True, exist_ok=True)
        (source / header).write_text(f"/* {header} */\n")
    (source / "VERSION").write_text(version + "\n")
    return source


def sdk_is_complete(tree, version):
    return all((tree / ".driver-sdk" / version / Path(header).name).read_text()
               == f"/* {header} */\n" for header in HEADERS)


def test_setup_has_nothing_to_do_after_itself():
    status, said = run(ROOT / "devtools/setup.sh")
    assert status == 0, said
    assert "all there" in said
    assert "installing" not in said and "fetching" not in said


def test_setup_takes_headers_from_a_folder(tree, dpdk_source, version):
    status, said = run(tree / "devtools/setup.sh", "--dpdk-source", dpdk_source)
    assert status == 0, said
    assert sdk_is_complete(tree, version)
    status, said = run(tree / "devtools/setup.sh")
    assert status == 0 and "are there already" in said


def test_setup_takes_headers_from_a_tarball(tree, dpdk_source, version, host):
    tarball = host.folder / "dpdk.tar.xz"
    with tarfile.open(tarball, "w:xz") as archive:
        archive.add(dpdk_source, f"dpdk-stable-{version}")
    status, said = run(tree / "devtools/setup.sh", "--dpdk-source", tarball)
    assert status == 0, said
    assert sdk_is_complete(tree, version)


def test_any_version_of_the_same_release_will_do(tree, dpdk_source, version):
    release = ".".join(version.split(".")[:2])
    (dpdk_source / "VERSION").write_text(f"{release}.99\n")
    status, said = run(tree / "devtools/fetch-driver-sdk.sh", "--dpdk-source", dpdk_source)
    assert status == 0, said
    assert sdk_is_complete(tree, version)


def test_build_only_needs_nothing_of_the_tests(tree, dpdk_source, version, host):
    """Where the machine has no clang and no testpmd."""
    programs = host.folder / "bin"
    programs.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for program in Path(folder).glob("*"):
            link = programs / program.name
            if program.name not in ("clang", "dpdk-testpmd") and not link.is_symlink():
                link.symlink_to(program)
    env = {**os.environ, "PATH": str(programs)}
    me = os.getuid()
    tree.parent.chmod(0o755)
    status, said = run(tree / "devtools/setup.sh", env=env, user=NOBODY if me == 0 else me)
    assert status != 0
    assert "missing: clang, dpdk-testpmd" in said
    status, said = run(tree / "devtools/setup.sh", "--build-only", "--dpdk-source", dpdk_source,
                       env=env)
    assert status == 0, said
    assert sdk_is_complete(tree, version)
    assert "huge pages" not in said and "qemu" not in said


def test_another_release_is_refused(tree, dpdk_source):
    (dpdk_source / "VERSION").write_text("19.11.3\n")
    status, said = run(tree / "devtools/setup.sh", "--dpdk-source", dpdk_source)
    assert status != 0
    assert "is of DPDK 19.11.3, the installed one is" in said
    assert not (tree / ".driver-sdk").exists()


def test_source_without_a_header_is_refused(tree, dpdk_source):
    (dpdk_source / HEADERS[3]).unlink()
    status, said = run(tree / "devtools/setup.sh", "--dpdk-source", dpdk_source)
    assert status != 0
    assert f"has no {HEADERS[3]}" in said
    assert not (tree / ".driver-sdk").exists()


@pytest.mark.parametrize("source, message", [("/etc/passwd", "is no tarball of DPDK"),
                                             ("/etc", "is no DPDK source"),
                                             ("/nonexistent", "there is no /nonexistent")])
def test_what_is_no_source_is_refused(tree, source, message):
    status, said = run(tree / "devtools/setup.sh", "--dpdk-source", source)
    assert status != 0
    assert message in said


def test_without_root_setup_says_what_is_missing(tree):
    me = os.getuid()
    tree.parent.chmod(0o755)
    status, said = run(tree / "devtools/setup.sh", env={**os.environ, "PKG_CONFIG_LIBDIR": "/"},
                       user=NOBODY if me == 0 else me)
    assert status != 0
    assert "missing: libdpdk 22.11 or later, libpcap" in said
    assert "apt-get install libdpdk-dev libpcap-dev" in said or "this is not Debian" in said


@pytest.mark.parametrize("script", ["setup.sh", "fetch-driver-sdk.sh", "run-tests.sh",
                                    "run-guest-tests.sh", "run-vdpa-tests.sh",
                                    "compare-port-restart.sh", "fetch-ovs.sh",
                                    "check-models.sh", "soak.sh"])
def test_unknown_option_is_refused_and_help_helps(script):
    status, said = run(ROOT / "devtools" / script, "--colour")
    assert status != 0
    assert "no such option: --colour (see --help)" in said
    status, said = run(ROOT / "devtools" / script, "--help")
    assert status == 0
    assert said.startswith(f"Usage: devtools/{script}")


def test_drivers_take_turns(host):
    figures = host.folder / "bench.json"
    status, said = run(ROOT / "devtools/run-bench.sh", "--quick", "--only", "rate,latency",
                       "--paths", "split", "--traffic", "loop:64,rx:64,tx:64", "--json", figures,
                       env=host.env)
    assert status == 0, said
    [path] = json.loads(figures.read_text())["paths"]
    assert [rate["direction"] for rate in path["rate"]] == ["loop", "rx", "tx"]
    for rate in path["rate"]:
        [session] = rate["sessions"]
        assert len(session) == 6
        for pair in session:
            assert pair["ours"]["packets"] > 0 and pair["packaged"]["packets"] > 0
            assert min(pair["handover"]) > 0
    [session] = path["latency"]["sessions"]
    for pair in session:
        for driver in "ours", "packaged":
            assert pair[driver]["samples"] > 0
            assert 0 < pair[driver]["p50_ns"] <= pair[driver]["p99_ns"]


def test_comparison_with_a_restart_of_the_port(host):
    figures, picture = host.folder / "compare.json", host.folder / "compare.png"
    status, said = run(ROOT / "devtools/compare-port-restart.sh", "--quick", "--json", figures,
                       "--plot", picture, env={**host.env, "MPLCONFIGDIR": str(host.folder)})
    assert status == 0, said
    port, plain, ours = json.loads(figures.read_text())["rows"]
    assert re.search(r"^ours rx-queue +\d", said, re.MULTILINE)
    # The packaged driver has no buffer back when its port is stopped, in either way.
    assert port["kept"] == plain["kept"] == 4 * 256
    assert port["object"] == plain["object"] != ours["object"]
    assert ours["kept"] == 0
    assert ours["lost"] == [0, 0, 0, 0]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place, line, offence", [
    ("lib/virtio/virtqueue.h", "#include <rte_mbuf.h>", "is not for this folder"),
    ("lib/virtio/virtqueue.h", "#include <ethdev_driver.h>", "is not for this folder"),
    ("lib/virtio/virtqueue.c", '#include "virtio_ethdev.h"', "is against the arrows"),
    ("lib/vhost_ring_reset/vhost_ring_reset.h", "#include <rte_ethdev.h>", "is not for this"),
    ("drivers/net/virtio/virtio_queue.c", "#include <rte_vhost.h>", "is not for this folder"),
    ("drivers/net/virtio/virtio_queue.c", "#include <vhost_ring_reset.h>", "against the arrows"),
    ("drivers/net/virtio/virtio_queue.c", "#include <immintrin.h>", "immintrin"),
], ids=["mbuf", "ethdev", "driver_below", "ethdev_in_back_end", "vhost_in_driver",
        "back_end_in_driver", "intrinsics"])
def test_include_against_the_plan_is_found(tree, place, line, offence):
    assert place not in run(tree / "devtools/check-includes.sh")[1]
    with open(tree / place, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    status, said = run(tree / "devtools/check-includes.sh")
    assert status != 0
    assert place in said and offence in said


@pytest.mark.parametrize("line, offence", [
    ("\tint trailing; ", "no space at the end of a line"),
    ("        int spaces;", "tabs indent"),
    ("/* " + 100 * "x" + " */", "100 columns"),
    ("/* TO" "DO: later */", "no note to oneself"),
], ids=["trailing", "spaces", "columns", "note"])
def test_breach_of_style_is_found(tree, line, offence):
    place = tree / "lib/virtio/new.c"
    place.write_text("/* SPDX-License-Identifier: BSD-3-Clause */\n" + line + "\n")
    status, said = run(tree / "devtools/check-style.sh")
    assert status != 0
    assert "lib/virtio/new.c" in said and f"FAILED style: {offence}" in said


def test_missing_licence_is_found(tree):
    (tree / "lib/virtio/new.c").write_text("int x;\n")
    status, said = run(tree / "devtools/check-style.sh")
    assert status != 0
    assert "lib/virtio/new.c: no SPDX-License-Identifier" in said


@pytest.mark.skipif(shutil.which("spin") is None, reason="there is no spin")
@pytest.mark.parametrize("statement, holds", [("skip", True), ("assert(false)", False)],
                         ids=["notices_nothing", "never_holds"])
def test_model_is_judged_both_ways(tree, statement, holds):
    models = tree / "doc/models"
    models.mkdir(parents=True)
    (models / "locks.pml").write_text(f"active proctype p() {{ {statement} }}\n")
    status, said = run(tree / "devtools/check-models.sh", "locks")
    assert status == 1
    assert ("ok models: locks -DCALLS=1:" in said) == holds
    assert ("FAILED models: locks -DWITHOUT_ORDER" in said) == holds


@pytest.fixture
def documents(host):
    """A copy of the documents and of the script that checks them."""
    copy = host.folder / "documents"
    copy.mkdir()
    for name in ("devtools", "doc"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("README.md", "SECURITY.md", "VERSION", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("app", "drivers", "lib", "test"):
        (copy / name).symlink_to(ROOT / name)
    return copy


def test_documents_without_fault_pass(documents):
    status, said = run(documents / "devtools/check-docs.sh")
    assert status == 0, said


@pytest.mark.parametrize("place, text, offence", [
    ("doc/guides/index.rst", "\n:doc:`no_such_page`\n", "no_such_page"),
    ("doc/guides/index.rst", "\nSee ``lib/virtio/no_such_file.c``.\n", "no_such_file.c"),
    ("README.md", "\nSee [a page](doc/no_such_page.md).\n", "README.md:"),
], ids=["reference", "file", "link"])
def test_fault_in_a_document_is_found(documents, place, text, offence):
    if place.endswith(".rst") and ":doc:" in text and not shutil.which("sphinx-build"):
        pytest.skip("there is no sphinx-build")
    with open(documents / place, "a", encoding="utf-8") as file:
        file.write(text)
    status, said = run(documents / "devtools/check-docs.sh")
    assert status != 0
    assert offence in said and "FAILED docs: " in said


def test_documents_are_checked_without_sphinx_too(documents, host):
    programs = host.folder / "programs"
    programs.mkdir()
    for name in ("bash", "dirname", "find", "grep", "sed", "tr"):
        (programs / name).symlink_to(shutil.which(name))
    status, said = run(documents / "devtools/check-docs.sh", env={"PATH": str(programs)})
    assert status == 0, said
    assert re.search(r"^skipped docs: .*there is no sphinx-build", said, re.MULTILINE)
    assert said.endswith("2 passed, 0 failed, 1 skipped\n")


@pytest.mark.parametrize("status, output, counts", [
    (0, "ok a\nok b\nskipped c: why\n2 passed, 0 failed\n", "2 0 1"),
    (1, "ok a\nFAILED b: why\n1 passed, 1 failed\n", "1 1 0"),
    (1, "ok a\n", "1 1 0"),
    (-11, "ok a\nok b\n", "2 1 0"),
    (0, "", "0 1 0"),
])
def test_counts_of_a_program(host, status, output, counts):
    file = host.folder / "output"
    file.write_text(output)
    done = subprocess.run([ROOT / "devtools/count-tests.py", "lines", "program", str(status), file],
                          check=True, capture_output=True, text=True)
    assert done.stdout.strip() == counts
