# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The sessions of the guides and of the README are played as they are printed there."""

import re
import shlex
import subprocess
import textwrap
from pathlib import Path

import pytest

from backends import TestpmdBackend
from program import PATIENCE, Program, poll
from testpmd import PROMPT, TORN_PROMPT

TESTPMD_PAGES = r"each testpmd takes (\d+) huge pages of 2 MB"
ROOT = Path(__file__).resolve().parents[2]
RESIZE = ROOT / "doc/guides/howto/resize-queue.rst"
README = ROOT / "README.md"
# Document, section, and where its second program begins.
DEMOS = {
    "README": (README, r"^## With your own testpmd\n((?:(?!## ).*\n)*)", "\nThe second one "),
    "guide": (ROOT / "doc/guides/nics/virtio.rst", r"^Quick Start\n-+\n((?:(?!---).*\n)*)",
              "\nSend them back "),
}
BLOCK = re.compile(r"^\.\. _virtio_testpmd_session:\n\n"
                   r"\.\. code-block:: console\n\n((?: .*\n|\n)+)", re.MULTILINE)


def session(text):
    """[(command, the lines that are to answer it)]"""
    block = textwrap.dedent(BLOCK.search(text)[1]).strip("\n")
    steps = block.split(PROMPT)
    assert steps.pop(0) == ""
    return [(command, answer) for command, _, answer in (step.partition("\n") for step in steps)]


def pattern(answer):
    """A line "..." is for any lines, "... " at the beginning of one for any words.

    " ..." at the end of a line is for any words or none: releases of testpmd say more or less.
    """
    lines = ""
    for line in answer.splitlines():
        if line == "...":
            lines += r"(?:.*\n)*?"
        elif line.startswith("... "):
            lines += ".* " + re.escape(line[4:]) + r" *\n"
        elif line.endswith(" ..."):
            lines += re.escape(line[:-4]) + r".*\n"
        else:
            lines += re.escape(line.rstrip()) + r" *\n"
    return re.compile(lines)


def test_the_session_of_the_guide(start_backend, start_port):
    backend = start_backend(TestpmdBackend)
    backend.run()
    port = start_port()
    steps = session(RESIZE.read_text())
    assert len(steps) > 10
    for command, answer in steps:
        # A command that came before the prompt was ready is echoed by the terminal as well.
        said = port.command(command).removeprefix(command + "\n")
        assert pattern(answer).fullmatch(said), f"{command!r}: the guide has\n{answer}not\n{said}"


def test_a_session_that_is_not_what_the_program_says_is_noticed():
    said = "one\ntwo 22\nthree\n"
    assert pattern("one\n...\n").fullmatch(said)
    assert pattern("...\n... 22\nthree\n").fullmatch(said)
    for end in ("", ": Device or resource busy", " "):
        assert pattern("one\ntwo ...\nthree\n").fullmatch(f"one\ntwo{end}\nthree\n")
    assert not pattern("one\ntwo ...\nthree\n").fullmatch("one\ntw\nthree\n")
    for wrong in ("", "one\n", "...\ntwo\n...\n", "...\nthree\ntwo 22\n", "one\ntwo 23\nthree\n"):
        assert not pattern(wrong).fullmatch(said)


@pytest.fixture
def printed(host, started, build, plugin):
    """printed(document, beginning, no_huge): its command that begins so, started as it is printed.

    Only the paths of the socket and of the plug-in are others, and the folder of EAL's files.
    """
    def start(document, beginning, no_huge=False):
        blocks = re.findall(r"(?:^   .*\n)+", document.read_text(), re.MULTILINE)
        commands = [" ".join(block.replace("\\\n", " ").split()) for block in blocks]
        command, = [command for command in commands if command.startswith(beginning)]
        if no_huge:
            new, old = re.search(r"^Without huge pages: `(.*)` in place of `(.*)`\.$",
                                 README.read_text(), re.MULTILINE).groups()
            assert old in command
            command = command.replace(old, new)
        command = command.replace("/run/vhost.sock", host.socket())
        command = command.replace("$PWD/build/drivers/net/virtio/librte_net_virtio.so", plugin)
        words = shlex.split(command)
        if words[0].startswith("build/"):
            words[0] = str(build / words[0].removeprefix("build/"))
        name = Path(words[0]).name
        program = Program(name, words, host.log(name), host.env)
        started.append(program)
        return program
    return start


