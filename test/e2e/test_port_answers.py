# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What the port says of itself and takes of settings, with single queues stopped too."""

import re

import pytest

from backends import TestpmdBackend
from connection import Connection


@pytest.fixture
def port(start_backend, start_port):
    """Two pairs, rx queue 1 and tx queue 1 stopped; has carried packets before."""
    connection = Connection(start_backend(TestpmdBackend), start_port())
    connection.carries_all()
    connection.stop("rxq", 1)
    connection.stop("txq", 1)
    return connection.port


def test_port_info(port):
    said = port.command("show port info 0")
    for line in ("Driver name: net_virtio_user", "Link status: up", "Link duplex: full-duplex",
                 "Max possible number of RXDs per queue: 32768",
                 "Min possible number of RXDs per queue: 32",
                 "Max possible number of TXDs per queue: 32768",
                 "Min possible number of TXDs per queue: 32",
                 "Max possible RX queues: 2", "Max possible TX queues: 2"):
        assert line in said


def test_queue_info(port):
    for kind, number, state in (("rxq", 0, "started"), ("rxq", 1, "stopped"),
                                ("txq", 0, "started"), ("txq", 1, "stopped")):
        info = port.info(kind, number)
        assert info[f"{kind[:2]} queue state"] == state
        assert info[f"{kind[:2]} deferred start"] == "off"
        assert info[f"number of {kind[:2]}ds"] == "256"
        assert re.fullmatch("(Scalar|Vector AVX2|Vector AVX512) Split.*", info["burst mode"])
    assert port.info("rxq", 1)["mempool"] == "mb_pool_0"


def test_filters(port):
    for command, line in (("set promisc 0 off", "Promiscuous mode: disabled"),
                          ("set promisc 0 on", "Promiscuous mode: enabled"),
                          ("set allmulti 0 on", "Allmulticast mode: enabled"),
                          ("set allmulti 0 off", "Allmulticast mode: disabled")):
        assert port.command(command) == ""
        assert line in port.command("show port info 0")


def test_mac_address(port):
    assert port.command("mac_addr set 0 02:aa:bb:cc:dd:ee") == ""
    assert "02:AA:BB:CC:DD:EE" in port.command("show port info 0")
    assert port.command("mac_addr add 0 02:aa:bb:cc:dd:01") == ""
    assert port.command("mac_addr remove 0 02:aa:bb:cc:dd:01") == ""


def test_mtu(port):
    assert port.command("port config mtu 0 1400") == ""
    assert "MTU: 1400" in port.command("show port info 0")
    # testpmd's buffers hold 2 KB, and it has not asked for scattered receive.
    assert "Set MTU failed" in port.command("port config mtu 0 4000")
    assert "MTU: 1400" in port.command("show port info 0")


def test_descriptors_of_running_and_stopped_queues(port):
    status = r"Desc status = (AVAILABLE|DONE)"
    assert re.search(status, port.command("show port 0 rxq 0 desc 0 status"))
    assert re.search(status, port.command("show port 0 txq 0 desc 0 status"))
    for kind in ("rxq", "txq"):
        assert "UNAVAILABLE" in port.command(f"show port 0 {kind} 1 desc 0 status")
        assert "Invalid input" in port.command(f"show port 0 {kind} 0 desc 256 status")
    assert re.search(r"Used desc count = \d+", port.command("show port 0 rxq 0 desc used count"))
    assert "Used desc count = 0" in port.command("show port 0 rxq 1 desc used count")


def test_idle_tx_queue_gives_its_buffers_back(port):
    assert re.search(r"mbuf nums: \d+", port.command("port cleanup 0 txq 0 0"))
    # There is nothing left for a second time.
    assert "mbuf nums: 0" in port.command("port cleanup 0 txq 0 0")
    assert "Tx queue 1 not started" in port.command("port cleanup 0 txq 1 0")
