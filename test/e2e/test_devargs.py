# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The device's arguments: what is taken, and what is refused with a word on what would be right."""

import pytest

from backends import TestpmdBackend

# What is given, and what is said of it.
REFUSED = {
    "unknown_key": ("queues=2,colour=red",
                    "the argument colour is unknown. Known arguments: .*queue_reset"),
    "key_twice": ("queues=1,queues=2", "the argument queues= is given twice"),
    "queues_0": ("queues=0", "queues=0: want 1 to"),
    "queues_no_number": ("queues=two", "queues=two: want 1 to"),
    "cq_0_with_two_pairs": ("queues=2,cq=0", "queues=2 needs the control queue"),
    "queue_size_no_power_of_two": ("queue_size=300",
                                   "queue_size=300: want a power of two from 32"),
    "queue_size_too_small": ("queue_size=16", "queue_size=16: want 32 to 32768 descriptors"),
    "queue_size_too_large": ("queue_size=65536", "queue_size=65536: want 32 to 32768 descriptors"),
    "mac_bad": ("mac=02:00:00", "mac=02:00:00: want a unicast address"),
    "mac_multicast": ("mac=01:00:5e:00:00:01", "want a unicast address"),
    "speed_unknown": ("speed=1234", "speed=1234: want 10000, 20000"),
    "server_bad": ("server=2", "server=2: want 0 or 1"),
    "mrg_rxbuf_bad": ("mrg_rxbuf=yes", "mrg_rxbuf=yes: want 0 or 1"),
    "in_order_bad": ("in_order=-1", "in_order=-1: want 0 or 1"),
    "packed_vq_bad": ("packed_vq=2", "packed_vq=2: want 0 or 1"),
    "vectorized_bad": ("vectorized=2", "vectorized=2: want 0 or 1"),
    "iface_with_a_socket": ("iface=tap0", "iface=tap0 has a meaning for the kernel's vhost-net"),
    "iface_too_long": ("iface=a_name_of_16_chr", "want a name of an interface, at most 15"),
    "queue_reset_bad": ("queue_reset=maybe",
                        "queue_reset=maybe: want auto, get_base, disable or off"),
    "queue_reset_timeout_bad": ("queue_reset_timeout_ms=0",
                                "queue_reset_timeout_ms=0: want 1 to 60000"),
    "tx_drain_bad": ("tx_drain_us=1000001", "tx_drain_us=1000001: want 0 to 1000000"),
    "rx_drain_bad": ("rx_drain_us=-1", "rx_drain_us=-1: want 0 to 1000000"),
    "recovery_bad": ("recovery=1", "recovery=1: want none or auto"),
    "log_resets_bad": ("log_resets=yes", "log_resets=yes: want 0 or 1"),
}

TAKEN = {
    "none": "",
    "queue_size": "queue_size=1024",
    "mrg_rxbuf_0": "mrg_rxbuf=0",
    "in_order_0": "in_order=0",
    "defaults_said_aloud": "cq=1,mrg_rxbuf=1,in_order=1,packed_vq=0,vectorized=0,server=0",
    "vectorized_1": "vectorized=1",
    "packed_vq_1": "packed_vq=1",
    "packed_vq_1_and_an_odd_size": "packed_vq=1,queue_size=300",
    "queue_reset_timeout": "queue_reset_timeout_ms=60000",
    "drains": "tx_drain_us=1000000,rx_drain_us=0",
    "recovery": "recovery=auto,log_resets=1",
    "no_recovery": "recovery=none,log_resets=0",
}


@pytest.fixture
def try_port(host, started, plugin):
    """try_port(devargs): a testpmd that was given such a device, at its prompt."""
    from testpmd import Testpmd

    def start(devargs, name="net_virtio_user0", queues=0):
        vdev = name + ("," + devargs if devargs else "")
        port = Testpmd("port", host, host.cores[1], vdev, queues, plugin=plugin)
        started.append(port)
        return port
    return start


@pytest.mark.parametrize("case", REFUSED)
def test_refused(host, try_port, case):
    devargs, message = REFUSED[case]
    port = try_port(f"path={host.socket()},{devargs}")
    assert port.said(message), port.text
    assert port.ports() == 0
    port.quit()


def test_path_is_missing(try_port):
    port = try_port("queues=1")
    assert port.said("the argument path= is missing. Give path=<socket of the back-end>")
    assert port.ports() == 0


def test_path_where_nobody_listens(host, try_port):
    port = try_port(f"path={host.socket()}")
    assert port.said(f"cannot connect to the back-end on {host.socket()}: No such file")
    assert port.ports() == 0


@pytest.mark.parametrize("path, message", [("/dev/null", "It is not a vhost-vDPA device"),
                                           ("/etc/passwd", "is not a socket")])
def test_path_is_no_socket(try_port, path, message):
    port = try_port(f"path={path}")
    assert port.said(message)
    assert port.ports() == 0


@pytest.mark.parametrize("devargs, message", [
    ("server=1", "server=1: a back-end in the kernel does not connect"),
    ("packed_vq=1", "packed_vq=1: the kernel's vhost-net has split rings only"),
    ("queue_reset=disable", "queue_reset=: want auto or off with a back-end in the kernel"),
])
def test_back_end_in_the_kernel_lacks(try_port, devargs, message):
    port = try_port(f"path=/dev/vhost-net,{devargs}")
    assert port.said(message), port.text
    assert port.ports() == 0


def test_vdpa_device_is_missing(try_port):
    port = try_port("path=/dev/vhost-vdpa-99")
    assert port.said("Load the module vhost_vdpa, and add the device"), port.text
    assert port.ports() == 0


@pytest.mark.parametrize("case", TAKEN)
def test_taken(host, start_backend, try_port, case):
    from connection import Connection
    backend = start_backend(TestpmdBackend, queues=2)
    port = try_port(f"path={host.socket()},queues=2,{TAKEN[case]}".rstrip(","), queues=2)
    Connection(backend, port).carries_all()


def test_mac_is_the_ports(host, start_backend, try_port):
    start_backend(TestpmdBackend)
    port = try_port(f"path={host.socket()},mac=02:11:22:33:44:55", queues=1)
    assert "02:11:22:33:44:55" in port.command("show port info 0").lower()


def test_speed_is_the_links(host, start_backend, try_port):
    start_backend(TestpmdBackend)
    port = try_port(f"path={host.socket()},speed=25000", queues=1)
    assert "25 Gbps" in port.command("show port info 0")


def test_alias(host, start_backend, try_port):
    start_backend(TestpmdBackend)
    port = try_port(f"path={host.socket()}", name="virtio_user7", queues=1)
    assert "net_virtio_user" in port.command("show port info 0")
