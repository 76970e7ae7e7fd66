# SPDX-License-Identifier: BSD-3-Clause
"""The two back-ends that single queues are stopped at, in the two ways that there are.

Both send to every receive ring of the port that is enabled, take what comes on its transmit rings,
and count each by queue, so that what the port says of itself is never the only witness.
"""

import json
import signal

from program import PATIENCE, Program
from testpmd import Testpmd, xstat


class TestpmdBackend(Testpmd):
    """Stock dpdk-testpmd with net_vhost: a ring is stopped by ENABLE 0."""

    method = "disable"

    def __init__(self, host, path, queues, client=False, wait=True):
        vdev = f"net_vhost0,iface={path},queues={queues}" + (",client=1" if client else "")
        super().__init__("backend", host, host.cores[0], vdev, queues, wait=wait,
                         errors_apart=True)

    def run(self):
        self.forward("flowgen")

    def counters(self):
        """(packets written to each rx ring of the port, packets taken from each of its tx rings)"""
        stats = self.xstats()
        return ([stats[xstat("tx", q)] for q in range(self.queues)],
                [stats[xstat("rx", q)] for q in range(self.queues)])


class LoopbackBackend(Program):
    """This tree's own, with lib/vhost_ring_reset: a ring is stopped by GET_VRING_BASE."""

    method = "get_base"

    def __init__(self, host, path, queues, client=False, wait=True):
        argv = ["taskset", "-c", str(host.cores[0]), host.loopback, "--serve", path,
                "--serve-source", "--queues", str(queues)]
        if client:
            argv.append("--serve-client")
        super().__init__("backend", argv, host.log("backend"), host.env, errors_apart=True)
        self.queues = queues
        if wait and not client:
            host.wait_socket()

    def run(self):
        """It always does."""

    def counters(self):
        since = self.mark()
        self.process.send_signal(signal.SIGUSR1)
        rings = json.loads(self.expect(r"^\{.*\}$", since)[0])["rings"]
        return ([ring["packets"] for ring in rings[0::2]],
                [ring["packets"] for ring in rings[1::2]])

    def quit(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(PATIENCE)
        assert status == 0, f"{self.name} has ended with {status}:\n" + self.text[-2000:]
