# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Offloads between stock programs: what one end leaves to the other, and what it gets of it.

Each end is a testpmd with two ports, the one end of the connection and a capture: what it reads
there it sends to the other end, and what it receives from that goes into another capture.
"""

import importlib.util
import ipaddress
import re
import struct
import sys

import pytest

from conftest import ROOT
from program import poll
from testpmd import Testpmd

# It imports what the tools share.
sys.path.append(str(ROOT / "devtools"))
_spec = importlib.util.spec_from_file_location("capture", ROOT / "devtools/make-capture.py")
capture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(capture)

TCP, UDP = 6, 17


def frame(proto, six, payload, vlan=0):
    """(as it is to be, and where its layer 4 checksum is)"""
    base = ipaddress.IPv6Address("2001:db8::") if six else ipaddress.IPv4Address("198.18.0.0")
    flow = {"proto": proto, "six": six, "src": base + 1, "dst": base + 2, "id": payload,
            "smac": b"\2\0\0\0\0\1", "dmac": b"\2\0\0\0\0\2", "sport": 1024, "dport": 5000,
            "vlan": vlan, "seq": payload}
    data = capture.l4(flow, bytes(i * 7 + payload & 0xff for i in range(payload)))
    data = capture.ipv6(flow, data) if six else capture.ipv4(flow, data)
    whole = capture.ethernet(flow, 0x86dd if six else 0x0800, data)
    at = 14 + (4 if vlan else 0) + (40 if six else 20) + (16 if proto == TCP else 6)
    return whole, at


def spoilt(whole, at):
    """Without its checksum. (In UDP 0 would mean that none is wanted.)"""
    return whole[:at] + b"\xa7\xa7" + whole[at + 2:]


def read_pcap(path):
    data = path.read_bytes()
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def without_addresses(frames):
    """testpmd's csum mode puts its own in."""
    return [whole[12:] for whole in frames]


@pytest.fixture(params=["ours", "packaged"])
def driver(request, plugin):
    """Both: what the packaged driver does with a packet is what ours has to do."""
    return plugin if request.param == "ours" else None


@pytest.fixture(params=["", "packed_vq=1", "mrg_rxbuf=0"], ids=["split", "packed", "single"])
def ends(request, host, started, driver):
    """ends(frames of the port's end, of the back-end's): both testpmds, not forwarding."""
    def both(of_port=(), of_backend=(), args=(), more="", backend=""):
        ends = []
        for name, core, vdev, frames, d in (
                ("backend", 0, f"net_vhost0,iface={host.socket()},queues=1{backend}", of_backend,
                 None),
                ("port", 1, f"net_virtio_user0,path={host.socket()},queues=1"
                 + (f",{request.param}" if request.param else "") + more, of_port, driver)):
            into = host.folder / f"{name}.pcap"
            capture.write_pcap(into, frames)
            pcap = f"net_pcap0,rx_pcap={into},tx_pcap={host.folder / name}-out.pcap"
            ends.append(Testpmd(name, host, host.cores[core], vdev, plugin=d,
                                more_vdevs=[pcap], args=["--no-flush-rx", *args]))
            started.append(ends[-1])
        # net_vhost drops what it sends before it has heard of its device, after the answers.
        ends[0].wait_link("up")
        return ends
    both.mode = request.param
    return both


def received(host, testpmd, count):
    """What has gone into its capture, once so many frames have."""
    def sent():
        said = testpmd.command("show port stats 1")
        return int(said.partition("TX-packets:")[2].split()[0]) >= count
    poll(f"{count} frames are in the capture of {testpmd.name}", sent)
    testpmd.halt()
    testpmd.quit()
    return read_pcap(host.folder / f"{testpmd.name}-out.pcap")


def flags(testpmd, queue=0):
    """What it has said of each packet, with "set verbose 1", in a line of its flags."""
    return re.findall(rf"Receive queue=0x{queue:x}\n\s*ol_flags: (.*)\n", testpmd.text)


def wait_flags(testpmd, count, queue=0):
    """Before it is given another command, whose prompt would be among those lines."""
    poll(f"{testpmd.name} has reported {count} packets",
         lambda: len(flags(testpmd, queue)) >= count)
    return flags(testpmd, queue)


def set_offloads(testpmd, *commands):
    testpmd.command("port stop 0")
    for command in commands:
        said = testpmd.command(command)
        assert "not supported" not in said and "rror" not in said, said
    testpmd.command("port start 0")


ALL = [frame(proto, six, payload, vlan) for proto in (TCP, UDP) for six in (False, True)
       for payload in (1, 64, 555, 1400) for vlan in (0, 77)]
CHECKSUMS_BY_DEVICE = ("csum set tcp hw 0", "csum set udp hw 0")


