# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A stopped queue is set up anew, with other parameters, while the port runs."""

import pytest

KINDS = pytest.mark.parametrize("kind", ["rxq", "txq"])


@KINDS
def test_ring_size_changes_at_run_time(connect, kind):
    connection = connect()
    port = connection.port
    connection.carries_all()
    for size in (512, 1024, 256):
        port.set_ring_size(kind, 1, size)
        connection.stop(kind, 1)
        assert port.queue(kind, 1, "setup") == ""
        # Set up is not started.
        assert port.state(kind, 1) == "stopped"
        assert port.ring_size(kind, 1) == size
        connection.start(kind, 1)
        assert port.ring_size(kind, 1) == size
        assert port.ring_size(kind, 0) == 256
        # Many times as many packets as the ring has descriptors.
        connection.carries_all()
    connection.loses_nothing()


@KINDS
def test_every_queue_gets_a_size_of_its_own(connect, kind):
    sizes = [32, 4096, 512, 128]
    connection = connect(queues=4)
    port = connection.port
    for queue, size in enumerate(sizes):
        port.set_ring_size(kind, queue, size)
        connection.stop(kind, queue)
        assert port.queue(kind, queue, "setup") == ""
        connection.start(kind, queue)
    assert [port.ring_size(kind, queue) for queue in range(4)] == sizes
    connection.carries_all()
    connection.loses_nothing()


@KINDS
def test_set_up_with_the_same_parameters(connect, kind):
    connection = connect()
    connection.carries_all()
    connection.stop(kind, 0)
    assert connection.port.queue(kind, 0, "setup") == ""
    connection.start(kind, 0)
    connection.carries_all()


@KINDS
def test_others_carry_on_between_set_up_and_start(connect, kind):
    connection = connect()
    connection.stop(kind, 0)
    connection.port.set_ring_size(kind, 0, 1024)
    assert connection.port.queue(kind, 0, "setup") == ""
    connection.carries(**{kind[:2]: [1]})
    connection.start(kind, 0)
    connection.carries_all()


@KINDS
def test_failed_set_up_leaves_the_queue_as_it_was(connect, kind):
    connection = connect()
    port = connection.port
    connection.carries_all()
    connection.stop(kind, 1)
    port.set_ring_size(kind, 1, 31)
    said = port.queue(kind, 1, "setup")
    assert f"Failed to setup {kind[:2].upper()} queue" in said
    assert port.state(kind, 1) == "stopped"
    assert port.ring_size(kind, 1) == 256
    connection.carries(**{kind[:2]: [0]})
    connection.start(kind, 1)
    connection.carries_all()
    connection.loses_nothing()


@KINDS
def test_set_up_of_a_running_queue_is_refused(connect, kind):
    connection = connect()
    port = connection.port
    connection.carries_all()
    port.set_ring_size(kind, 1, 512)
    assert f"Failed to setup {kind[:2].upper()} queue" in port.queue(kind, 1, "setup")
    assert port.state(kind, 1) == "started"
    assert port.ring_size(kind, 1) == 256
    connection.carries_all()
