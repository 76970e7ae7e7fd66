# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Stock secondary processes at a primary that has our driver: with our plug-in they carry packets
and read the port's state, and without it, when they take the port for one of the packaged driver's,
the primary lives on."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backends import LoopbackBackend
from connection import MANY, Connection
from program import PATIENCE, poll
from testpmd import Testpmd, xstat

PROC_INFO = shutil.which("dpdk-proc-info")
QUEUES = 4
PROCESSES = ["--num-procs=2"]
ASKED = ["--stats", "--xstats", "--xstats-reset", "--stats-reset", "--show-port"]

pytestmark = pytest.mark.skipif(PROC_INFO is None, reason="there is no dpdk-proc-info")


@pytest.fixture
def shared_memory(host):
    """EAL's arguments for memory that another process can map: hugepages with a folder."""
    if not host.huge_pages():
        pytest.skip("fewer than 256 free hugepages of 2 MB")
    folder = host.folder / "huge"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder],
                             stderr=subprocess.PIPE, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no folder with hugepages: {mounted.stderr.strip()}")
    yield ["--huge-dir", str(folder), "--single-file-segments", "-m", "256"]
    # Lazily: a program that has failed the test may run still.
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def primary(start_backend, start_port, shared_memory):
    return Connection(start_backend(LoopbackBackend), start_port(memory=shared_memory))


@pytest.fixture
def secondary(host):
    """secondary(plug-in or None, what is asked for): (exit status, all that it said)"""
    def run(plugin, asked):
        # It chooses its core itself.
        argv = [PROC_INFO, "--no-pci", "--no-telemetry", "--file-prefix", f"{host.prefix}port"]
        if plugin:
            argv += ["-d", plugin]
        done = subprocess.run([*argv, "--", asked], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=host.env,
                              timeout=PATIENCE)
        (host.logs / f"secondary{asked}.log").write_text(done.stdout)
        return done.returncode, done.stdout
    return run


@pytest.mark.parametrize("asked", ASKED)
def test_without_the_plugin_it_does_no_harm(primary, secondary, asked):
    primary.carries_all()
    before = primary.port.xstats()
    for _ in range(2):
        # The numbers that it shows depend on the packaged driver.
        status, said = secondary(None, asked)
        assert status == 0, said
        assert "No Ethernet ports" not in said
        assert primary.port.running()
    after = primary.port.xstats()
    # Nothing of the primary's own counters was touched.
    assert all(after[name] >= before[name] for name in before)
    primary.carries_all()
    for kind in ("rxq", "txq"):
        primary.stop(kind, 1)
        primary.start(kind, 1)
    primary.carries_all()
    primary.port.quit()


@pytest.fixture
def shared_port(start_backend, start_port, shared_memory):
    """Four queues, of which the primary polls 0 and 1; its pool is one that survives kills."""
    backend = start_backend(LoopbackBackend, QUEUES)
    # A process that dies in a ring's enqueue or dequeue leaves the ring locked; this stack has no
    # lock.
    memory = [*shared_memory, "--mbuf-pool-ops-name=lf_stack"]
    return Connection(backend, start_port(QUEUES, memory=memory, args=PROCESSES + ["--proc-id=0"]))


@pytest.fixture
def start_secondary(host, started, plugin):
    """A stock testpmd that polls queues 2 and 3 of the primary's port."""
    def start():
        port = Testpmd("secondary", host, host.cores[1], None, QUEUES, plugin=plugin,
                       args=PROCESSES + ["--proc-id=1"], secondary_of="port")
        started.append(port)
        return port
    return start


def wait_moved(connection, queues, idle=()):
    """Both ways, by the counts of the back-end, which no process of the port's has a part in."""
    def counts():
        written, taken = connection.backend.counters()
        return {queue: min(written[queue], taken[queue]) for queue in range(QUEUES)}, (written,
                                                                                      taken)
    before, at_first = counts()
    poll(f"packets on {queues}",
         lambda: all(counts()[0][q] - before[q] >= MANY for q in queues))
    _, at_last = counts()
    for queue in idle:
        for first, last in zip(at_first, at_last):
            assert last[queue] == first[queue], f"queue {queue} is not idle"


def test_both_processes_carry(shared_port, start_secondary):
    secondary = start_secondary()
    shared_port.backend.run()
    shared_port.port.forward("flowgen")
    secondary.forward("flowgen")
    wait_moved(shared_port, range(QUEUES))
    # One port in each process: state, counters and link.
    for kind in ("rxq", "txq"):
        assert secondary.states(kind) == shared_port.port.states(kind) == ["started"] * QUEUES
    assert secondary.link() == shared_port.port.link() == "up"
    secondary.halt()
    shared_port.port.halt()
    assert secondary.xstats() == shared_port.port.xstats()
    assert all(secondary.xstats()[xstat("rx", queue)] > 0 for queue in range(QUEUES))
    secondary.quit()
    # What was the secondary's alone is gone with it, and the port carries on.
    shared_port.port.forward("flowgen")
    wait_moved(shared_port, [0, 1])
    shared_port.port.halt()
    shared_port.port.quit()


