# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The back-end is killed while a queue is stopped: the port notices, answers, and can be closed."""

import pytest


@pytest.fixture
def orphan(connect):
    """A port with rx queue 1 stopped, whose back-end is no more."""
    connection = connect()
    connection.carries_all()
    connection.stop("rxq", 1)
    assert connection.port.link() == "up"
    connection.backend.kill()
    return connection.port


def test_link_goes_down(orphan):
    orphan.wait_link("down")


def test_other_queues_can_be_stopped(orphan):
    orphan.wait_link("down")
    orphan.switch("rxq", 0, "stop")
    orphan.switch("txq", 0, "stop")
    orphan.switch("txq", 1, "stop")
    assert orphan.state("rxq", 1) == "stopped"


def test_start_of_the_stopped_queue_fails_and_it_stays_stopped(orphan):
    orphan.wait_link("down")
    orphan.queue("rxq", 1, "start")
    assert orphan.state("rxq", 1) == "stopped"


def test_forwarding_over_the_dead_port_ends(orphan):
    orphan.forward("flowgen")
    orphan.wait_link("down")
    orphan.halt()


def test_port_stops_and_closes(orphan):
    orphan.wait_link("down")
    orphan.command("port stop 0")
    orphan.command("port close 0")
    orphan.quit()


def test_program_quits(orphan):
    orphan.quit()


def test_back_end_dies_under_traffic(connect):
    connection = connect()
    connection.carries_all()
    port = connection.port
    connection.backend.run()
    port.forward("flowgen")
    connection.backend.kill()
    port.wait_link("down")
    port.halt()
    port.switch("txq", 0, "stop")
    port.switch("rxq", 0, "stop")
    port.quit()
