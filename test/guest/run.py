#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Runs the guest tests: makes the guest's root, boots a guest for each test, counts.

For devtools/run-guest-tests.sh, which has the kernel and the build ready. A test is a script of
test/guest/tests, run in the guest; it prints "ok NAME" or "FAILED NAME" for each thing that it has
tried, and ends with status 0.
"""

import argparse
import glob
import lzma
import os
import re
import signal
import subprocess
import sys
import time

from image import Image, links_of_root
from machine import Hang, Machine

HERE = os.path.dirname(os.path.abspath(__file__))

# In the order of loading.
MODULES = ["irqbypass", "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci",
           "uio", "uio_pci_generic", "tun", "vhost_iotlb", "vhost", "tap", "vhost_net",
           "sch_ingress", "cls_matchall", "act_mirred"]

# With --vdpa. The last three are in no package.
VDPA_MODULES = ["vhost_iotlb", "vdpa", "vhost", "irqbypass", "vhost_vdpa",
                "vringh", "vdpa_sim", "vdpa_sim_net"]

# Of the packaged plug-ins, those without which there is no port.
PLUGINS = ["mempool_ring", "bus_pci", "bus_vdev", "net_virtio"]

# name: (how the devices are bound, script and its arguments, queue pairs, options of the device, in
# which {0} is its number)
TESTS = {
    "packaged": ("iommu", "packaged", 1, "disable-legacy=on"),
    "forward": ("iommu", "forward", 1, "disable-legacy=on"),
    # Without an IOMMU by uio: Debian's kernel has no VFIO for that. Transitional, as QEMU's is
    # where nothing is said.
    "uio": ("uio", "forward", 1, ""),
    "legacy": ("uio", "program off", 1, "disable-modern=on"),
    "control": ("iommu", "program control", 1, "disable-legacy=on"),
    "interrupt": ("iommu", "program interrupt 256 64 128 20", 1, "disable-legacy=on"),
    "link": ("iommu", "program link", 1, "disable-legacy=on,speed=25000,duplex=full"),
    "unplug": ("iommu", "program unplug", 1, "disable-legacy=on,bus=p{0}"),
    "memory": ("iommu", "program memory", 1, "disable-legacy=on"),
    "off": ("iommu", "program off", 1, "disable-legacy=on,queue_reset=off"),
    "split": ("iommu", "program reset 256 64 128", 4, "disable-legacy=on"),
    "packed": ("iommu", "program reset 256 100 77", 4, "disable-legacy=on,packed=on"),
    "kernel": ("none", "kernel", 1, "disable-legacy=on"),
    "taps": ("none", "taps", 1, "disable-legacy=on"),
    "rss": ("iommu", "program rss", 4, "disable-legacy=on,rss=on"),
    "rates": ("none", "rates", 1, "disable-legacy=on"),
}
VDPA_TESTS = {
    "vdpa": ("none", "vdpa", 1, "disable-legacy=on"),
}

# Run where they are named only: what they print is to be read.
BY_HAND = ["rates"]


def note(text):
    print(f"run-guest-tests: {text}", file=sys.stderr, flush=True)


def find_one(pattern):
    found = glob.glob(pattern, recursive=True)
    if not found:
        raise FileNotFoundError(f"there is no {pattern}")
    return found[0]


def library_folder():
    return subprocess.run(["pkg-config", "--variable=libdir", "libdpdk"], capture_output=True,
                          text=True, check=True).stdout.strip()


def plugin_folder():
    return find_one(f"{library_folder()}/dpdk/pmds-*")


def add_plugins(image):
    for plugin in PLUGINS:
        image.program(find_one(f"{plugin_folder()}/librte_{plugin}.so.*.*"))
    # testpmd brings some more, which ask for each other by the names of the libraries' folder.
    for link in glob.glob(f"{library_folder()}/librte_*.so.*"):
        if os.path.realpath(link).strip("/") in image.entries:
            image.file(link)


def add_modules(image, kernel, modules, more):
    """Also compressed ones, which the guest's insmod cannot read; `more` folder goes first."""
    with open(find_one(f"{kernel}/lib/modules/*/modules.builtin"), encoding="utf-8") as built_in:
        there = {os.path.basename(line.strip()) for line in built_in}
    if not glob.glob(f"{kernel}/lib/modules/**/vfio_virqfd.ko*", recursive=True):
        there.add("vfio_virqfd.ko")  # a part of vfio from 6.2 on
    modules = [name for name in modules if f"{name}.ko" not in there]
    for name in modules:
        found = glob.glob(f"{more}/{name}.ko") if more else []
        path = found[0] if found else find_one(f"{kernel}/lib/modules/**/{name}.ko*")
        with open(path, "rb") as module:
            data = module.read()
        image.data(f"/modules/{name}.ko", lzma.decompress(data) if path.endswith(".xz") else data)
    image.data("/modules/order", "".join(f"{name}.ko\n" for name in modules).encode())


