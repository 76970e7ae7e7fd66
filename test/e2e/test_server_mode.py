# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Our port listens; back-ends come and go, and each queue keeps its own state meanwhile."""

import os
import signal

import pytest

from connection import Connection
from program import PATIENCE


@pytest.fixture
def serve(backend_kind, start_backend, start_port, host):
    """A port that listens, and a back-end that has connected to it."""
    port = start_port(devargs="server=1", wait=False)
    host.wait_socket()
    backend = start_backend(backend_kind, client=True)
    port.wait_prompt()
    port.wait_link("up")
    return Connection(backend, port)


@pytest.fixture
def reconnect(backend_kind, start_backend):
    """reconnect(connection): its back-end is killed, another one comes."""
    def again(connection):
        connection.backend.kill()
        connection.port.wait_link("down")
        connection.change_backend(start_backend(backend_kind, client=True))
        connection.port.wait_link("up")
    return again


def test_port_listens_and_carries(serve):
    serve.carries_all()
    serve.loses_nothing()


def test_reconnect_carries_again(serve, reconnect):
    serve.carries_all()
    for _ in range(3):
        reconnect(serve)
        serve.carries_all()


@pytest.mark.parametrize("kind", ["rxq", "txq"])
def test_stopped_queue_stays_stopped_over_a_reconnect(serve, reconnect, kind):
    serve.carries_all()
    serve.stop(kind, 1)
    reconnect(serve)
    assert serve.port.states(kind) == ["started", "stopped"]
    serve.carries(**{kind[:2]: [0]})
    serve.start(kind, 1)
    serve.carries_all()


def test_queues_stop_and_start_while_nobody_is_connected(serve, reconnect):
    serve.carries_all()
    serve.backend.kill()
    serve.port.wait_link("down")
    serve.stop("rxq", 1)
    reconnect(serve)
    assert serve.port.states("rxq") == ["started", "stopped"]
    serve.carries(rx=[0])
    serve.start("rxq", 1)
    serve.carries_all()


def test_reconnect_under_forwarding(serve, reconnect):
    serve.carries_all()
    serve.port.forward("flowgen")
    reconnect(serve)
    serve.port.halt()
    serve.carries_all()


def test_a_waiting_port_says_so_and_ends_with_a_signal(start_port, host):
    port = start_port(devargs="server=1", wait=False)
    port.expect(f"waiting for a back-end to connect to {host.socket()}")
    # Not SIGINT: a shell that runs the tests in the background has it ignored.
    port.process.send_signal(signal.SIGTERM)
    assert port.process.wait(PATIENCE) != 0


def test_the_socket_of_a_killed_port_is_replaced(backend_kind, start_backend, start_port, host):
    port = start_port(devargs="server=1", wait=False)
    port.expect("waiting for a back-end to connect")
    port.kill()
    assert os.path.exists(host.socket())
    port = start_port(devargs="server=1", wait=False)
    port.expect("waiting for a back-end to connect")
    start_backend(backend_kind, client=True)
    port.wait_prompt()
    port.wait_link("up")


def test_port_closes_and_takes_its_socket_away(serve, host):
    serve.port.command("port stop 0")
    serve.port.command("port close 0")
    assert not os.path.exists(host.socket())
    serve.port.quit()
