# SPDX-License-Identifier: BSD-3-Clause
"""A stock secondary process at a primary that has our driver: with our plug-in it is refused, and
without it, when it takes the port for one of the packaged driver's, the primary lives on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backends import LoopbackBackend
from connection import Connection
from program import PATIENCE

PROC_INFO = shutil.which("dpdk-proc-info")
ASKED = ["--stats", "--xstats", "--xstats-reset", "--stats-reset", "--show-port"]

pytestmark = pytest.mark.skipif(PROC_INFO is None, reason="there is no dpdk-proc-info")


@pytest.fixture
def shared_memory(host):
    """EAL's arguments for memory that another process can map: hugepages with a folder."""
    if not host.huge_pages():
        pytest.skip("fewer than 256 free hugepages of 2 MB")
    folder = host.folder / "huge"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder],
                             stderr=subprocess.PIPE, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no folder with hugepages: {mounted.stderr.strip()}")
    yield ["--huge-dir", str(folder), "--single-file-segments", "-m", "256"]
    # Lazily: a program that has failed the test may run still.
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def primary(start_backend, start_port, shared_memory):
    return Connection(start_backend(LoopbackBackend), start_port(memory=shared_memory))


@pytest.fixture
def secondary(host):
    """secondary(plug-in or None, what is asked for): (exit status, all that it said)"""
    def run(plugin, asked):
        # It chooses its core itself.
        argv = [PROC_INFO, "--no-pci", "--no-telemetry", "--file-prefix", f"{host.prefix}port"]
        if plugin:
            argv += ["-d", plugin]
        done = subprocess.run([*argv, "--", asked], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=host.env,
                              timeout=PATIENCE)
        (host.logs / f"secondary{asked}.log").write_text(done.stdout)
        return done.returncode, done.stdout
    return run


@pytest.mark.parametrize("asked", ASKED)
def test_without_the_plugin_it_does_no_harm(primary, secondary, asked):
    primary.carries_all()
    before = primary.port.xstats()
    for _ in range(2):
        # What numbers it shows is the packaged driver's affair.
        status, said = secondary(None, asked)
        assert status == 0, said
        assert "No Ethernet ports" not in said
        assert primary.port.running()
    after = primary.port.xstats()
    # Nothing of the primary's own counters was touched.
    assert all(after[name] >= before[name] for name in before)
    primary.carries_all()
    for kind in ("rxq", "txq"):
        primary.stop(kind, 1)
        primary.start(kind, 1)
    primary.carries_all()
    primary.port.quit()


def test_with_the_plugin_it_is_refused(primary, secondary, plugin):
    primary.carries_all()
    for asked in ASKED:
        _, said = secondary(plugin, asked)
        assert "net_virtio_user0: secondary processes are not in this driver yet" in said
        # It has no port, and says so.
        assert "good_packets" not in said
        assert primary.port.running()
    primary.carries_all()
    primary.port.quit()
