# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What the end-to-end tests share: the machine, the plug-in, the two ends of a connection."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backends import LoopbackBackend, TestpmdBackend  # noqa: E402
from connection import Connection  # noqa: E402
from program import poll  # noqa: E402
from testpmd import Testpmd  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VIRTIO_BUILD", ROOT / "build"))
PLUGIN = Path(os.environ.get("VIRTIO_PMD_SO", BUILD / "drivers/net/virtio/librte_net_virtio.so"))
LOGS = BUILD / "e2e-logs"
FREE_HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
# Whether a test has failed.
FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A test that fails shows the last words of its programs."""
    report = (yield).get_result()
    item.stash.setdefault(FAILED, False)
    host = item.funcargs.get("host") if hasattr(item, "funcargs") else None
    if report.failed:
        item.stash[FAILED] = True
        for log in sorted(host.logs.glob("*.log")) if host else ():
            text = log.read_text(errors="replace")
            report.sections.append((f"the end of {log}", text[-3000:]))


@pytest.fixture(scope="session")
def plugin():
    """Our driver, where EAL loads it from: below no folder that others may write to."""
    if not PLUGIN.is_file():
        pytest.exit(f"no plug-in at {PLUGIN}: build it first (ninja -C build)", 1)
    made = subprocess.run(["bash", "-euc", ". devtools/common.sh; make_private_dir"], cwd=ROOT,
                          stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        pytest.exit("no folder for the plug-in", 1)
    folder = made.stdout.strip()
    yield str(shutil.copy(PLUGIN, folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def build():
    return BUILD


class Host:
    """This machine, as a program of one test sees it."""

    def __init__(self, folder, logs):
        self.folder = folder
        self.logs = logs
        self.prefix = folder.name
        cores = sorted(os.sched_getaffinity(0))
        # One for each end, where there are two.
        self.cores = (cores[0], cores[-1])
        # EAL keeps its files there, as any user.
        self.env = {**os.environ, "RUNTIME_DIRECTORY": str(folder),
                    "XDG_RUNTIME_DIR": str(folder)}
        self.loopback = str(BUILD / "app/virtio-loopback/virtio-loopback")
        self._logs_made = 0

        self._huge_pages = None

    def huge_pages(self):
        """Whether there are enough for two programs of 256 MB; one answer for all of a test."""
        if self._huge_pages is None:
            pages = int(FREE_HUGEPAGES.read_text()) if FREE_HUGEPAGES.exists() else 0
            self._huge_pages = pages >= 256
        return self._huge_pages

    def memory(self, megabytes):
        """EAL's arguments."""
        if self.huge_pages():
            return ["--in-memory", "--single-file-segments", "-m", str(megabytes)]
        return ["--no-huge", "-m", "512"]

    def log(self, name):
        self._logs_made += 1
        return self.logs / f"{self._logs_made}-{name}.log"

    def log_text(self, name):
        return "".join(log.read_text(errors="replace") for log in self.logs.glob(f"*-{name}.log"))

    def socket(self):
        return str(self.folder / "socket")

    def wait_socket(self):
        """Until somebody listens: a server makes its socket's file right before."""
        poll(f"{self.socket()} is there", Path(self.socket()).exists)


@pytest.fixture
def host(request):
    """Its logs stay, in the build folder, if the test fails."""
    # Short: the name of a socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="virtio-"))
    logs = LOGS / re.sub(r"[^\w.=-]+", "_", request.node.name).strip("_")
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    yield Host(folder, logs)
    shutil.rmtree(folder)
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(logs)


@pytest.fixture
def started():
    """Programs put here are killed when the test ends, if they run still."""
    programs = []
    yield programs
    for program in reversed(programs):
        program.release()


@pytest.fixture(params=[TestpmdBackend, LoopbackBackend], ids=lambda kind: kind.method)
def backend_kind(request):
    return request.param


@pytest.fixture
def start_backend(host, started):
    """start_backend(kind, queues, ...): a back-end that listens on host.socket()."""
    def start(kind, queues=2, **more):
        backend = kind(host, host.socket(), queues, **more)
        started.append(backend)
        return backend
    return start


@pytest.fixture
def start_port(host, started, plugin):
    """start_port(queues, devargs, ...): a testpmd with our driver's port on host.socket()."""
    def start(queues=2, devargs="", plugin=plugin, path=None, **more):
        vdev = f"net_virtio_user0,path={path or host.socket()},queues={queues}"
        if devargs:
            vdev += "," + devargs
        # What the default is too short for is a machine that has other things to do.
        if plugin is not None and "queue_reset_timeout_ms" not in devargs:
            vdev += ",queue_reset_timeout_ms=20000"
        port = Testpmd("port", host, host.cores[1], vdev, queues, plugin=plugin, **more)
        started.append(port)
        return port
    return start


@pytest.fixture
def connect(backend_kind, start_backend, start_port):
    """connect(queues, devargs, ...): both ends, over either back-end."""
    def both(queues=2, devargs="", **more):
        backend = start_backend(backend_kind, queues)
        return Connection(backend, start_port(queues, devargs, **more))
    return both
