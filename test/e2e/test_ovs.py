# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Open vSwitch has our ports, by the plug-in in dpdk-extra, and is a back-end of our ports."""

import re
import struct

import pytest

from backends import LoopbackBackend
from connection import MANY
from ovs import OpenVSwitch, find_ovs
from program import poll
from testpmd import Testpmd, xstat

QUEUES = 2


@pytest.fixture(scope="module")
def ovs_root():
    root, why = find_ovs()
    if root is None:
        pytest.skip(why)
    return root


@pytest.fixture
def ovs(ovs_root, host, started, plugin):
    return OpenVSwitch(ovs_root, host, started, plugin)


@pytest.fixture
def start_source(host, started):
    """start_source(name, client): a back-end on its own socket, which sends and counts."""
    def start(name, client=False):
        if not client:
            # What a killed one has left would be taken for the new one's.
            (host.folder / name).unlink(missing_ok=True)
        backend = LoopbackBackend(host, f"{host.folder}/{name}", QUEUES, client=client)
        started.append(backend)
        return backend
    return start


def devargs(host, name, queues=QUEUES, more=""):
    return f"net_virtio_user_{name},path={host.folder}/{name},queues={queues}{more}"


def add(ovs, host, name, number, more="", **options):
    ovs.add_port(name, number, "dpdk", **{
        "dpdk-devargs": devargs(host, name, more=more), "n_rxq": QUEUES, "n_rxq_desc": 256,
        "n_txq_desc": 256, **options})


def exchange(ovs, one=1, other=2):
    ovs.flow(f"in_port={one},actions=output:{other}")
    ovs.flow(f"in_port={other},actions=output:{one}")


def wait_moved(*backends):
    """Both ways: each takes packets, which are those that the others send."""
    def counts():
        return [sum(backend.counters()[1]) for backend in backends]
    before = counts()
    poll("packets pass through Open vSwitch",
         lambda: all(now - then >= MANY for then, now in zip(before, counts())))


def enabled(backend, kind):
    """Its rings that are, by queue."""
    return [queue for queue, ring in
            enumerate(ring for ring in backend.rings() if ring["kind"] == kind) if ring["enabled"]]


