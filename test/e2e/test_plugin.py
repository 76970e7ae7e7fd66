# SPDX-License-Identifier: BSD-3-Clause
"""The plug-in takes the packaged driver's place, and is installed where it cannot by accident."""

import os
import subprocess
from pathlib import Path

import pytest

from backends import TestpmdBackend
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


def test_installed_beside_the_folder_that_eal_loads_from(host, build):
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild"], check=True,
                   stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": str(host.folder / "root")})
    installed = list((host.folder / "root").rglob("librte_net_virtio.so"))
    assert len(installed) == 1
    found = subprocess.run(["pkg-config", "--variable=driverdir", "libdpdk"], check=True,
                           capture_output=True, text=True)
    eal_loads_from = Path(found.stdout.strip())
    assert eal_loads_from.is_dir()
    place = Path("/") / installed[0].relative_to(host.folder / "root").parent
    assert place.name == "dpdk-virtio"
    assert eal_loads_from not in (place, *place.parents)
