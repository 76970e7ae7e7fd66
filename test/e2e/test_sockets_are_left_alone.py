# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What a program of ours finds at its socket's path: only a socket that nobody uses is removed."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from program import PATIENCE, Program, poll

TEXT = "a file of the user's\n"


@pytest.fixture
def serve(host, started):
    """serve(): a running virtio-loopback --serve on host.socket()"""
    def start():
        program = Program("serve", [host.loopback, "--serve", host.socket(), "--queues", "1"],
                          host.log("serve"), host.env)
        started.append(program)
        return program
    return start


@pytest.fixture
def null_device(host, build, plugin):
    """A virtio-bench whose null device listens on host.socket()."""
    return [str(build / "app/virtio-bench/virtio-bench"), "--no-pci", "--no-telemetry",
            "--lcores", f"0@{host.cores[0]}", *host.memory(128), "-d", plugin,
            "--file-prefix", f"{host.prefix}bench",
            "--vdev", f"net_virtio_user0,path={host.socket()}",
            "--", "cycles", "--bursts", "64", "--null", host.socket()]


@pytest.fixture
def bench_server(host, build):
    """A virtio-bench whose net_vhost port listens on host.socket()."""
    return [str(build / "app/virtio-bench/virtio-bench"), "--no-pci", "--no-telemetry",
            "--lcores", f"0@{host.cores[0]}", *host.memory(128),
            "--file-prefix", f"{host.prefix}bench",
            "--vdev", f"net_vhost0,iface={host.socket()},queues=1", "--", "serve"]


@pytest.fixture(params=["virtio-loopback --serve", "virtio-bench --null", "virtio-bench serve"])
def listener(request, host, null_device, bench_server):
    """(command that wants to listen on host.socket(), its exit status if it may not)"""
    if "--serve" in request.param:
        return [host.loopback, "--serve", host.socket(), "--queues", "1"], 2
    return (null_device if "--null" in request.param else bench_server), 1


def run(argv, host):
    """(exit status, all that it said)"""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, env=host.env)
    return done.returncode, done.stdout


def leave_stale_socket(path):
    """As a server that was killed does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


def is_served(host):
    status, said = run([host.loopback, "--backend", host.socket(), "--queues", "1",
                        "--rounds", "1"], host)
    assert status == 0, said


def test_a_file_of_another_kind_is_refused(listener, host):
    argv, refused = listener
    Path(host.socket()).write_text(TEXT)
    status, said = run(argv, host)
    assert status == refused
    assert "the file there is not a socket" in said
    assert Path(host.socket()).read_text() == TEXT


def test_a_socket_in_use_is_refused(listener, serve, host):
    argv, refused = listener
    first = serve()
    host.wait_socket()
    status, said = run(argv, host)
    assert status == refused
    assert "another process has bound this socket" in said
    assert first.running()
    is_served(host)


def test_the_socket_of_a_dead_server_is_replaced(serve, host):
    first = serve()
    host.wait_socket()
    first.kill()
    assert Path(host.socket()).is_socket()
    serve().expect("serving 1 queue pairs")
    is_served(host)


def test_the_null_device_replaces_a_stale_socket_and_leaves_none(null_device, host):
    leave_stale_socket(host.socket())
    status, said = run(null_device, host)
    assert status == 0, said
    assert not os.path.lexists(host.socket())


def test_a_server_leaves_the_socket_that_has_taken_its_place(serve, host):
    first = serve()
    host.wait_socket()
    os.unlink(host.socket())
    second = serve()
    second.expect("serving 1 queue pairs")
    first.process.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    is_served(host)
    second.process.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
    poll("the socket is gone", lambda: not os.path.lexists(host.socket()))
