# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Single queues are stopped and started while the back-end goes on sending on all."""

import pytest


def test_all_queues_carry_both_ways(connect):
    connection = connect(queues=4)
    assert connection.port.states("rxq") == ["started"] * 4
    assert connection.port.states("txq") == ["started"] * 4
    connection.carries_all()
    connection.loses_nothing()


def test_stopped_rx_queue_carries_nothing_and_others_carry_on(connect):
    connection = connect(queues=4)
    connection.carries_all()
    connection.stop("rxq", 1)
    assert connection.port.states("rxq") == ["started", "stopped", "started", "started"]
    assert connection.port.states("txq") == ["started"] * 4
    connection.carries(rx=[0, 2, 3])
    connection.start("rxq", 1)
    connection.carries_all()
    connection.loses_nothing()


def test_stopped_tx_queue_carries_nothing_and_others_carry_on(connect):
    connection = connect(queues=4)
    connection.carries_all()
    connection.stop("txq", 1)
    assert connection.port.states("txq") == ["started", "stopped", "started", "started"]
    assert connection.port.states("rxq") == ["started"] * 4
    connection.carries(tx=[0, 2, 3])
    connection.start("txq", 1)
    connection.carries_all()
    connection.loses_nothing()


def test_rx_alone_stopped_leaves_tx_of_its_pair(connect):
    connection = connect()
    connection.stop("rxq", 1)
    connection.carries(tx=[0, 1])
    connection.start("rxq", 1)
    connection.carries_all()


def test_tx_alone_stopped_leaves_rx_of_its_pair(connect):
    connection = connect()
    connection.stop("txq", 1)
    connection.carries(rx=[0, 1])
    connection.start("txq", 1)
    connection.carries_all()


@pytest.mark.parametrize("queue", [0, 1])
def test_pair_stopped_both_ways_and_either_may_start_first(connect, queue):
    connection = connect()
    other = 1 - queue
    for first, second in (("rxq", "txq"), ("txq", "rxq")):
        connection.stop("rxq", queue)
        connection.stop("txq", queue)
        connection.carries(rx=[other], tx=[other])
        connection.start(first, queue)
        connection.start(second, queue)
        connection.carries_all()
    connection.loses_nothing()


def test_three_of_eight_pairs_stopped(connect):
    connection = connect(queues=8)
    rest = [0, 2, 3, 5, 7]
    connection.carries_all()
    connection.stop("rxq", 1, 4, 6)
    connection.stop("txq", 1, 4, 6)
    connection.carries(rx=rest, tx=rest)
    connection.start("rxq", 1, 4, 6)
    connection.start("txq", 1, 4, 6)
    connection.carries_all()
    connection.loses_nothing()


def test_all_queues_stopped_and_started(connect):
    connection = connect()
    connection.carries_all()
    connection.stop("rxq", 0, 1)
    connection.stop("txq", 0, 1)
    assert connection.port.link() == "up"
    before = connection.moved()
    connection.backend.run()
    connection.port.forward("flowgen")
    connection.port.halt()
    assert connection.moved() == before
    connection.start("rxq", 0, 1)
    connection.start("txq", 0, 1)
    connection.carries_all()


def test_stopping_or_starting_twice_changes_nothing(connect):
    connection = connect()
    connection.carries_all()
    connection.start("rxq", 1)
    connection.start("txq", 1)
    for _ in range(2):
        connection.stop("rxq", 1)
        connection.stop("txq", 1)
    connection.carries(rx=[0], tx=[0])
    for _ in range(2):
        connection.start("rxq", 1)
        connection.start("txq", 1)
    connection.carries_all()
    stats = connection.port.xstats()
    assert stats["rx_q1_resets"] == stats["tx_q1_resets"] == 1


def test_twenty_rounds_lose_nothing(connect):
    connection = connect()
    connection.carries_all()
    for _ in range(20):
        for kind in ("rxq", "txq"):
            connection.stop(kind, 1)
            connection.start(kind, 1)
        # What came meanwhile is taken, so that the next round finds a ring in use.
        connection.port.forward("flowgen")
        connection.port.halt()
    connection.carries_all()
    stats = connection.port.xstats()
    assert stats["rx_q1_resets"] == stats["tx_q1_resets"] == 20
    connection.loses_nothing()
