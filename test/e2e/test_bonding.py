# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A bonding device has ports of ours as members, also one whose back-end is away."""

import re

from backends import LoopbackBackend
from program import poll
from testpmd import Testpmd

BOND = 2


def test_a_member_without_back_end_joins_when_it_is_back(host, started, plugin):
    def back_end(name):
        backend = LoopbackBackend(host, f"{host.folder}/{name}", 1, client=True)
        started.append(backend)
        return backend

    def vdev(number):
        return (f"net_virtio_user{number},path={host.folder}/s{number},server=1,"
                f"mac=02:00:00:00:00:0{number}")

    def active():
        said = bond.command(f"show bonding config {BOND}")
        return re.search(r"Active Slaves \(\d+\): \[(.*)\]", said)[1].split()

    bond = Testpmd("bond", host, host.cores[1], vdev(0), queues=1, plugin=plugin, wait=False,
                   more_vdevs=[vdev(1), "net_bonding0,mode=0,slave=net_virtio_user0,"
                                        "slave=net_virtio_user1"],
                   args=["--disable-device-start"])
    started.append(bond)
    back_ends = []
    for number in (0, 1):
        bond.expect(f"waiting for a back-end to connect to {host.folder}/s{number}")
        back_ends.append(back_end(f"s{number}"))
    bond.wait_prompt()
    back_ends[1].kill()
    bond.expect("net_virtio_user1: the back-end closed the connection")
    said = bond.command(f"port start {BOND}")
    assert "started without a back-end" in bond.text, said
    poll("the member with a back-end is active", lambda: active() == ["0"])
    back_end("s1")
    poll("both members are active", lambda: active() == ["0", "1"])
    bond.command(f"port stop {BOND}")
    bond.quit()
