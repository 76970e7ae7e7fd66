# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""How each program that a user runs ends: help, wrong options, failed output, signals."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from backends import TestpmdBackend
from conftest import BUILD
from program import PATIENCE, Program, poll

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
VERSION = (ROOT / "VERSION").read_text().strip()
# name: (program, an option that it refuses, what it then says is right)
PROGRAMS = {
    "virtio-loopback": ("app/virtio-loopback/virtio-loopback", ["--colour"], "--help"),
    "virtio-bench": ("app/virtio-bench/virtio-bench", ["--", "rate", "--colour"], "--help"),
    "virtio-guest": ("app/virtio-guest/virtio-guest", ["--", "fly"], "must be one of reset"),
    "virtio-guest-loop": ("app/virtio-guest/virtio-guest-loop", ["--", "5x"],
                          "ROUNDS must be a number above 0"),
    "virtio-soak": ("app/virtio-soak/virtio-soak", ["--colour"], "virtio-soak --help lists"),
    "virtio-soak-secondaries": ("app/virtio-soak/virtio-soak-secondaries", ["--colour"],
                                "virtio-soak-secondaries --help lists"),
    "virtio_interop": ("app/test/interop/virtio_interop", ["--colour"], "virtio_interop --help"),
    "queue_scale": ("app/examples/queue_scale", ["--colour"], "queue_scale --help"),
    "queue_swap": ("app/examples/queue_swap", ["--colour"], "queue_swap --help"),
}


def command(name):
    return str(BUILD / PROGRAMS[name][0])


