# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What the stock dpdk-telemetry.py shows of a port's queues and their resets, and what is shown
without being asked."""

import json
import shutil
import subprocess
import time

import pytest

from backends import TestpmdBackend
from conftest import ROOT
from connection import Connection
from program import PATIENCE

TELEMETRY = shutil.which("dpdk-telemetry.py")


@pytest.fixture
def ask(host):
    """ask(command): what the port's program answers to it"""
    if TELEMETRY is None:
        pytest.skip("there is no dpdk-telemetry.py")

    def send(command):
        # Debian's Python, whose script it is.
        done = subprocess.run(["/usr/bin/python3", TELEMETRY, "-f", f"{host.prefix}port"],
                              input=command + "\n", text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, env=host.env)
        return json.loads(done.stdout)[command.partition(",")[0]]
    return send


def test_ports_and_queues(connect, ask):
    connection = connect(telemetry=True)
    port = connection.port
    assert ask("/virtio/list") == [0]
    connection.carries_all()
    for direction in ("rx", "tx"):
        queue = ask("/virtio/queue,0,1")[direction]
        assert (queue["state"], queue["layout"], queue["ring_size"]) == ("live", "split", 256)
        assert queue["method"] == connection.backend.method
        assert queue["path"] == port.info(f"{direction}q", 1)["burst mode"]
        assert queue["resets"] == queue["broken"] == queue["errors"] == 0
    port.set_ring_size("rxq", 1, 512)
    connection.stop("rxq", 1)
    assert port.queue("rxq", 1, "setup") == ""
    queue = ask("/virtio/queue,0,1")
    assert (queue["rx"]["state"], queue["rx"]["ring_size"]) == ("ready", 512)
    # Its buffers are back: every descriptor is free.
    assert (queue["rx"]["free"], queue["rx"]["used"], queue["rx"]["resets"]) == (512, 0, 1)
    assert queue["rx"]["pool"] == "mb_pool_0"
    assert (queue["tx"]["state"], queue["tx"]["resets"]) == ("live", 0)
    connection.start("rxq", 1)
    assert ask("/virtio/queue,0,1")["rx"]["state"] == "live"
    connection.carries_all()


def test_port(connect, ask, host):
    began = int(time.time())
    connection = connect(telemetry=True, devargs="recovery=auto")
    info = ask("/virtio/info,0")
    assert info["version"] == (ROOT / "VERSION").read_text().strip()
    assert (info["device"], info["role"]) == ("net_virtio_user0", "client")
    assert info["path"] == str(host.socket())
    assert (info["connected"], info["reconnects"], info["pairs"]) == ("yes", 0, 2)
    assert began - 1 <= info["connected_since"] <= time.time() + 1
    assert info["stop_method"] == connection.backend.method
    assert info["stop_reason"].startswith("the back-end offers ")
    assert info["recovery"] == "auto"
    assert {"VERSION_1", "MRG_RXBUF"} <= set(info["features"]) <= set(info["offered"])


def test_a_back_end_that_goes_and_comes(backend_kind, start_backend, start_port, ask, host):
    port = start_port(devargs="server=1", wait=False, telemetry=True)
    host.wait_socket()
    backend = start_backend(backend_kind, client=True)
    port.wait_prompt()
    port.wait_link("up")
    assert ask("/virtio/info,0")["role"] == "server"
    assert ask("/virtio/queue,0,1")["rx"]["state"] == "live"
    backend.kill()
    port.wait_link("down")
    info = ask("/virtio/info,0")
    assert (info["connected"], info["reconnects"]) == ("no", 0)
    assert "connected_since" not in info
    for direction in ("rx", "tx"):
        assert ask("/virtio/queue,0,1")[direction]["state"] == "disconnected"
    start_backend(backend_kind, client=True)
    port.wait_link("up")
    info = ask("/virtio/info,0")
    assert (info["connected"], info["reconnects"]) == ("yes", 1)
    assert ask("/virtio/queue,0,1")["rx"]["state"] == "live"


def test_packets_of_all_queues_are_among_ethdev_s(connect, ask):
    connection = connect(queues=8, telemetry=True)
    connection.carries_all()
    shown = ask("/ethdev/xstats,0")
    stats = connection.port.xstats()
    for direction in ("rx", "tx"):
        for queue in range(8):
            for what in ("good_packets", "good_bytes", "errors"):
                name = f"{direction}_q{queue}_{what}"
                assert shown[name] == stats[name]
            assert shown[f"{direction}_q{queue}_good_packets"] > 0
            entry = ask(f"/virtio/queue,0,{queue}")[direction]
            assert entry["packets"] == stats[f"{direction}_q{queue}_good_packets"]
            assert entry["bytes"] == stats[f"{direction}_q{queue}_good_bytes"]


def test_resets(connect, ask):
    connection = connect(telemetry=True)
    connection.carries_all()
    for _ in range(3):
        connection.stop("txq", 1)
        connection.start("txq", 1)
    resets = ask("/virtio/resets,0,1")
    xstats = connection.port.xstats()
    assert sorted(resets) == ["rx1", "tx1"]
    assert sorted(ask("/virtio/resets,0")) == ["rx0", "rx1", "tx0", "tx1"]
    shown = resets["tx1"]
    assert shown["resets"] == xstats["tx_q1_resets"] == 3
    assert shown["dropped"] == xstats["tx_q1_reset_dropped"]
    assert shown["last_ns"] == xstats["tx_q1_reset_ns"] > 0
    for phase in ("gate", "drain", "device", "reclaim", "fill", "start"):
        assert shown[f"{phase}_ns"] == xstats[f"tx_q1_reset_{phase}_ns"]
        assert shown[f"{phase}_p99_ns"] == xstats[f"tx_q1_reset_{phase}_p99_ns"]
    assert shown["device_ns"] > 0 and shown["start_ns"] > 0


@pytest.mark.parametrize("command", [
    "/virtio/info", "/virtio/info,7", "/virtio/info,0,1",
    "/virtio/queue", "/virtio/queue,0", "/virtio/queue,0,2", "/virtio/queue,1,0",
    "/virtio/queue,x,0", "/virtio/resets", "/virtio/resets,7", "/virtio/resets,0,9",
])
def test_what_is_not_there_is_not_shown(connect_one, ask, command):
    assert ask(command) is None
    # And the program lives on.
    assert ask("/virtio/list") == [0]


@pytest.fixture
def connect_one(start_backend, start_port):
    return Connection(start_backend(TestpmdBackend), start_port(telemetry=True))


def test_a_queue_that_is_not_served_is_reported(start_backend, start_port):
    # It acknowledges all rings, and does not poll them.
    start_backend(TestpmdBackend)
    port = start_port(args=["--print-event=queue_state"])
    port.forward("txonly")
    port.expect(r"Port 0: queue state event")
    port.halt()
    assert port.xstats()["tx_q0_unserved"] == 1


@pytest.mark.parametrize("wanted", [0, 1])
def test_resets_are_logged_when_asked_for(start_backend, start_port, wanted):
    start_backend(TestpmdBackend)
    port = start_port(devargs=f"log_resets={wanted}")
    said = port.queue("rxq", 1, "stop") + port.queue("rxq", 1, "start")
    assert ("rx queue 1 stopped in" in said) == bool(wanted)
    assert ("rx queue 1 started in" in said) == bool(wanted)
