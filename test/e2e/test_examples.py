# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The examples of app/examples, as a reader of the guide runs them."""

import json
import re
import signal

import pytest

from backends import TestpmdBackend
from program import Program


@pytest.fixture
def example(host, started, plugin, build):
    """example(name, queues, ...): the program, started, with a port on host.socket()."""
    def start(name, queues, plugin=plugin, devargs=""):
        core = host.cores[1]
        argv = [str(build / "app/examples" / name), "--lcores", f"0@{core},1@{core}", "--no-pci",
                "--no-telemetry", "--file-prefix", f"{host.prefix}example", *host.memory(256),
                *(["-d", plugin] if plugin else []),
                "--vdev", f"net_virtio_user0,path={host.socket()},queues={queues}{devargs}"]
        program = Program(name, argv, host.log(name), host.env)
        started.append(program)
        return program
    return start


def test_pool_and_ring_size_are_swapped(example, backend_kind, start_backend):
    backend = start_backend(backend_kind, 2)
    backend.run()
    program = example("queue_swap", 2, devargs=",rx_drain_us=100000")
    assert program.wait() == 0, program.text
    swaps = re.findall(r"^queue (\d): ring (\d+) -> (\d+), pool (\w+) -> (\w+), which has all its "
                       r"(\d+) buffers back$", program.text.replace("\r", ""), re.MULTILINE)
    assert [swap[0] for swap in swaps] == ["0", "1"] * 4
    for queue in "01":
        own = [swap for swap in swaps if swap[0] == queue]
        assert [swap[1:3] for swap in own] == [("256", "512"), ("512", "256")] * 2
        # What is said to be the old one is what the swap before has put in.
        assert [swap[3] for swap in own[1:]] == [swap[4] for swap in own[:-1]]
    assert program.said(r"^done, every queue receives$")


# With time for what is under way the stops drop nothing.
@pytest.mark.parametrize("devargs", ["", ",tx_drain_us=1000000,rx_drain_us=1000000"],
                         ids=["dropped", "drained"])
def test_pairs_in_use_follow_the_load(example, host, started, devargs):
    serve = Program("backend", [host.loopback, "--serve", host.socket()], host.log("backend"),
                    host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    program = example("queue_scale", 4, devargs=devargs)
    assert program.wait() == 0, program.text
    text = program.text.replace("\r", "")
    steps = re.findall(r"^ *\d+ packets on (\d) pairs, now (\d)$", text, re.MULTILINE)
    assert [int(now) for _, now in steps] == [2, 3, 4, 4, 3, 2, 1, 1, 2, 3, 4, 4]
    sent, received, dropped = map(int, re.search(
        r"^done: sent (\d+), received (\d+), dropped by stops (\d+)$", text, re.MULTILINE).groups())
    assert sent == 8 * 8000 + 4 * 200 == received + dropped
    assert dropped == 0 or not devargs
    serve.process.send_signal(signal.SIGTERM)
    rings = json.loads(serve.expect(r"^\{.*\}$")[0])["rings"]
    # The first pair was never stopped; the others once at the port's start, and once by the load.
    assert [ring["restarts"] for ring in rings] == [0, 0] + 6 * [2]


def test_example_says_what_it_lacks(example, start_backend):
    start_backend(TestpmdBackend, 1)
    program = example("queue_swap", 1, plugin=None)
    assert program.wait() == 1
    assert program.said(r"sets up no queue at run time")
