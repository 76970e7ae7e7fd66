# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The plug-in takes the packaged driver's place, and shows its version."""

import re
from pathlib import Path

import pytest

from backends import TestpmdBackend
from conftest import ROOT
from connection import Connection
from testpmd import xstat


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "packaged"])
def test_either_driver_carries_the_same_traffic(start_backend, start_port, plugin, ours):
    backend = start_backend(TestpmdBackend)
    port = start_port(plugin=plugin if ours else None)
    # Only ours knows of resets.
    assert (xstat("rx", 0, "resets") in port.xstats()) == ours
    Connection(backend, port).carries_all()
    port.quit()


def test_version_is_in_the_file_and_in_the_log(host, start_backend, start_port, plugin):
    version = re.escape((ROOT / "VERSION").read_text().strip())
    assert re.search(rf"dpdk-virtio {version}\b".encode(), Path(plugin).read_bytes())
    start_backend(TestpmdBackend)
    port = start_port(memory=[*host.memory(256), "--log-level", "pmd.net.virtio.init:info"])
    assert port.said(rf"^virtio: net_virtio_user0: driver dpdk-virtio {version}, compiled with "
                     r"DPDK \d+\.\d+\.\d+, running with DPDK \d+\.\d+\.\d+"), port.text
    port.quit()