def test_primary_stops_what_a_secondary_polls(shared_port, start_secondary):
    secondary = start_secondary()
    shared_port.backend.run()
    secondary.forward("flowgen")
    wait_moved(shared_port, [2, 3])
    for _ in range(10):
        # Under the secondary's traffic; the other queue carries on.
        for kind in ("rxq", "txq"):
            shared_port.port.switch(kind, 2, "stop")
        assert secondary.state("rxq", 2) == "stopped"
        wait_moved(shared_port, [3], idle=[2])
        shared_port.port.set_ring_size("rxq", 2, 128)
        for kind in ("rxq", "txq"):
            shared_port.port.queue(kind, 2, "setup")
            shared_port.port.switch(kind, 2, "start")
        assert secondary.ring_size("rxq", 2) == 128
        wait_moved(shared_port, [2, 3])
    secondary.halt()
    shared_port.loses_nothing()
    secondary.quit()
    shared_port.port.quit()


def test_port_is_configured_anew_under_a_secondary(shared_port, start_secondary):
    """Other rings, and so other burst functions, than those that it was attached with."""
    secondary = start_secondary()
    shared_port.backend.run()
    secondary.forward("flowgen")
    wait_moved(shared_port, [2, 3])
    for checksum in ("on", "off"):
        # testpmd of the primary knows of no burst that could be under way.
        said = shared_port.port.command("port stop 0")
        assert "Done" in said, said
        shared_port.port.command(f"port config 0 rx_offload tcp_cksum {checksum}")
        said = shared_port.port.command("port start 0")
        assert "Done" in said, said
        wait_moved(shared_port, [2, 3])
    secondary.halt()
    secondary.quit()
    shared_port.port.quit()


def eventfds(process):
    """{descriptor: (identity, count)} of its event descriptors"""
    found = {}
    for path in Path(f"/proc/{process.pid}/fdinfo").iterdir():
        text = path.read_text()
        count = re.search(r"^eventfd-count:\s*([0-9a-f]+)", text, re.M)
        if count:
            identity = re.search(r"^eventfd-id:\s*(\d+)", text, re.M)
            found[int(path.name)] = (int(identity[1]), int(count[1], 16))
    return found


def test_kicks_reach_the_rings_that_they_are_for(shared_port, start_secondary):
    """The back-end requests a notification of every burst, and does not read the descriptor."""
    before = eventfds(shared_port.port.process)
    secondary = start_secondary()
    shares = {identity for identity, _ in eventfds(secondary.process).values()}
    # In the order in which they were made: that of the rings.
    kicks = [identity for _, (identity, _) in sorted(before.items()) if identity in shares]
    assert len(kicks) == 2 * QUEUES

    def counts():
        now = dict(eventfds(shared_port.port.process).values())
        return [now[identity] for identity in kicks]

    shared_port.backend.run()
    at_first = counts()
    secondary.forward("flowgen")
    wait_moved(shared_port, [2, 3])
    secondary.halt()
    notifications = [last - first for first, last in zip(at_first, counts())]
    assert notifications[:4] == [0] * 4, notifications
    assert all(n > 1 for n in notifications[4:]), notifications
    secondary.quit()
    shared_port.port.quit()


def test_control_calls_are_refused(shared_port, start_secondary):
    secondary = start_secondary()
    before = shared_port.port.command("show port info 0")
    for command, name in [("port 0 rxq 2 stop", "rx_queue_stop"),
                          ("port 0 txq 2 stop", "tx_queue_stop"),
                          ("set allmulti 0 on", "allmulticast_enable"),
                          ("port config mtu 0 1400", "mtu_set"),
                          ("mac_addr set 0 02:00:00:00:00:01", "mac_addr_set"),
                          ("mac_addr add 0 02:00:00:00:00:01", "mac_addr_add")]:
        said = secondary.command(command)
        assert f"{name} is not possible in a secondary process" in said, said
    # ethdev refuses these, before anything that is shared was changed.
    secondary.command("port 0 rxq 2 setup")
    secondary.command("vlan set strip on 0")
    assert shared_port.port.command("show port info 0") == before
    for kind in ("rxq", "txq"):
        assert shared_port.port.states(kind) == ["started"] * QUEUES
    shared_port.backend.run()
    shared_port.port.forward("flowgen")
    secondary.forward("flowgen")
    wait_moved(shared_port, range(QUEUES))
    secondary.halt()
    secondary.quit()
    shared_port.port.quit()


def test_queues_of_killed_secondaries_go_on(shared_port, start_secondary):
    shared_port.backend.run()
    shared_port.port.forward("flowgen")
    for _ in range(5):
        secondary = start_secondary()
        secondary.forward("flowgen")
        wait_moved(shared_port, range(QUEUES))
        secondary.kill()
        wait_moved(shared_port, [0, 1])
        shared_port.port.halt()
        for kind in ("rxq", "txq"):
            for queue in (2, 3):
                shared_port.port.switch(kind, queue, "stop")
                shared_port.port.switch(kind, queue, "start")
        shared_port.port.forward("flowgen")
    shared_port.port.halt()
    shared_port.port.quit()


def test_proc_info_reads(primary, secondary, plugin):
    primary.carries_all()
    before = primary.port.xstats()
    status, said = secondary(plugin, "--xstats")
    assert status == 0, said
    for name, value in before.items():
        if "bytes" not in name and name.startswith(("rx_q", "tx_q")):
            assert re.search(rf"^{name}: {value}$", said, re.M), said
    for asked in ASKED:
        status, said = secondary(plugin, asked)
        assert status == 0, said
        assert primary.port.running()
    primary.carries_all()
    primary.port.quit()


def test_with_the_packaged_driver_at_the_primary_it_is_refused(start_backend, start_port, secondary,
                                                               shared_memory, plugin):
    start_backend(LoopbackBackend)
    port = start_port(plugin=None, memory=shared_memory)
    _, said = secondary(plugin, "--stats")
    assert "the primary process uses another driver" in said
    assert port.running()
    port.quit()
