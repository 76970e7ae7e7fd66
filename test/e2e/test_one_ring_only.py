# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What the back-end sees of a queue's stop and start: that one ring, and nothing of the others."""

import re

import pytest

from backends import LoopbackBackend, TestpmdBackend
from connection import Connection
from program import poll

# Ring 2 is rx queue 1, ring 3 tx queue 1.
CASES = pytest.mark.parametrize("kind, ring", [("rxq", 2), ("txq", 3)])


@CASES
def test_get_base_resets_one_ring(start_backend, start_port, kind, ring):
    connection = Connection(start_backend(LoopbackBackend), start_port())
    connection.carries_all()

    def states():
        return [(r["enabled"], r["resets"], r["restarts"]) for r in connection.backend.rings()]

    wanted = [(True, 0, 0)] * 4
    assert states() == wanted
    for rounds in (1, 2):
        connection.stop(kind, 1)
        wanted[ring] = (False, rounds, rounds - 1)
        assert states() == wanted
        connection.start(kind, 1)
        wanted[ring] = (True, rounds, rounds)
        assert states() == wanted


@CASES
def test_disable_talks_of_one_ring(host, start_backend, start_port, kind, ring):
    connection = Connection(start_backend(TestpmdBackend), start_port())
    connection.carries_all()
    before = len(host.log_text("backend"))
    connection.stop(kind, 1)
    connection.start(kind, 1)
    # Its words come later than what they tell of.
    poll("the back-end says that the ring is enabled", lambda: re.search(
        r"set queue enable: 1 to qp idx", host.log_text("backend")[before:]))
    talk = host.log_text("backend")[before:]
    messages = re.findall(r"read message (VHOST_USER_\w+)", talk)
    # The device goes on: no message that is for all of it. The ring is as it was: it is not set up
    # anew.
    assert messages == ["VHOST_USER_SET_VRING_ENABLE", "VHOST_USER_SET_VRING_BASE",
                        "VHOST_USER_SET_VRING_ENABLE"]
    assert re.findall(r"set queue enable: (\d) to qp idx: (\d)", talk) == [("0", str(ring)),
                                                                          ("1", str(ring))]


def test_more_memory_leaves_stopped_queues_stopped(host, connect):
    if not host.huge_pages():
        pytest.skip("memory does not grow without huge pages")
    # Less than testpmd needs: what comes later makes it grow.
    connection = connect(queues=8, megabytes=4)
    port = connection.port
    connection.carries_all()
    stopped = range(1, 8)
    connection.stop("rxq", 1)
    connection.stop("txq", *stopped)
    before = port.command("dump_physmem").count("Segment")
    for size, grows in ((32768, True), (256, False)):
        for queue in stopped:
            port.set_ring_size("txq", queue, size)
            assert port.queue("txq", queue, "setup") == ""
        if grows:
            assert port.command("dump_physmem").count("Segment") > before
        assert port.states("rxq") == ["started", "stopped"] + ["started"] * 6
        assert port.states("txq") == ["started"] + ["stopped"] * 7
        connection.carries(rx=[0, 2, 3, 4, 5, 6, 7])
        connection.carries(tx=[0])
    connection.start("rxq", 1)
    connection.start("txq", *stopped)
    connection.carries_all()
    connection.loses_nothing()
