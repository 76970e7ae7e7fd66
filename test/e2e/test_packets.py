# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Packets of many sizes and segments, and what happens to them when their queue is stopped."""

import pytest

from backends import TestpmdBackend
from connection import Connection
from program import poll
from testpmd import xstat

# RTE_ETH_TX_OFFLOAD_MULTI_SEGS
SEGMENTS = "--tx-offloads=0x8000"


@pytest.fixture(params=["", "mrg_rxbuf=0"], ids=["mergeable", "mrg_rxbuf_0"])
def buffers(request):
    return request.param


def restart_all(connection):
    for kind in ("rxq", "txq"):
        connection.stop(kind, 0, 1)
        connection.start(kind, 0, 1)


def sends(sender, receiver, lengths):
    """All packets of this shape that one end has sent, of the lengths of their segments."""
    sender.command("set txpkts " + ",".join(map(str, lengths)))
    receiver.forward("rxonly")
    sender.forward("txonly")


def test_sizes_of_one_buffer(start_backend, start_port, buffers):
    connection = Connection(start_backend(TestpmdBackend), start_port(devargs=buffers))
    backend, port = connection.backend, connection.port
    for length, name in ((60, "undersize"), (64, "size_64"), (127, "size_65_127"),
                         (255, "size_128_255"), (511, "size_256_511"), (1023, "size_512_1023"),
                         (1518, "size_1024_1518"), (1900, "size_1519_max")):
        before = port.xstats()
        sends(backend, port, [length])
        name = xstat("rx", 1, name + "_packets")
        poll(f"{name} grows", lambda: port.xstats()[name] > before[name] + 1000)
        port.halt()
        backend.halt()
        restart_all(connection)
    stats = port.xstats()
    assert stats[xstat("rx", 1, "errors")] == 0


@pytest.mark.parametrize("lengths", [[60, 60], [1000, 1000, 1000], [1800, 1800, 1800, 1800, 1600]],
                         ids=["two_small", "three", "five_large"])
def test_packets_of_many_segments_both_ways(start_backend, start_port, lengths):
    # Frames that need several of testpmd's buffers of 2 KB; net_vhost takes them as it is.
    backend = start_backend(TestpmdBackend, args=[SEGMENTS])
    port = start_port(args=[SEGMENTS, "--enable-scatter", "--max-pkt-len=9000"])
    total = sum(lengths)
    connection = Connection(backend, port)
    for sender, receiver in ((backend, port), (port, backend)):
        before = receiver.xstats()
        sends(sender, receiver, lengths)
        count, size = xstat("rx", 0), xstat("rx", 0, "good_bytes")
        poll("packets arrive", lambda: receiver.xstats()[count] > before[count] + 1000)
        sender.halt()
        receiver.halt()
        after = receiver.xstats()
        assert after[size] - before[size] == total * (after[count] - before[count])
        restart_all(connection)
    assert port.xstats()[xstat("rx", 0, "errors")] == 0
    backend.forwards = None
    connection.carries_all()