def test_sent_checksums_are_right_at_the_other_end(ends, host):
    backend, port = ends(of_port=[spoilt(*one) for one in ALL])
    set_offloads(port, *CHECKSUMS_BY_DEVICE)
    assert "TCP_CKSUM" in port.command("show port 0 tx_offload configuration")
    backend.forward("io")
    port.forward("csum")
    got = received(host, backend, len(ALL))
    assert without_addresses(got) == without_addresses([whole for whole, _ in ALL])


def test_sent_segments_are_whole_at_the_other_end(ends, host):
    # As one large frame, which net_vhost hands on: of its parts each unit test sees to.
    large = [frame(TCP, six, payload) for six in (False, True) for payload in (1500, 4000, 8000)]
    backend, port = ends(of_port=[spoilt(*one) for one in large], backend=",tso=1",
                         args=["--max-pkt-len=9000", "--mbuf-size=10240"])
    set_offloads(port, *CHECKSUMS_BY_DEVICE, "tso set 1000 0")
    assert "TCP_TSO" in port.command("show port 0 tx_offload configuration")
    backend.command("set verbose 1")
    backend.forward("io")
    port.forward("csum")
    lines = wait_flags(backend, len(large))
    got = received(host, backend, len(large))
    assert without_addresses(got) == without_addresses([whole for whole, _ in large])
    # The header says that they are several.
    assert all("RTE_MBUF_F_RX_LRO" in line for line in lines)


def test_received_checksums_are_reported(ends, host):
    backend, port = ends(of_backend=[spoilt(*one) for one in ALL])
    set_offloads(backend, *CHECKSUMS_BY_DEVICE)
    set_offloads(port, "port config 0 rx_offload tcp_cksum on",
                 "port config 0 rx_offload udp_cksum on")
    # It was reset: see ends().
    backend.wait_link("up")
    port.command("set verbose 1")
    port.forward("io")
    backend.forward("csum")
    lines = wait_flags(port, len(ALL))
    got = received(host, port, len(ALL))
    # Not made, and said to be so: the sum of the pseudo-header is in their place.
    assert [whole[12:at] + whole[at + 2:] for whole, (_, at) in zip(got, ALL)] == \
        [whole[12:at] + whole[at + 2:] for whole, at in ALL]
    assert all("RTE_MBUF_F_RX_L4_CKSUM_NONE" in line for line in lines)


def test_received_tags_are_taken_off(ends, host):
    tagged = [frame(UDP, False, payload, vlan=0x4d) for payload in range(20, 40)]
    backend, port = ends(of_backend=[whole for whole, _ in tagged])
    assert port.command("vlan set strip on 0") == ""
    port.command("set verbose 1")
    port.forward("io")
    backend.forward("io")
    lines = wait_flags(port, len(tagged))
    got = received(host, port, len(tagged))
    assert got == [whole[:12] + whole[16:] for whole, _ in tagged]
    assert all("RTE_MBUF_F_RX_VLAN_STRIPPED" in line for line in lines)
    assert len(port.text.split("VLAN tci=0x4d")) == len(tagged) + 1


def test_tags_of_one_queue_alone(host, started, plugin):
    """By set-up at run time; the packaged driver has no such thing."""
    tagged = [frame(UDP, False, payload, vlan=0x4d)[0] for payload in range(20, 40)]
    source = host.folder / "tagged.pcap"
    capture.write_pcap(source, tagged)
    backend = Testpmd("backend", host, host.cores[0],
                      f"net_vhost0,iface={host.socket()},queues=2", 2,
                      more_vdevs=[f"net_pcap0,rx_pcap={source},rx_pcap={source},"
                                  f"tx_pcap={host.folder}/0.pcap,tx_pcap={host.folder}/1.pcap"],
                      args=["--no-flush-rx"])
    started.append(backend)
    port = Testpmd("port", host, host.cores[1],
                   f"net_virtio_user0,path={host.socket()},queues=2", 2, plugin=plugin)
    started.append(port)
    backend.wait_link("up")
    # testpmd takes this setting only of a port that is stopped, and passes it on at each set-up.
    set_offloads(port, "port 0 rxq 1 rx_offload vlan_strip on")
    # It was reset: see ends().
    backend.wait_link("up")
    port.switch("rxq", 1, "stop")
    assert port.queue("rxq", 1, "setup") == ""
    port.switch("rxq", 1, "start")
    port.command("set verbose 1")
    port.forward("rxonly")
    backend.forward("io")
    for queue, strips in ((0, False), (1, True)):
        for line in wait_flags(port, len(tagged), queue):
            assert ("RTE_MBUF_F_RX_VLAN_STRIPPED" in line) == strips, line
