# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A queue whose start is deferred stays stopped when the port starts, until it is started."""

import pytest

KINDS = pytest.mark.parametrize("kind", ["rxq", "txq"])


@KINDS
@pytest.mark.parametrize("queue", [0, 1])
def test_deferred_queue_starts_when_asked(connect, kind, queue):
    connection = connect()
    port = connection.port
    direction = kind[:2]
    other = 1 - queue
    port.command("port stop 0")
    port.command(f"port 0 {kind} {queue} deferred_start on")
    connection.note_stopped(kind, queue)
    port.command("port start 0")
    assert port.info(kind, queue)[f"{direction} deferred start"] == "on"
    assert port.state(kind, queue) == "stopped"
    assert port.state(kind, other) == "started"
    connection.carries(**{direction: [other]})
    connection.start(kind, queue)
    connection.carries_all()
    connection.loses_nothing()


def test_all_queues_deferred(connect):
    connection = connect()
    port = connection.port
    port.command("port stop 0")
    for kind in ("rxq", "txq"):
        for queue in (0, 1):
            port.command(f"port 0 {kind} {queue} deferred_start on")
        connection.note_stopped(kind, 0, 1)
    port.command("port start 0")
    assert port.states("rxq") == port.states("txq") == ["stopped"] * 2
    assert port.link() == "up"
    connection.start("rxq", 1)
    connection.carries(rx=[1])
    connection.start("txq", 1)
    connection.start("rxq", 0)
    connection.start("txq", 0)
    connection.carries_all()


@KINDS
def test_deferred_no_more(connect, kind):
    connection = connect()
    port = connection.port
    for word, state in (("on", "stopped"), ("off", "started")):
        port.command("port stop 0")
        port.command(f"port 0 {kind} 1 deferred_start {word}")
        port.command("port start 0")
        assert port.state(kind, 1) == state
    connection.carries_all()
