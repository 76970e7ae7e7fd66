# SPDX-License-Identifier: BSD-3-Clause
"""Commands that cannot be carried out are refused, and nothing else changes."""

import pytest

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
    assert "Failed to setup" in port.queue(kind, 1, "setup")
    assert port.state(kind, 1) == "stopped"
    assert port.ring_size(kind, 1) == 256
    connection.start(kind, 1)
    connection.carries_all()
