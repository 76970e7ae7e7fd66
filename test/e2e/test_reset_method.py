# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""How single queues are stopped: the devarg queue_reset, and what the driver chooses by itself."""

import pytest

from backends import LoopbackBackend, TestpmdBackend
from connection import Connection

REASONS = {"disable": "the back-end offers what librte_vhost does",
           "get_base": "the back-end offers VIRTIO_F_RING_RESET"}


def chosen(port):
    match = port.said(r"single queues are stopped by: (\w+) \((.*)\)")
    assert match, port.text
    return match[1], match[2]


@pytest.mark.parametrize("devargs", ["", "queue_reset=auto"])
def test_auto_chooses_by_the_back_end(connect, devargs):
    connection = connect(devargs=devargs)
    method = connection.backend.method
    assert chosen(connection.port) == (method, REASONS[method])


@pytest.mark.parametrize("kind, method", [(TestpmdBackend, "disable"),
                                          (LoopbackBackend, "disable"),
                                          (LoopbackBackend, "get_base")])
def test_method_is_the_users(start_backend, start_port, kind, method):
    connection = Connection(start_backend(kind), start_port(devargs=f"queue_reset={method}"))
    assert chosen(connection.port) == (method, f"queue_reset={method}")
    connection.carries_all()
    connection.stop("rxq", 1)
    connection.stop("txq", 1)
    connection.carries(rx=[0], tx=[0])
    connection.start("rxq", 1)
    connection.start("txq", 1)
    connection.carries_all()
    connection.loses_nothing()


@pytest.mark.parametrize("kind", ["rxq", "txq"])
def test_off_refuses_and_leaves_the_queue_running(connect, kind):
    connection = connect(devargs="queue_reset=off")
    port = connection.port
    assert chosen(port) == ("none", "queue_reset=off")
    connection.carries_all()
    said = port.queue(kind, 1, "stop")
    assert "Function not supported in PMD" in said
    assert "queue_reset=" in said
    assert port.state(kind, 1) == "started"
    connection.carries_all()
    port.command("port stop 0")
    port.command("port start 0")
    connection.carries_all()


RUNTIME_RX_QUEUE_SETUP = 0x1
RUNTIME_TX_QUEUE_SETUP = 0x2


@pytest.mark.parametrize("devargs, wanted", [
    ("queue_reset=auto", RUNTIME_RX_QUEUE_SETUP | RUNTIME_TX_QUEUE_SETUP),
    ("queue_reset=off", 0)])
def test_capability_is_there_with_a_method_only(connect, devargs, wanted):
    said = connect(devargs=devargs).port.command("show port info 0")
    capabilities = [line for line in said.splitlines() if "apabilities: 0x" in line]
    assert len(capabilities) == 1, said
    bits = int(capabilities[0].split("0x")[1].split("(")[0], 16)
    assert bits & (RUNTIME_RX_QUEUE_SETUP | RUNTIME_TX_QUEUE_SETUP) == wanted, capabilities
