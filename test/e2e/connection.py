# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The two ends together: what moves on which queue, by the counters of both."""

from program import poll
from testpmd import xstat

# More than any ring here holds: packets that lie in a ring already prove nothing.
MANY = 5000

# What a thread has moved already and counts a moment after the stop.
BURST = 32


class Connection:
    """A back-end and a port of ours, and the queues between them."""

    def __init__(self, backend, port):
        self.backend = backend
        self.port = port
        self.queues = port.queues
        self._at_stop = {}

    def moved(self):
        """{("rx" or "tx", queue): (what the port has counted, what the back-end has)}"""
        stats = self.port.xstats()
        # A dead back-end counts no more; what follows it begins at 0.
        none = [0] * self.queues
        written, taken = self.backend.counters() if self.backend.running() else (none, none)
        moved = {}
        for q in range(self.queues):
            moved["rx", q] = (stats[xstat("rx", q)], written[q])
            moved["tx", q] = (stats[xstat("tx", q)], taken[q])
        return moved

    def carries(self, rx=(), tx=()):
        """Both ends say that many packets move on these queues, and on no other any.

        The port's testpmd forwards what the lists ask for; its forwarding is stopped afterwards.
        """
        wanted = [("rx", q) for q in rx] + [("tx", q) for q in tx]
        mode = "flowgen" if rx and tx else "rxonly" if rx else "txonly"
        self.backend.run()
        self.port.forward(mode)
        # A look that begins once the traffic does: until then the back-end may still fill the rings
        # of queues that nobody polls.
        self._wait_moved(wanted, self.moved())
        before = self.moved()
        after = self._wait_moved(wanted, before)
        self.port.halt()
        silent = [queue for queue in before if queue not in wanted
                  # A receive ring that is not polled while only the other direction is asked for
                  and not (mode == "txonly" and queue[0] == "rx")]
        for queue in silent:
            assert after[queue] == before[queue], f"{queue} is not silent: {before} {after}"
        # A ring that nobody polls is silent too, once it is full: a stopped one was never filled.
        for queue, counts in self._at_stop.items():
            assert all(now - then <= BURST for then, now in zip(counts, after[queue])), \
                f"{queue} is not stopped: {counts} {after[queue]}"

    def _wait_moved(self, wanted, before):
        def all_moved():
            now = self.moved()
            if all(end - start >= MANY
                   for queue in wanted for start, end in zip(before[queue], now[queue])):
                return now
            return None
        return poll(f"{MANY} packets on each of {wanted} at both ends", all_moved)

    def carries_all(self):
        self.carries(range(self.queues), range(self.queues))

    def stop(self, kind, *numbers):
        """The back-end goes on sending meanwhile."""
        self.port.halt()
        for number in numbers:
            self.port.switch(kind, number, "stop")
        self.note_stopped(kind, *numbers)

    def note_stopped(self, kind, *numbers):
        """These queues carry nothing from now on, until start()."""
        counts = self.moved()
        for number in numbers:
            self._at_stop[kind[:2], number] = counts[kind[:2], number]

    def start(self, kind, *numbers):
        self.port.halt()
        for number in numbers:
            self.port.switch(kind, number, "start")
            self._at_stop.pop((kind[:2], number), None)

    def all_started(self):
        """By a start of the port."""
        self._at_stop.clear()

    def change_backend(self, backend):
        """To one that counts from 0."""
        self.backend = backend
        for queue, (port_count, _) in self._at_stop.items():
            self._at_stop[queue] = (port_count, 0)

    def loses_nothing(self):
        """What one end gave, the other has or counts as dropped by a reset; queue by queue."""
        self.port.halt()
        # With every queue stopped no packet is on its way: the books can be closed.
        self.stop("rxq", *range(self.queues))
        self.stop("txq", *range(self.queues))

        def wrong():
            stats = self.port.xstats()
            written, taken = self.backend.counters()
            for q in range(self.queues):
                had = sum(stats[xstat("rx", q, what)]
                          for what in ("good_packets", "errors", "reset_dropped"))
                if had != written[q]:
                    yield f"rx {q}: {had} at the port, {written[q]} at the back-end"
                gave = stats[xstat("tx", q)] - stats[xstat("tx", q, "reset_dropped")]
                if gave != taken[q]:
                    yield f"tx {q}: {gave} at the port, {taken[q]} at the back-end"

        # The back-end may count a burst a moment after it.
        poll("both ends agree on every packet", lambda: not list(wrong()), say=wrong)
        self.start("rxq", *range(self.queues))
        self.start("txq", *range(self.queues))