@pytest.fixture
def run(host):
    """run(name, ...): the finished program, with its output and errors apart."""
    def start(name, *options, stdout=subprocess.PIPE, **more):
        if name.startswith("virtio-soak") and not Path(command(name)).exists():
            pytest.skip(f"{name} is not built: the C library has no mallinfo2()")
        return subprocess.run([command(name), *options], stdout=stdout, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=PATIENCE,
                              env=host.env, cwd=host.folder, **more)
    return start


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_and_version_are_printed(run, name):
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"(Usage: )?{name}\b", done.stdout)
    assert run(name, "-h").stdout == done.stdout
    done = run(name, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{name} {re.escape(VERSION)}, DPDK \d+\.\d+.*\n", done.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_that_cannot_be_written_is_no_success(run, name):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for option in "--help", "--version":
            done = run(name, option, stdout=full)
            assert done.returncode == 1
            assert re.search("No space left on device|a write failed", done.stderr)


@pytest.mark.parametrize("name", PROGRAMS)
def test_output_that_is_not_read_is_no_success(run, name):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(name, "--help", stdout=writer)
    os.close(writer)
    assert done.returncode == 1
    assert re.search("Broken pipe|a write failed", done.stderr)
    done = run(name, "--version", stdout=None, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert "standard output is" in done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_wrong_option_has_status_2(run, name):
    done = run(name, *PROGRAMS[name][1])
    assert done.returncode == 2
    assert PROGRAMS[name][2] in done.stderr


@pytest.mark.parametrize("name, options, message", [
    ("virtio-guest", [], "0 arguments after \"--\""),
    ("virtio-guest", ["--", "reset", "0", "64", "128"], "SIZE 0: must be a number from 32 to"),
    ("virtio-guest", ["--", "reset", "64", "64", "64", "0"], "ROUNDS 0: must be a number from 1"),
    ("virtio-guest", ["--", "reset", "64", "64", "64x"], "SIZE 64x: must be a number"),
    ("virtio_interop", ["--no-huge", "-m", "64", "--no-pci", "--", "9"], "one number, 1 to 8"),
    ("virtio-soak", [], "--minutes N and --backend PROGRAM are needed"),
    ("virtio-soak", ["--minutes", "0"], "--minutes 0: must be a number from 1 to 10080"),
    ("virtio-soak", ["--minutes", "10081"], "--minutes 10081: must be a number from 1 to 10080"),
    ("virtio-soak", ["--seed", "-1"], "--seed -1: must be a number from 0 to"),
    ("virtio-soak", ["--seed", "1e3"], "--seed 1e3: must be a number from 0 to"),
    ("virtio-soak", ["--backend", "/nonexistent"], "--backend /nonexistent: no program there"),
    ("virtio-soak", ["--json"], "'--json' requires an argument"),
    ("virtio-soak", ["--minutes", "1", "--backend", "/bin/true", "--json", "/nonexistent/file"],
     "--json /nonexistent/file: cannot write there: No such file or directory"),
    ("virtio-soak", ["--minutes", "1", "again"], "again: not an option"),
    ("virtio-soak-secondaries", [], "--seconds N and --backend PROGRAM are needed"),
    ("virtio-soak-secondaries", ["--seconds", "0"], "--seconds 0: must be a number from 1 to"),
    ("virtio-soak-secondaries", ["--seed", "1e3"], "--seed 1e3: must be a number from 0 to"),
    ("virtio-soak-secondaries", ["--backend", "/nonexistent"],
     "--backend /nonexistent: no program there"),
    ("virtio-soak-secondaries", ["--seconds", "1", "again"], "again: not an option"),
    ("virtio-bench", ["--", "life", "--rounds", "0"], "--rounds 0: must be a number from 1 to"),
    ("virtio-bench", ["--", "rate", "--ms", "0"], "--ms 0: must be a number from 1 to"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_work_that_is_none_is_refused(run, name, options, message):
    done = run(name, *options)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.fixture
def eal(host):
    """eal(vdev, ...): EAL's arguments for two lcores and these ports."""
    def arguments(*vdevs):
        core = host.cores[1]
        return ["--no-huge", "-m", "128", "--no-shconf", "--no-pci", "--no-telemetry",
                "--single-file-segments", "--lcores", f"0@{core},1@{core}",
                "--file-prefix", f"{host.prefix}end", *(f"--vdev={vdev}" for vdev in vdevs)]
    return arguments


@pytest.fixture
def wired(host, eal):
    """wired(...): virtio-guest "off", finished, on two ends of a wire, in a network of its own.

    The ports' driver stops no single queue, as that mode expects.
    """
    def start(stdout=subprocess.PIPE, **more):
        script = "ip link add left type veth peer name right && " \
                 "ip link set left up && ip link set right up && " \
                 'exec "$@"'
        arguments = eal("net_af_packet0,iface=left", "net_af_packet1,iface=right")
        return subprocess.run(["unshare", "-rn", "sh", "-c", script, "sh",
                               command("virtio-guest"), *arguments, "--", "off"], stdout=stdout,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                              timeout=PATIENCE, env={**host.env, **more})
    if not shutil.which("ip") or subprocess.run(["unshare", "-rn", "true"]).returncode != 0:
        pytest.skip("no ip here, or no network of a process's own")
    return start


@pytest.fixture
def miscount(host):
    """A library that makes each mempool look as if one buffer were in use."""
    library = host.folder / "miscount.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", library], check=True, text=True,
                   input="unsigned rte_mempool_in_use_count(const void *p) { return p != 0; }\n")
    return str(library)


def test_guest_program_fails_by_a_leak_alone(wired, miscount):
    done = wired()
    assert done.returncode == 0, done.stdout + done.stderr
    done = wired(LD_PRELOAD=miscount)
    # All else is well.
    failed, = re.findall(r"^FAILED (.*)$", done.stdout, re.MULTILINE)
    assert re.fullmatch(r"every buffer is back in its pool at the end \(\d+ are not\)", failed)
    assert done.returncode == 1


def test_guest_program_whose_words_are_lost_is_no_success(wired):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = wired(stdout=full)
    assert done.returncode == 1
    assert "standard output is not complete" in done.stderr


def test_measurement_that_cannot_be_written_is_no_success(run, eal):
    options = ["rate", "--direction", "rx", "--ms", "1"]
    assert run("virtio-bench", *eal("net_null0"), "--", *options).returncode == 0
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run("virtio-bench", *eal("net_null0"), "--", *options, stdout=full)
    assert done.returncode == 1
    assert "standard output is not complete" in done.stderr


def catches(program, number):
    """Whether a process has a handler of its own for this signal."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(re.search(r"^SigCgt:\t(\w+)$", status, re.MULTILINE)[1], 16) >> (number - 1) & 1


@pytest.fixture
def interrupt(host, started):
    """interrupt(name, options, ...): its status and words after SIGINT, sent when ready() says."""
    def start(name, options, ready=lambda: True):
        program = Program(name, [command(name), *options], host.log(name), host.env)
        started.append(program)
        poll(f"{name} catches SIGINT", lambda: catches(program, signal.SIGINT))
        poll(f"{name} is at work", ready)
        program.process.send_signal(signal.SIGINT)
        return program.wait(), program.text.replace("\r", "")
    return start


def test_interrupted_guest_program_says_so(interrupt, eal):
    # They are not wired: it waits for packets.
    status, said = interrupt("virtio-guest", [*eal("net_null0", "net_null1"), "--", "off"])
    assert status == 3, said
    assert "\nended by a signal before the last test of off\n" in said


def test_interrupted_measurement_says_how_far_it_came(interrupt, host, eal):
    sent = host.folder / "sent.pcap"
    # It is made anew at each start of the port.
    starts = set()

    def three_starts():
        if sent.exists():
            starts.add(sent.stat().st_mtime_ns)
        return len(starts) > 3

    status, said = interrupt(
        "virtio-bench", [*eal(f"net_pcap0,tx_pcap={sent}"), "--", "life", "--way", "plain",
                         "--rounds", "1000000"], three_starts)
    assert status == 3, said
    assert re.search(r"^virtio-bench: ended by a signal, while stopping and starting, after \d+ "
                     r"of 1000000 rounds; there is no result$", said, re.MULTILINE), said


@pytest.mark.parametrize("name, queues, message", [
    ("queue_swap", 2, "ended by a signal after 0 of 8 swaps"),
    ("queue_scale", 4, "ended by a signal after 0 of 12 intervals"),
])
def test_interrupted_example_says_how_far_it_came(interrupt, host, eal, plugin, start_backend,
                                                  name, queues, message):
    # It sends nothing, so both wait.
    start_backend(TestpmdBackend, queues)
    arguments = eal(f"net_virtio_user0,path={host.socket()},queues={queues}")
    status, said = interrupt(name, [*arguments, "-d", plugin])
    assert status == 3, said
    assert message in said


@pytest.mark.parametrize("name", ["queue_swap", "queue_scale"])
def test_interrupted_wait_for_a_back_end_leaves_no_socket(interrupt, host, eal, plugin, name):
    arguments = eal(f"net_virtio_user0,path={host.socket()},server=1,queues=2")
    status, said = interrupt(name, [*arguments, "-d", plugin],
                             lambda: os.path.lexists(host.socket()))
    assert status == 3, said
    assert re.search(r"^ended by a signal after 0 of \d+ ", said, re.MULTILINE), said
    assert not os.path.lexists(host.socket())


def test_example_without_packets_says_what_it_lacks(run, host, eal, plugin, start_backend):
    start_backend(TestpmdBackend, 2)
    done = run("queue_swap", *eal(f"net_virtio_user0,path={host.socket()},queues=2"), "-d", plugin)
    assert done.returncode == 1
    assert "queue_swap: queue 0 has received nothing for 10 s: the back-end must" in done.stderr


@pytest.mark.parametrize("name", ["queue_swap", "queue_scale"])
def test_example_without_a_port_says_so(run, eal, name):
    done = run(name, *eal())
    assert done.returncode == 1
    assert "no port: give EAL a --vdev or a device" in done.stderr + done.stdout


def test_empty_path_is_refused(run):
    done = run("virtio-loopback", "--serve", "")
    assert done.returncode == 2
    assert "a socket's path has 1 to 107 bytes" in done.stderr


def test_failed_reset_is_not_counted(run):
    done = run("virtio-loopback", "--queues", "1", "--rounds", "1", "--method", "off")
    assert done.returncode == 1
    assert ", 0 of 1 resets" in done.stdout


def test_refused_options_leave_the_file_as_it_was(run, host):
    old = host.folder / "old.json"
    old.write_text("{}\n" * 100)
    done = run("virtio-loopback", "--rounds", "1", "--devargs", "nosuch=1", "--json", str(old))
    assert done.returncode == 2
    assert old.read_text() == "{}\n" * 100
    done = run("virtio-loopback", "--queues", "1", "--rounds", "1", "--json", str(old))
    assert done.returncode == 0
    assert json.loads(old.read_text())


def test_soak_script_gives_signals_to_its_program(host, started):
    if not Path(command("virtio-soak")).exists():
        pytest.skip("virtio-soak is not built: the C library has no mallinfo2()")
    program = Program("soak.sh", [str(ROOT / "devtools/soak.sh"), "--minutes", "1", "--no-huge"],
                      host.log("soak.sh"), host.env)
    started.append(program)
    poll("the soak has begun", lambda: "1 minutes, seed" in program.text)
    program.process.send_signal(signal.SIGTERM)
    assert program.wait() == 3, program.text
    assert "INCOMPLETE: seed" in program.text


def test_secondary_processes_are_left_out_without_root(host):
    name = "virtio-soak-secondaries"
    if not Path(command(name)).exists():
        pytest.skip(f"{name} is not built: the C library has no mallinfo2()")
    before = set(Path("/tmp").glob("virtio-soak-*"))
    host.folder.chmod(0o755)
    me = os.getuid()
    done = subprocess.run([shutil.copy(command(name), host.folder), "--seconds", "1",
                           "--backend", "/bin/true"], capture_output=True, text=True,
                          timeout=PATIENCE, cwd=host.folder, user=NOBODY if me == 0 else me)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "skipped secondaries: no mount namespace, which takes root: " \
                          "Operation not permitted\n"
    assert set(Path("/tmp").glob("virtio-soak-*")) == before


def test_soak_that_a_signal_ends_while_a_back_end_starts_is_incomplete(host, started):
    """The wait for the back-end goes on, and the run ends then."""
    if not Path(command("virtio-soak")).exists():
        pytest.skip("virtio-soak is not built: the C library has no mallinfo2()")
    waits, go, backend = (host.folder / name for name in ("waits", "go", "backend"))
    backend.write_text(f"#!/bin/sh\ntouch {waits}\n"
                       f"while [ ! -e {go} ]; do sleep 0.02; done\n"
                       f'exec {command("virtio-loopback")} "$@"\n')
    backend.chmod(0o755)
    program = Program("virtio-soak", [command("virtio-soak"), "--minutes", "1", "--no-huge",
                                      "--backend", str(backend)], host.log("virtio-soak"), host.env)
    started.append(program)
    poll("the back-end is started", waits.exists)
    program.process.send_signal(signal.SIGINT)
    go.touch()
    assert program.wait() == 3, program.text
