# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""How the scripts and tools of devtools end: help, wrong options, output that fails."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from program import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
SCRIPTS = ["compare-port-restart.sh", "fetch-driver-sdk.sh", "run-bench.sh", "run-guest-tests.sh",
           "run-vdpa-tests.sh", "run-tests.sh", "setup.sh", "check-style.sh", "check-includes.sh",
           "check-conformance.sh", "check-docs.sh", "check-calls.sh", "run-fuzz.sh",
           "soak.sh", "lift-into-dpdk.sh", "make-upstream-series.sh",
           "build-packages.sh", "check-packages.sh", "add-copyright.sh", "check-interop.sh",
           "check-versions.sh", "check-arm64.sh", "check-models.sh", "fetch-ovs.sh"]
# name: arguments without which a tool has nothing to do
WANTED = {"compare-port-restart.py": ["x.json", "port=y"], "make-capture.py": ["x.pcap"],
          "count-tests.py": ["meson", "x", "x.json"],
          "fuzz-corpus.py": ["expand", "x.hex", "x"], "plot-bench.py": ["x.json", "x.png"],
          "plot-timeline.py": ["x.json", "x.png"], "settle-release.py": ["26.11", "x.h"]}
TOOLS = list(WANTED)

everything = pytest.mark.parametrize("name", [*SCRIPTS, "run-loopback.sh", *TOOLS])


def command(name):
    return str(ROOT / "devtools" / name)


@pytest.fixture
def run(host):
    """run(name, ...): the finished script, with its output and errors apart."""
    def start(name, *options, stdout=subprocess.PIPE, **more):
        return subprocess.run([command(name), *options], stdout=stdout, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=PATIENCE,
                              env={**host.env, "MPLCONFIGDIR": str(host.folder)},
                              cwd=host.folder, **more)
    return start