def make_image(kernel, build, path, vdpa):
    image = Image()
    links_of_root(image)
    image.program("/usr/bin/busybox")
    for program in ("ip", "tc"):
        image.program(f"/usr/sbin/{program}")
    image.file(os.path.join(HERE, "init"), "/init")
    for test in os.listdir(os.path.join(HERE, "tests")):
        image.file(os.path.join(HERE, "tests", test), "/tests/" + test)
    add_modules(image, kernel, VDPA_MODULES if vdpa else MODULES, vdpa)
    image.program("/usr/bin/dpdk-testpmd")
    add_plugins(image)
    # DPDK ends a thread by pthread_cancel(), which loads it.
    image.file("/lib/x86_64-linux-gnu/libgcc_s.so.1")
    image.program(f"{build}/drivers/net/virtio/librte_net_virtio.so",
                  "/virtio/librte_net_virtio.so")
    image.program(f"{build}/app/virtio-guest/virtio-guest", "/virtio/virtio-guest")
    if vdpa:
        image.program("/usr/sbin/vdpa")
        image.program(f"{build}/app/virtio-guest/virtio-guest-loop", "/virtio/virtio-guest-loop")
    image.write(path)


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def line(self, test, line):
        if re.match(r"(ok|FAILED|skipped) ", line):
            word, name = line.split(" ", 1)
            self.result(word, f"{test}: {name}")

    def result(self, word, name):
        print(f"{word} {name}", flush=True)
        self.passed += word == "ok"
        self.failed += word == "FAILED"
        self.skipped += word == "skipped"


def coverage_of(args, test):
    if not args.coverage:
        return None
    os.makedirs(f"{args.build}/guest-coverage", exist_ok=True)
    return args.build, f"{args.build}/guest-coverage/{test}.tar.gz"


def run(test, args, initrd, count):
    binding, script, pairs, options = {**TESTS, **VDPA_TESTS}[test]
    log = f"{args.build}/guest-logs/{test}.log"
    start = time.monotonic()
    before = count.passed + count.failed + count.skipped
    note(f"{test}: booting a guest (its output: {log})")
    machine = Machine(find_one(f"{args.kernel}/boot/vmlinuz-*"), initrd, f"{binding} {script}",
                      binding == "iommu", pairs, options, log, coverage_of(args, test))
    end = None
    try:
        for line in machine.run():
            count.line(test, line)
            if line.startswith("monitor: "):
                machine.ask(line.split(" ", 1)[1])
            if line.startswith("guest: finished "):
                end = line.split(" ", 2)[2]
    except Hang as hang:
        end = str(hang)
    if end is None:
        with open(log, encoding="utf-8", errors="replace") as words:
            end = "the guest ended without a result; its last lines:\n  " + \
                "  ".join(words.readlines()[-15:])
    if end != "0":
        count.result("FAILED", f"{test}: {end}")
    elif before == count.passed + count.failed + count.skipped:
        count.result("FAILED", f"{test}: it has tried nothing")
    note(f"{test}: {time.monotonic() - start:.1f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel")
    parser.add_argument("--build")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--vdpa", metavar="DIR", help="the tests of vhost-vDPA, with the modules "
                        "of DIR beside the kernel's")
    parser.add_argument("tests", nargs="*")
    args = parser.parse_args()
    if args.list:
        print("\n".join(TESTS))
        return 0
    known = VDPA_TESTS if args.vdpa else TESTS
    for test in args.tests:
        if test not in known:
            note(f"error: no test {test}; there are: {', '.join(known)}")
            return 2
    # run-tests.sh has these in the background, where a terminal's signal does not reach.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    initrd = f"{args.build}/guest.cpio.gz"
    make_image(args.kernel, args.build, initrd, args.vdpa)
    count = Count()
    tests = args.tests or [test for test in known if test not in BY_HAND]
    for number, test in enumerate(tests):
        try:
            run(test, args, initrd, count)
        except KeyboardInterrupt:
            print(f"ended by a signal after {number} of {len(tests)} guests: {count.passed} "
                  f"passed, {count.failed} failed")
            return 3
    line = f"{count.passed} passed, {count.failed} failed"
    print(line + (f", {count.skipped} skipped" if count.skipped else ""))
    return 0 if count.failed == 0 and count.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
