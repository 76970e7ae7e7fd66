# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A virtual machine that is started, listened to and, if it hangs, ended."""

import collections
import os
import selectors
import socket
import subprocess
import time

# Nothing needs a CPU with virtualisation; the IOMMU with its interrupt remapping is QEMU's own.
QEMU = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35,kernel-irqchip=split",
        "-cpu", "max", "-smp", "2", "-m", "1200", "-nodefaults", "-display", "none",
        "-no-reboot", "-serial", "stdio"]
IOMMU = ["-device", "intel-iommu,intremap=on"]
# Not "quiet": where it hangs, its last words are wanted.
COMMAND_LINE = "console=ttyS0 intel_iommu=on iommu=on panic=-1 no_timer_check"

# In a network namespace of its own; what is made in it goes with the last process. Without IPv6:
# the kernel's own neighbour and router solicitations would arrive among the frames that are
# counted. Where that cannot be written the guest's program reports frames that are not its own.
NETWORK = ("(echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6) 2>/dev/null || :; "
           "ip link set lo up; ")
TAP = ("ip tuntap add dev {0} mode tap multi_queue; ip link set {0} up; "
       "ip link set {0} master b0; ")
BRIDGE = "ip link add b0 type bridge forward_delay 0 mcast_snooping 0; ip link set b0 up; "


class Hang(Exception):
    pass


def nic(number, queues, options):
    """A hub between the two devices, or with several queues a bridge between two taps."""
    vectors = 2 * queues + 2
    name = f"n{number}"
    if queues == 1:
        back = f"hubport,id={name},hubid=0"
    else:
        back = (f"tap,id={name},ifname=t{number},script=no,downscript=no,vhost=off,"
                f"queues={queues}")
        options = f"mq=on,vectors={vectors}," + options
    # A port to plug the device into, if the options say so: one on the root bus stays there.
    return ["-device", f"pcie-root-port,id=p{number},chassis={number + 1}",
            "-netdev", back, "-device", f"virtio-net-pci,netdev={name},id=d{number},"
            f"mac=02:00:00:00:00:0{number + 1},{options.format(number)}".rstrip(",")]


class Machine:
    """
    Runs until the guest powers off.

    silence: seconds without output of the guest after which it counts as hung; limit: seconds for
    all of it. Both are generous, for a host that is busy with other work: an idle host needs 35 s
    for the longest test. The guest's own waits end before (PATIENCE in app/virtio-guest).

    coverage: None, or the folder of a build with gcov, and a file for a compressed archive of what
    the guest's programs have counted there.
    """

    def __init__(self, kernel, initrd, arguments, iommu, queues, options, log, coverage=None,
                 silence=300, limit=1800):
        # A device without this property bypasses the IOMMU.
        options += ",iommu_platform=on" if iommu else ""
        command = QEMU + (IOMMU if iommu else [])
        # The kernel passes a word that it does not know, with "=", to init as a variable.
        variables = f" COVERAGE={coverage[0]}" if coverage else ""
        command += ["-kernel", kernel, "-initrd", initrd,
                    "-append", f"{COMMAND_LINE}{variables} -- {arguments}"]
        command += ["-serial", f"file:{coverage[1]}"] if coverage else []
        for number in range(2):
            command += nic(number, queues, options)
        if queues > 1:
            setup = NETWORK + BRIDGE + "".join(TAP.format(f"t{i}") for i in range(2))
            command = ["unshare", "--net", "sh", "-ec", setup + 'exec "$@"', "sh"] + command
        self.monitor, self.monitor_end = socket.socketpair()
        self.monitor.settimeout(silence)
        self.greeted = False
        command += ["-chardev", f"socket,id=m0,fd={self.monitor_end.fileno()}",
                    "-mon", "chardev=m0"]
        self.command = command
        self.log = log
        self.silence = silence
        self.limit = limit

    def run(self):
        """Yields the guest's lines; raises Hang."""
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        with open(self.log, "wb") as log:
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       pass_fds=[self.monitor_end.fileno()])
            self.monitor_end.close()
            try:
                yield from self._lines(process, log)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
                self.monitor.close()

    def ask(self, command):
        """A command for QEMU's monitor, carried out when this returns."""
        if not self.greeted:
            self._read_monitor()
            self.greeted = True
        self.monitor.sendall(command.encode() + b"\n")
        self._read_monitor()

    def _read_monitor(self):
        said = b""
        while not said.endswith(b"(qemu) "):
            data = self.monitor.recv(4096)
            if not data:
                raise Hang("QEMU's monitor has closed the connection")
            said += data

    def _lines(self, process, log):
        last = collections.deque(maxlen=15)
        end = time.monotonic() + self.limit
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                left = end - time.monotonic()
                if left <= 0 or not selector.select(min(self.silence, left)):
                    what = f"silent for {self.silence} s"
                    if end - time.monotonic() <= 0:
                        what = f"not at its end after {self.limit} s"
                    raise Hang(f"{what}; its last lines:\n  " + "\n  ".join(last))
                data = os.read(process.stdout.fileno(), 65536)
                log.write(data)
                log.flush()
                *lines, rest = (rest + data).split(b"\n")
                if not data:
                    lines = [rest] if rest else []
                for line in lines:
                    line = line.decode(errors="replace").strip("\r")
                    last.append(line)
                    yield line
                if not data:
                    return
