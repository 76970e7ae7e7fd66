# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The same with packed rings: what is stopped, set up, started, and comes back."""

import pytest

from connection import Connection

KINDS = pytest.mark.parametrize("kind", ["rxq", "txq"])


def check_packed(port):
    """Where the back-end does not offer packed rings the port logs that, and has split ones."""
    assert not port.said("does not offer packed rings")
    # Of packed rings any size will do.
    assert "RXDs number alignment: 1\n" in port.command("show port info 0").replace("\r", "")


@pytest.fixture
def packed(connect):
    """Both ends, which have agreed on packed rings."""
    connection = connect(devargs="packed_vq=1")
    check_packed(connection.port)
    return connection


@KINDS
def test_queue_stops_and_starts(packed, kind):
    packed.carries_all()
    for _ in range(10):
        packed.stop(kind, 1)
        packed.carries(**{kind[:2]: [0]})
        packed.start(kind, 1)
    packed.carries_all()
    packed.loses_nothing()


@KINDS
def test_ring_size_changes_at_run_time(packed, kind):
    port = packed.port
    packed.carries_all()
    for size in (33, 500, 1000, 4097, 256):
        port.set_ring_size(kind, 1, size)
        packed.stop(kind, 1)
        assert port.queue(kind, 1, "setup") == ""
        assert port.state(kind, 1) == "stopped"
        assert port.ring_size(kind, 1) == size
        packed.start(kind, 1)
        assert port.ring_size(kind, 0) == 256
        packed.carries_all()
    packed.loses_nothing()


def test_port_stops_and_starts(packed):
    port = packed.port
    for _ in range(5):
        packed.carries_all()
        packed.stop("rxq", 1)
        packed.stop("txq", 0)
        port.command("port stop 0")
        port.command("port start 0")
        packed.all_started()
        assert port.states("rxq") == port.states("txq") == ["started"] * 2
    packed.carries_all()


def test_next_process_takes_the_back_end_over(packed, start_port):
    packed.carries_all()
    packed.port.quit()
    # The back-end has to forget what the rings were.
    packed.port = start_port()
    packed.carries_all()


@KINDS
def test_reconnect(backend_kind, start_backend, start_port, host, kind):
    port = start_port(devargs="server=1,packed_vq=1", wait=False)
    host.wait_socket()
    backend = start_backend(backend_kind, client=True)
    port.wait_prompt()
    port.wait_link("up")
    check_packed(port)
    connection = Connection(backend, port)
    connection.carries_all()
    connection.stop(kind, 1)
    for _ in range(2):
        connection.backend.kill()
        port.wait_link("down")
        connection.change_backend(start_backend(backend_kind, client=True))
        port.wait_link("up")
        assert port.states(kind) == ["started", "stopped"]
        connection.carries(**{kind[:2]: [0]})
    connection.start(kind, 1)
    connection.carries_all()
