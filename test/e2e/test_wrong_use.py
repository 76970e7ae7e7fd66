# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Commands that cannot be carried out are refused, and nothing else changes."""

import re

import pytest

from backends import TestpmdBackend

KINDS = pytest.mark.parametrize("kind", ["rxq", "txq"])


@KINDS
def test_no_such_queue(connect, kind):
    connection = connect()
    for verb in ("stop", "start", "setup"):
        assert f"Invalid {kind[:2].upper()} queue 2" in connection.port.queue(kind, 2, verb)
    connection.carries_all()


@KINDS
def test_queue_of_a_port_that_is_down(connect, kind):
    connection = connect()
    port = connection.port
    port.command("port stop 0")
    for verb in ("stop", "start"):
        assert "start port 0 first" in port.queue(kind, 1, verb)
        assert port.state(kind, 1) == "stopped"
    port.command("port start 0")
    connection.carries_all()


@KINDS
def test_ring_larger_than_the_limit(connect, kind):
    connection = connect()
    port = connection.port
    connection.stop(kind, 1)
    port.set_ring_size(kind, 1, 65535)
    said = port.queue(kind, 1, "setup")
    assert f"Failed to setup {kind[:2].upper()} queue" in said
    # ethdev's words, by the limits that the driver reports.
    assert "(=65535), should be: <= 32768, >= 32" in said
    assert port.state(kind, 1) == "stopped"
    assert port.ring_size(kind, 1) == 256
    connection.start(kind, 1)
    connection.carries_all()


def test_pool_smaller_than_the_ring_fills_it_as_far_as_it_goes(connect):
    connection = connect(args=["--total-num-mbufs=2048"])
    port = connection.port
    connection.carries_all()
    connection.stop("rxq", 1)
    port.set_ring_size("rxq", 1, 4096)
    said = port.queue("rxq", 1, "setup")
    assert re.search(r"rx queue 1: pool mb_pool_0 has 2048 buffers for a ring of 4096 descriptors",
                     said)
    assert port.ring_size("rxq", 1) == 4096
    connection.start("rxq", 1)
    connection.carries_all()


def test_buffers_that_do_not_hold_a_frame(start_backend, start_port):
    start_backend(TestpmdBackend)
    port = start_port(devargs="mrg_rxbuf=0", args=["--mbuf-size=1024"])
    assert port.said(r"a buffer of pool mb_pool_0 holds 896 bytes, a frame of MTU 1500 needs 1530. "
                     r"Use larger buffers.$")
    assert port.said("Fail to configure port 0 rx queues")
