# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The stock dpdk-testpmd, driven by its commands."""

import re

from program import PATIENCE, Program, poll

PROMPT = "testpmd> "
# testpmd writes it a character at a time, and a log line of a worker may come between any two.
TORN_PROMPT = r"(?:\w+: .*\n)?".join(map(re.escape, PROMPT))


def xstat(name, queue, what="good_packets"):
    """xstat("rx", 1) is the name of what queue 1 has received."""
    return f"{name}_q{queue}_{what}"


class Testpmd(Program):
    """Up to its prompt, unless the caller does not wait for it; its port is port 0.

    queues=0 is for one that is to have no port; memory is EAL's arguments, if not the usual ones.
    secondary_of is the name of its primary, whose port and memory it then has.
    """

    __test__ = False  # the name makes pytest think that this holds tests

    def __init__(self, name, host, core, vdev, queues=1, plugin=None, descriptors=256, args=(),
                 megabytes=256, wait=True, errors_apart=False, memory=None,
                 more_vdevs=(), secondary_of=None, telemetry=False):
        # Each lcore number of processes that share a mempool has a cache of its own in it.
        first = 2 if secondary_of else 0
        argv = ["dpdk-testpmd", "--lcores", f"{first}@{core},{first + 1}@{core}", "--no-pci",
                "--file-prefix", f"{host.prefix}{secondary_of or name}"]
        if not telemetry:
            argv += ["--no-telemetry"]
        if secondary_of:
            argv += ["--proc-type=secondary"]
        else:
            argv += memory or host.memory(megabytes)
            for device in (vdev, *more_vdevs):
                argv += ["--vdev", device]
        if plugin:
            argv += ["-d", plugin]
        # Its word on events may come in the middle of a prompt.
        argv += ["--", "-i", "--nb-cores=1", "--total-num-mbufs=32768",
                 "--mask-event=queue_state", "--mask-event=intr_lsc", *args]
        if queues:
            argv += [f"--rxq={queues}", f"--txq={queues}", f"--rxd={descriptors}",
                     f"--txd={descriptors}"]
        super().__init__(name, argv, host.log(name), host.env, errors_apart)
        self.queues = queues
        self.forwards = None
        if wait:
            self.wait_prompt()

    def wait_prompt(self):
        self.expect(TORN_PROMPT)

    def command(self, text, patience=PATIENCE):
        """What it says to a command."""
        since = self.mark()
        self.send(text + "\n")
        end = self.expect(TORN_PROMPT, since, patience)
        return self.text[since:end.start()].partition("\n")[2]

    def forward(self, mode):
        """"flowgen" sends and receives, "txonly" and "rxonly" do one of them."""
        self.halt()
        self.command(f"set fwd {mode}")
        said = self.command("start")
        assert "forwards packets on" in said, said
        self.forwards = mode

    def halt(self):
        """Stops its forwarding, which testpmd wants before it stops a queue."""
        if self.forwards:
            said = self.command("stop")
            assert "Done." in said, said
            self.forwards = None

    def queue(self, kind, number, verb):
        """kind: rxq or txq; verb: stop, start or setup."""
        return self.command(f"port 0 {kind} {number} {verb}")

    def switch(self, kind, number, verb):
        """Stops or starts a queue; what testpmd says is not believed, the port's word is."""
        said = self.queue(kind, number, verb)
        wanted = {"stop": "stopped", "start": "started"}[verb]
        state = self.state(kind, number)
        assert state == wanted, f"{kind} {number} is {state} after {verb}: {said}"

    def set_ring_size(self, kind, number, size):
        """For the next setup."""
        self.command(f"port config 0 {kind} {number} ring_size {size}")

    def info(self, kind, number):
        """What "show rxq|txq info" says, with names in small letters."""
        said = self.command(f"show {kind} info 0 {number}")
        lines = re.findall(r"^([^:\n*]+): (.*)$", said, re.MULTILINE)
        assert lines, said
        return {name.lower(): value.strip() for name, value in lines}

    def state(self, kind, number):
        return self.info(kind, number)[f"{kind[:2]} queue state"]

    def states(self, kind):
        return [self.state(kind, number) for number in range(self.queues)]

    def ring_size(self, kind, number):
        return int(self.info(kind, number)[f"number of {kind[:2]}ds"])

    def xstats(self):
        said = self.command("show port xstats 0")
        return {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)$", said, re.M)}

    def link(self):
        return re.search(r"Link status: (\w+)", self.command("show port info 0"))[1]

    def ports(self):
        """How many ports it has."""
        return int(re.search(r"Number of available ports: (\d+)",
                             self.command("show port summary all"))[1])

    def wait_link(self, wanted):
        poll(f"the link of {self.name} is {wanted}", lambda: self.link() == wanted)

    def quit(self):
        """In order: its port is stopped and closed."""
        self.forwards = None
        self.send("quit\n")
        status = self.wait()
        assert status == 0, f"{self.name} has ended with {status}:\n" + self.text[-2000:]
