# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The two back-ends that single queues are stopped at, in the two ways that there are.

Both send to every receive ring of the port that is enabled, take what comes on its transmit rings,
and count each by queue, so that what the port says of itself is never the only witness.
"""

import json
import re
import signal
from pathlib import Path

from program import PATIENCE, Program, poll
from testpmd import Testpmd


class TestpmdBackend(Testpmd):
    """Stock dpdk-testpmd with net_vhost: a ring is stopped by ENABLE 0."""

    method = "disable"

    def __init__(self, host, path, queues, client=False, **more):
        vdev = f"net_vhost0,iface={path},queues={queues}" + (",client=1" if client else "")
        super().__init__("backend", host, host.cores[0], vdev, queues, errors_apart=True, **more)

    def run(self):
        """Once: testpmd's counts begin anew with each start of its forwarding."""
        if not self.forwards:
            self.forward("flowgen")

    def counters(self):
        """(packets written to each rx ring of the port, packets taken from each of its tx rings)

        By testpmd's count of what net_vhost took and gave. net_vhost's own counters are behind the
        locks of its rings, for which a command has to fight with the thread that forwards, and they
        are not to be had while it has a queue that the port does not use.
        """
        if not self.forwards:
            return [0] * self.queues, [0] * self.queues
        said = self.command("show fwd stats all")
        written, taken = {}, {}
        for queue, rx, tx in re.findall(
                r"Forward Stats for RX Port= 0/Queue=\s*(\d+) .*\n\s*"
                r"RX-packets: (\d+) +TX-packets: (\d+)", said):
            written[int(queue)] = int(tx)
            taken[int(queue)] = int(rx)
        assert len(written) == self.queues, said
        return [written[q] for q in range(self.queues)], [taken[q] for q in range(self.queues)]


class LoopbackBackend(Program):
    """This tree's own, with lib/vhost_ring_reset: a ring is stopped by GET_VRING_BASE."""

    method = "get_base"

    def __init__(self, host, path, queues, client=False):
        argv = ["taskset", "-c", str(host.cores[0]), host.loopback, "--serve", path,
                "--serve-source", "--queues", str(queues)]
        if client:
            argv.append("--serve-client")
        super().__init__("backend", argv, host.log("backend"), host.env, errors_apart=True)
        self.queues = queues
        if not client:
            poll(f"{path} is there", Path(path).exists)

    def run(self):
        """It always does."""

    def rings(self):
        """What it says of each ring."""
        since = self.mark()
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.expect(r"^\{.*\}$", since)[0])["rings"]

    def counters(self):
        rings = self.rings()
        return ([ring["packets"] for ring in rings[0::2]],
                [ring["packets"] for ring in rings[1::2]])

    def quit(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(PATIENCE)
        assert status == 0, f"{self.name} has ended with {status}:\n" + self.text[-2000:]
