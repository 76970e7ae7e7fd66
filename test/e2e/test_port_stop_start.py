# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The port as a whole is stopped, started, reset and closed with single queues stopped."""


def stop_some(connection):
    connection.carries_all()
    connection.stop("rxq", 1)
    connection.stop("txq", 0)


def test_port_start_starts_stopped_queues(connect):
    connection = connect()
    stop_some(connection)
    port = connection.port
    port.command("port stop 0")
    assert port.states("rxq") == port.states("txq") == ["stopped"] * 2
    port.command("port start 0")
    connection.all_started()
    assert port.states("rxq") == port.states("txq") == ["started"] * 2
    connection.carries_all()


def test_new_size_of_a_stopped_queue_stays_over_a_port_restart(connect):
    connection = connect()
    port = connection.port
    connection.stop("rxq", 1)
    port.set_ring_size("rxq", 1, 1024)
    assert port.queue("rxq", 1, "setup") == ""
    port.command("port stop 0")
    port.command("port start 0")
    connection.all_started()
    assert port.ring_size("rxq", 1) == 1024
    connection.carries_all()


def test_port_stops_and_starts_ten_times(connect):
    connection = connect()
    for _ in range(10):
        stop_some(connection)
        connection.port.command("port stop 0")
        connection.port.command("port start 0")
        connection.all_started()
    connection.carries_all()


def test_port_reset_starts_anew(connect):
    connection = connect()
    stop_some(connection)
    port = connection.port
    port.command("port stop 0")
    port.command("port reset 0")
    port.command("port start 0")
    connection.all_started()
    assert port.states("rxq") == port.states("txq") == ["started"] * 2
    connection.carries_all()


def test_more_and_fewer_queues_after_reconfiguration(connect):
    connection = connect(queues=4)
    stop_some(connection)
    port = connection.port
    for queues in (2, 4):
        port.command("port stop 0")
        port.command(f"port config all rxq {queues}")
        port.command(f"port config all txq {queues}")
        port.command("port start 0")
        connection.all_started()
        port.queues = connection.queues = queues
        assert port.states("rxq") == port.states("txq") == ["started"] * queues
        connection.carries_all()


def test_close_with_stopped_queues(connect):
    connection = connect()
    stop_some(connection)
    connection.port.command("port stop 0")
    connection.port.command("port close 0")
    connection.port.quit()


def test_quit_with_stopped_queues(connect):
    connection = connect()
    stop_some(connection)
    connection.port.quit()
    connection.backend.quit()


def test_next_process_takes_the_back_end_over(connect, start_port):
    connection = connect()
    stop_some(connection)
    connection.port.quit()
    connection.port = start_port()
    connection.all_started()
    connection.carries_all()