def write_pcap(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for second, packet in enumerate(packets):
            file.write(struct.pack("=IIII", second, 0, len(packet), len(packet)) + packet)


def read_pcap(path):
    data = path.read_bytes()
    packets = []
    at = 24
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        packets.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return packets


def test_packets_pass_unchanged(ovs, host, started):
    """From a capture file through net_vhost, our port, Open vSwitch, our port and net_vhost."""
    header = bytes.fromhex("020000000002" "020000000001" "88b5")
    # Fewer than a ring has descriptors: no end of it drops any, however slow the others are.
    packets = [header + i.to_bytes(4, "big") +
               bytes((i * k) & 0xff for k in range(46 + 7 * i % 1450)) for i in range(1000)]
    write_pcap(host.folder / "in.pcap", packets)
    out = host.folder / "out.pcap"
    back_ends = Testpmd(
        "backend", host, host.cores[0], f"net_vhost0,iface={host.folder}/p0,queues=1",
        more_vdevs=[f"net_pcap0,rx_pcap={host.folder}/in.pcap,tx_pcap={host.folder}/back.pcap",
                    f"net_vhost1,iface={host.folder}/p1,queues=1", f"net_pcap1,tx_pcap={out}"],
        args=["--no-flush-rx"], errors_apart=True)
    started.append(back_ends)
    for number, name in ((1, "p0"), (2, "p1")):
        ovs.add_port(name, number, "dpdk", **{"dpdk-devargs": devargs(host, name, queues=1),
                                              "n_rxq_desc": 1024, "n_txq_desc": 1024})
    exchange(ovs)
    back_ends.forward("io")
    poll("all packets have arrived", lambda: re.search(
        r"port 3 .*\n.*\n  TX-packets: 1000 ", back_ends.command("show fwd stats all")),
         say=lambda: [back_ends.command("show fwd stats all")])
    # The capture is complete when it is closed.
    back_ends.quit()
    assert read_pcap(out) == packets
    assert ovs.complaints() == []
    ovs.quit()


def test_settings_change_under_traffic(ovs, host, start_source):
    a, b = start_source("p0"), start_source("p1")
    # Open vSwitch does not act on the event of a queue error, so the driver is to.
    add(ovs, host, "p0", 1, more=",recovery=auto")
    add(ovs, host, "p1", 2)
    exchange(ovs)
    wait_moved(a, b)
    for setting, queues in [("options:n_rxq=1", [0]), ("options:n_rxq=2", [0, 1]),
                            ("options:n_rxq_desc=1024", [0, 1]), ("options:n_txq_desc=64", [0, 1]),
                            ("mtu_request=2000", [0, 1]), ("mtu_request=1500", [0, 1]),
                            # More than the device has: those that there are.
                            ("options:n_rxq=4", [0, 1])]:
        ovs.set("p0", setting)
        assert ovs.polled("p0") == queues, setting
        assert ovs.error("p0") == "[]"
        assert enabled(a, "rx") == queues
        wait_moved(a, b)
    # No link for so long as the port is away.
    ovs.vsctl("del-port", "p0")
    assert ovs.polled("p0") == []
    poll("the back-end has no ring", lambda: not enabled(a, "rx") and not enabled(a, "tx"))
    add(ovs, host, "p0", 1, more=",recovery=auto")
    assert ovs.polled("p0") == [0, 1]
    wait_moved(a, b)
    assert ovs.complaints() == []
    ovs.quit()


def test_back_ends_restart(ovs, host, start_source):
    b = start_source("p1")
    add(ovs, host, "p1", 2)
    # As server: the back-end connects, and until it does, Open vSwitch waits.
    ovs.add_port("p0", 1, "dpdk", wait=False, **{
        "dpdk-devargs": devargs(host, "p0", more=",server=1"), "n_rxq": QUEUES, "n_rxq_desc": 256,
        "n_txq_desc": 256})
    ovs.daemon.expect("waiting for a back-end to connect")
    a = start_source("p0", client=True)
    poll("the port is there", lambda: ovs.polled("p0") == [0, 1])
    exchange(ovs)
    wait_moved(a, b)
    for setting in (None, "options:n_rxq_desc=512"):
        since = ovs.daemon.mark()
        a.kill()
        ovs.daemon.expect("the back-end closed the connection", since)
        if setting:
            # A port that does not start while its back-end is away is given up for good.
            ovs.set("p0", setting)
        assert ovs.polled("p0") == [0, 1]
        a = start_source("p0", client=True)
        ovs.daemon.expect("a back-end has connected", since)
        wait_moved(a, b)
    # As client: settings can change, and the port comes back when it is added again.
    b.kill()
    ovs.set("p1", "options:n_rxq_desc=512")
    assert ovs.polled("p1") == [0, 1]
    assert ovs.error("p1") == "[]"
    b = start_source("p1")
    ovs.vsctl("del-port", "p1")
    add(ovs, host, "p1", 2)
    wait_moved(a, b)
    assert ovs.complaints() == []
    ovs.quit()


def test_queues_are_reset_while_it_forwards(ovs, host, start_source, start_port):
    """Open vSwitch as back-end moves the flow to the queue that is left, and back."""
    start_source("p0")
    add(ovs, host, "p0", 1)
    ovs.add_port("vu0", 2, "dpdkvhostuserclient", **{"vhost-server-path": host.socket()})
    ovs.flow("in_port=1,actions=output:2")
    port = start_port(QUEUES, devargs="server=1")
    assert "stopped by: disable" in port.text
    port.wait_link("up")

    def moved(queues, silent=()):
        port.forward("rxonly")
        before = port.xstats()
        poll(f"packets on {queues}", lambda: sum(
            port.xstats()[xstat("rx", q)] - before[xstat("rx", q)] for q in queues) >= MANY)
        after = port.xstats()
        assert all(after[xstat("rx", q)] == before[xstat("rx", q)] for q in silent)
        port.halt()

    moved([0, 1])
    for _ in range(2):
        for queue in range(QUEUES):
            port.switch("rxq", queue, "stop")
            moved([1 - queue], silent=[queue])
            port.set_ring_size("rxq", queue, 512)
            port.queue("rxq", queue, "setup")
            port.switch("rxq", queue, "start")
            moved([0, 1])
    assert ovs.complaints() == []
    port.quit()
    ovs.quit()