def huge_kilobytes(program):
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    assert "State:\tZ" not in status, f"{program.name} has ended:\n{program.text}"
    return int(re.search(r"^HugetlbPages:\s+(\d+) kB$", status, re.MULTILINE)[1])


def takes_pages(program, sentence):
    """The program's memory is as many huge pages as the README says by this pattern."""
    pages = int(re.search(sentence, README.read_text())[1])
    poll(f"{program.name} has {pages} huge pages", lambda: huge_kilobytes(program) == 2048 * pages,
         say=lambda: [f"it has {huge_kilobytes(program)} kB"])


def received(program):
    since = program.mark()
    program.send("show port stats 0\n")
    return int(program.expect(r"RX-packets: (\d+)", since)[1])


@pytest.mark.parametrize("no_huge", [False, True], ids=["huge pages", "no huge pages"])
@pytest.mark.parametrize("demo", DEMOS)
def test_the_testpmd_demo_moves_packets(printed, host, demo, no_huge):
    if not no_huge and not host.huge_pages():
        pytest.skip("not enough free huge pages for two programs of 256 MB")
    document, heading, turn = DEMOS[demo]
    section = re.search(heading, document.read_text(), re.MULTILINE)[1]
    first, second = (re.findall(r"^ {3,4}testpmd> (.+)$", part, re.MULTILINE)
                     for part in section.split(turn))
    assert first and second
    backend = printed(document, "dpdk-testpmd --lcores '0@1", no_huge)
    backend.expect(TORN_PROMPT)
    # Before it maps the other one's memory.
    pages = document == README and not no_huge
    if pages:
        takes_pages(backend, TESTPMD_PAGES)
    port = printed(document, "dpdk-testpmd --lcores '0@0", no_huge)
    port.expect(TORN_PROMPT)
    if pages:
        takes_pages(port, TESTPMD_PAGES)
    for command in first:
        since = backend.mark()
        backend.send(command + "\n")
        backend.expect(TORN_PROMPT, since)
    for command in second:
        since = port.mark()
        if command == "show port stats 0":
            poll("packets arrive at the port", lambda: received(port) > 0)
            poll("packets come back", lambda: received(backend) > 0)
            continue
        port.send(command + "\n")
        port.expect(TORN_PROMPT, since)
    if "ring_size 512" in section:
        port.expect(r"Number of RXDs: 512")
    before = received(port)
    poll("packets go on arriving", lambda: received(port) > before)


def test_the_loopback_takes_the_pages_of_the_readme(host):
    if not host.huge_pages():
        pytest.skip("not enough free huge pages")
    done = subprocess.run([host.loopback, "--rounds", "1"], env=host.env, timeout=PATIENCE,
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    stated = int(re.search(r"command takes (\d+) huge pages\s+of 2 MB", README.read_text())[1])
    assert f" {2 * stated} MB (hugepages)" in done.stdout


def test_the_example_of_the_readme_runs(printed, host):
    if not host.huge_pages():
        pytest.skip("not enough free huge pages for a program of 256 MB")
    serve = printed(README, "build/app/virtio-loopback/virtio-loopback --serve")
    host.wait_socket()
    takes_pages(serve, r"\((\d+) and\s+\d+ huge pages\)")
    swap = printed(README, "build/app/examples/queue_swap")
    takes_pages(swap, r"\(\d+ and\s+(\d+) huge pages\)")
    assert swap.wait() == 0, swap.text
    assert swap.said(r"^done, every queue receives *$")
