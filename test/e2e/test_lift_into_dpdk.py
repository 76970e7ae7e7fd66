# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The driver within DPDK's own tree, for programs that are linked with DPDK statically."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dpdk_tree import FEATURES, known_features, make_clone, make_tree, run, sources_of

ROOT = Path(__file__).resolve().parents[2]
LIFT = ROOT / "devtools/lift-into-dpdk.sh"
EXPORTS = ["rte_pmd_virtio_extmem_attach", "rte_pmd_virtio_extmem_detach",
           "rte_pmd_virtio_get_queue_event"]
# A whole build of DPDK's libraries that the driver needs, on a machine that does other work too.
BUILD_PATIENCE = 3000


@pytest.fixture
def tree(tmp_path):
    """tree(version): a folder that has of DPDK's source tree what the script looks at."""
    def make(version):
        shutil.rmtree(tmp_path / "dpdk", ignore_errors=True)
        return make_tree(tmp_path / "dpdk", version)
    return make


@pytest.mark.parametrize("version", ["22.11.11", "24.11.8", "26.11.0-rc0"])
def test_driver_takes_the_place_of_the_packaged_one(tree, version):
    dpdk = tree(version)
    for _ in range(2):
        done = run(LIFT, dpdk)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    sources = sources_of(dpdk)
    names = {f"base/{path.name}" for path in (ROOT / "lib/virtio").glob("*.[ch]")}
    names |= {path.name for path in (ROOT / "drivers/net/virtio").glob("*.[ch]")}
    assert set(sources) == names
    meson = (dpdk / "drivers/net/virtio/meson.build").read_text()
    for name in sorted(names):
        if name.endswith(".c") and not re.search(r"_(avx2|avx512|neon)\.c$", name):
            assert f"        '{name}',\n" in meson
    assert (dpdk / FEATURES).read_text() == known_features()


def test_copy_has_the_data_paths_of_the_plugin(tree):
    """The words that choose data paths are those of the driver's own build."""
    dpdk = tree("26.11.0-rc0")
    assert run(LIFT, dpdk).returncode == 0
    copy, own = (set(re.findall(r"'-D(VIRT\w+)'", (folder / "drivers/net/virtio/meson.build")
                                .read_text())) for folder in (dpdk, ROOT))
    assert {"VIRTIO_NEON", "VIRTIO_SMP_PATHS", "VIRTQUEUE_SMP_ORDER"} <= own
    assert own <= copy


@pytest.mark.parametrize("version", ["22.11.11", "24.11.8", "26.11.0-rc0"])
def test_copy_is_for_one_release(tree, version):
    dpdk = tree(version)
    assert run(LIFT, dpdk).returncode == 0
    sources = sources_of(dpdk)
    compat = sources["base/virtio_compat.h"]
    assert not re.search(r"^#.*\b(RTE_VERSION_NUM|VIRTIO_IN_DPDK)\b", compat.replace(
        "!defined", ""), re.MULTILINE) or version < "25"
    assert ("pthread_create" in compat or "rte_ctrl_thread_create" in compat) == (version < "23")
    assert ("__atomic_" in compat) == (version < "23")
    assert ("#include <eal_export.h>" in compat) == (version > "25")
    # One open condition for each end, and no macro left that the copy does not define.
    assert len(re.findall(r"^#if", compat, re.MULTILINE)) == compat.count("#endif")
    for name in re.findall(r"\bVIRTIO_\w+_ARGS\b", "".join(sources.values())):
        assert f"#define {name}" in compat
    exports = re.findall(r"^RTE_EXPORT_EXPERIMENTAL_SYMBOL\((\w+), (.*)\)$",
                         "".join(sources.values()), re.MULTILINE)
    assert sorted(exports) == [(name, version[:5]) for name in EXPORTS]


def test_exports_are_a_file_before_25_07(tree):
    dpdk = tree("24.11.8")
    assert run(LIFT, dpdk).returncode == 0
    text = (dpdk / "drivers/net/virtio/version.map").read_text()
    assert text.startswith("DPDK_25 {\n\tlocal: *;\n};\n\nEXPERIMENTAL {\n\tglobal:\n")
    assert re.findall(r"^\t(\w+);$", text, re.MULTILINE) == EXPORTS
    dpdk = tree("26.11.0-rc0")
    assert run(LIFT, dpdk).returncode == 0
    assert not (dpdk / "drivers/net/virtio/version.map").exists()


@pytest.mark.parametrize("options, status, message", [
    ([], 2, "give the source tree"),
    (["{dpdk}", "{dpdk}"], 2, "one folder"),
    ([""], 2, "DIR is empty"),
    (["{dpdk}/lib"], 1, "is not a source tree of DPDK: it has no VERSION"),
    (["{dpdk}/nowhere"], 1, "is not a source tree of DPDK"),
])
def test_wrong_use_is_refused(tree, options, status, message):
    dpdk = tree("26.11.0-rc0")
    before = sources_of(dpdk)
    done = run(LIFT, *[word.format(dpdk=dpdk) for word in options])
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert sources_of(dpdk) == before


@pytest.mark.parametrize("version, message", [
    ("21.11.9", "21.11.9 is too old: this driver needs 22.11"),
    ("master", "has no release of DPDK: master"),
])
def test_release_that_cannot_be_is_refused(tree, version, message):
    dpdk = tree(version)
    before = sources_of(dpdk)
    done = run(LIFT, dpdk)
    assert done.returncode == 1
    assert message in done.stderr
    assert sources_of(dpdk) == before


def test_changes_that_are_not_committed_are_kept(tmp_path):
    dpdk = make_clone(tmp_path / "dpdk", "26.11.0-rc0")
    (dpdk / "drivers/net/virtio/virtio_mine.c").write_text("int mine;\n")
    before = sources_of(dpdk)
    done = run(LIFT, dpdk)
    assert done.returncode == 1
    assert "commit them, or give --force" in done.stderr
    assert sources_of(dpdk) == before
    assert run(LIFT, "--force", dpdk).returncode == 0
    assert "virtio_mine.c" not in sources_of(dpdk)


def dpdk_source():
    """The source tree of a DPDK on this machine."""
    places = [Path(os.environ["DPDK_SOURCE"])] if os.environ.get("DPDK_SOURCE") else \
        sorted(Path("/usr/src").glob("dpdk*"))
    return next((place for place in places if (place / "lib/ethdev/ethdev_driver.h").is_file()),
                None)


@pytest.mark.skipif(dpdk_source() is None,
                    reason="no source tree of DPDK in $DPDK_SOURCE or /usr/src/dpdk*")
def test_dpdk_builds_with_it_and_without_warnings(tmp_path):
    dpdk = tmp_path / "dpdk"
    shutil.copytree(dpdk_source(), dpdk, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    done = run(LIFT, dpdk)
    assert done.returncode == 0, done.stderr
    build = tmp_path / "build"
    env = {**os.environ, "PATH": f"/usr/bin:{os.environ['PATH']}"}
    for command in (["meson", "setup", build, dpdk, "-Dwerror=true", "-Dtests=false",
                     "-Ddeveloper_mode=enabled", "-Denable_docs=false", "-Denable_apps=",
                     "-Denable_drivers=bus/vdev,bus/pci,mempool/ring,net/virtio"],
                    ["ninja", "-C", build, "drivers/librte_net_virtio.a"]):
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=BUILD_PATIENCE)
        assert done.returncode == 0, done.stdout[-5000:]
