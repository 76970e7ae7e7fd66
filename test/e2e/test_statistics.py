# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Counters: upstream's names and ours, and that they go on over a restart of their queue."""

from testpmd import xstat

UPSTREAM = ("good_packets", "good_bytes", "multicast_packets", "broadcast_packets",
            "undersize_packets", "size_64_packets", "size_65_127_packets",
            "size_128_255_packets", "size_256_511_packets", "size_512_1023_packets",
            "size_1024_1518_packets", "size_1519_max_packets")
OURS = ("resets", "reset_dropped", "reset_ns")


def test_names(connect):
    stats = connect().port.xstats()
    for queue in (0, 1):
        for what in (*UPSTREAM, *OURS):
            assert xstat("rx", queue, what) in stats
            assert xstat("tx", queue, what) in stats
        assert xstat("rx", queue, "errors") in stats


def test_names_of_the_packaged_driver_are_all_there(connect, start_backend, start_port, host):
    connection = connect()
    ours = connection.port.xstats()
    connection.port.quit()
    packaged = start_port(plugin=None).xstats()
    assert set(packaged) <= set(ours)
    assert "rx_q0_resets" in ours and "rx_q0_resets" not in packaged


def test_counters_go_on_over_a_restart(connect):
    connection = connect()
    connection.carries_all()
    before = connection.port.xstats()
    for kind in ("rxq", "txq"):
        connection.stop(kind, 1)
        connection.port.set_ring_size(kind, 1, 512)
        assert connection.port.queue(kind, 1, "setup") == ""
        connection.start(kind, 1)
    after = connection.port.xstats()
    for direction in ("rx", "tx"):
        for what in ("good_packets", "good_bytes", "undersize_packets"):
            name = xstat(direction, 1, what)
            assert after[name] == before[name] > 0
        assert before[xstat(direction, 1, "resets")] == 0
        assert after[xstat(direction, 1, "resets")] == 1
        assert after[xstat(direction, 1, "reset_ns")] > 0
        assert after[xstat(direction, 0, "resets")] == 0
    connection.carries_all()


def test_port_counters_are_the_sum_of_the_queues(connect):
    connection = connect()
    connection.carries_all()
    stats = connection.port.xstats()
    for direction in ("rx", "tx"):
        for what in ("good_packets", "good_bytes"):
            assert stats[f"{direction}_{what}"] == sum(stats[xstat(direction, queue, what)]
                                                       for queue in (0, 1))


def test_reset_of_the_counters(connect):
    connection = connect()
    connection.carries_all()
    connection.stop("rxq", 1)
    connection.port.command("clear port xstats 0")
    assert not any(connection.port.xstats().values())
    connection.start("rxq", 1)
    connection.carries_all()