@everything
def test_help_and_version_are_printed(run, name):
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"usage: (devtools/)?{re.escape(name)}", done.stdout, re.IGNORECASE)
    assert run(name, "-h").stdout == done.stdout
    done = run(name, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dpdk-virtio {VERSION}\n", "")


@everything
def test_help_that_cannot_be_written_is_no_success(run, name):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for option in "--help", "--version":
            done = run(name, option, stdout=full)
            assert done.returncode > 0
            assert "No space left on device" in done.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_output_that_is_not_read_is_no_success(run, name):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(name, "--help", stdout=writer)
    os.close(writer)
    assert done.returncode == 1
    assert "Broken pipe" in done.stderr
    done = run(name, "--version", stdout=None, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert "standard output is closed" in done.stderr


@pytest.mark.parametrize("name", [*SCRIPTS, *TOOLS])
def test_wrong_option_has_status_2(run, name):
    done = run(name, *WANTED.get(name, []), "--colour")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--colour" in done.stderr


@pytest.fixture
def run_loopback(host):
    """run_loopback(...): run-loopback.sh, finished, of a tree whose setup.sh notes its call."""
    tree = host.folder / "tree"
    for name in ("VERSION", "devtools/common.sh", "devtools/run-loopback.sh",
                 "app/virtio-loopback/options.c"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    setup = tree / "devtools/setup.sh"
    setup.write_text("#!/bin/sh\necho setup is called\nexit 7\n")
    setup.chmod(0o755)
    # A program of an earlier version, which may not even start any more.
    program = tree / "build/app/virtio-loopback/virtio-loopback"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 127\n")
    program.chmod(0o755)

    def start(*options, built):
        if not built:
            program.unlink(missing_ok=True)
        return subprocess.run([tree / "devtools/run-loopback.sh", *options], env=host.env,
                              capture_output=True, text=True, timeout=PATIENCE)
    return start


@pytest.mark.parametrize("built", [False, True], ids=["not built", "built"])
@pytest.mark.parametrize("option", ["--wrong", "--wrong=1", "-w", "--help", "-h", "--version",
                                    "--serve", "--json=x"])
def test_options_of_a_run_are_checked_before_set_up(run_loopback, option, built):
    done = run_loopback("--queues", "2", option, built=built)
    assert "setup is called" not in done.stdout
    if option in ("--help", "-h", "--version"):
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 2
        assert "run-loopback.sh: error: " in done.stderr


@pytest.mark.parametrize("built", [False, True], ids=["not built", "built"])
def test_options_of_a_run_that_are_right_lead_to_set_up(run_loopback, built):
    done = run_loopback("--queues", "2", "--ring-sizes=64,128", "--pcap-out", "-", "--no-huge",
                        "--round", "1", built=built)
    assert (done.returncode, done.stdout) == (7, "setup is called\n")


@pytest.mark.parametrize("name, options, message", [
    ("soak.sh", ["--minutes", "0"], "--minutes 0: must be a number from 1 to 10080"),
    ("soak.sh", ["--minutes", "10081"], "--minutes 10081: must be a number from 1 to 10080"),
    ("soak.sh", ["--minutes"], "--minutes wants a number (see --help)"),
    ("soak.sh", ["--seed", "-1"], "--seed wants a number (see --help)"),
    ("soak.sh", ["--json"], "--json wants a file (see --help)"),
    ("make-capture.py", ["x.pcap", "0"], "0: must be a number from 1 to"),
    ("count-tests.py", [], "usage: count-tests.py"),
    ("count-tests.py", ["lines", "x", "0"], "required: file"),
    ("count-tests.py", ["lines", "x", "one", "x.txt"], "invalid int value: 'one'"),
    ("count-tests.py", ["words", "x", "x.txt"], "invalid choice: 'words'"),
    ("compare-port-restart.py", ["x.json", "port"], "port: must be NAME=FILE"),
])
def test_work_that_is_none_is_refused(run, host, name, options, message):
    done = run(name, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (host.folder / "x.pcap").exists()


@pytest.fixture
def no_matplotlib(host):
    """The environment of a Python that finds no matplotlib."""
    (host.folder / "matplotlib.py").write_text("raise ImportError('it is not there')\n")
    return {**host.env, "PYTHONPATH": str(host.folder)}


@pytest.mark.parametrize("name", [name for name in TOOLS if name != "make-capture.py"])
def test_help_needs_no_matplotlib(host, no_matplotlib, name):
    for options, status in ("--help", 0), ("--version", 0), ("--colour", 2):
        done = subprocess.run([command(name), *options.split()], capture_output=True, text=True,
                              timeout=PATIENCE, env=no_matplotlib, cwd=host.folder)
        assert done.returncode == status, done.stderr
        assert "matplotlib" not in done.stderr


def test_picture_without_matplotlib_names_what_is_missing(host, no_matplotlib):
    timeline = host.folder / "run.json"
    subprocess.run([host.loopback, "--rounds", "1", "--json", timeline], env=host.env, check=True,
                   stdout=subprocess.DEVNULL, timeout=PATIENCE)
    done = subprocess.run([command("plot-timeline.py"), timeline, "x.png"], capture_output=True,
                          text=True, timeout=PATIENCE, env=no_matplotlib, cwd=host.folder)
    assert done.returncode == 1
    assert "no matplotlib (it is not there); devtools/setup.sh installs it" in done.stderr


def test_picture_that_cannot_be_written_is_no_success(run, host):
    timeline = host.folder / "run.json"
    subprocess.run([host.loopback, "--rounds", "1", "--json", timeline], env=host.env, check=True,
                   stdout=subprocess.DEVNULL, timeout=PATIENCE)
    done = run("plot-timeline.py", str(timeline), "/dev/full")
    assert done.returncode == 1
    assert re.search(r"^plot-timeline.py: error: .*No space left on device", done.stderr, re.M)


def test_interrupted_tool_says_so(host):
    """A pipe as the input that nobody ends: it waits."""
    pipe = host.folder / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, command("plot-timeline.py"), str(pipe), "x.png"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          cwd=host.folder,
                          env={**host.env, "MPLCONFIGDIR": str(host.folder)},
                          # A shell without job control ignores it for what it starts with "&".
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
                          ) as tool:
        # Opening it for writing ends when the tool opens it for reading.
        with open(pipe, "w", encoding="utf-8"):
            tool.send_signal(signal.SIGINT)
            said = tool.communicate(timeout=PATIENCE)[1]
    assert tool.returncode == 3
    assert "ended by a signal; there is no result" in said


@pytest.fixture
def fuzzer(host):
    """fuzzer(...): a fuzz target, finished, with inputs that do nothing."""
    if not shutil.which("clang"):
        pytest.skip("there is no clang")
    program = host.folder / "fuzzer"
    stub = host.folder / "stub.c"
    stub.write_text('#include "fuzz.h"\n'
                    "void fuzz_start(void) {}\n"
                    "void fuzz_run(const uint8_t *d, size_t n) { (void)d, (void)n; }\n")
    dpdk = subprocess.run(["pkg-config", "--cflags", "libdpdk"], capture_output=True, text=True,
                          check=True).stdout.split()
    ours = [f"-I{ROOT / folder}" for folder in ("app/fuzz", "app/test/fakes", "lib/virtio")]
    subprocess.run(["clang", "-fsanitize=fuzzer", "-D_GNU_SOURCE", *dpdk, *ours, "-o", program,
                    stub, ROOT / "app/fuzz/libfuzzer.c"], check=True, timeout=PATIENCE)
    return lambda *options: subprocess.run([program, *options], capture_output=True, text=True,
                                           cwd=host.folder, timeout=PATIENCE)


def test_fuzz_target_that_ends_by_the_time_says_how_many_inputs_it_ran(fuzzer):
    done = fuzzer("-runs=1000000000000", "-max_total_time=1")
    assert done.returncode == 0
    made, = re.findall(r"^ended before all runs were made: (\d+) of 1000000000000$", done.stderr,
                       re.MULTILINE)
    assert int(made) > 0


def test_fuzz_target_that_runs_all_inputs_says_nothing_of_it(fuzzer):
    done = fuzzer("-runs=1000", "-max_total_time=1000")
    assert done.returncode == 0
    assert "ended before" not in done.stderr
