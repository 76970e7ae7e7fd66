# SPDX-License-Identifier: BSD-3-Clause
"""The testpmd session of the guide is played as it is printed there, against what testpmd says."""

import re
import textwrap
from pathlib import Path

from backends import TestpmdBackend
from testpmd import PROMPT

GUIDE = Path(__file__).resolve().parents[2] / "doc/guides/nics/virtio.rst"
BLOCK = re.compile(r"^\.\. _virtio_testpmd_session:\n\n"
                   r"\.\. code-block:: console\n\n((?: .*\n|\n)+)", re.MULTILINE)


def session(text):
    """[(command, the lines that are to answer it)]"""
    block = textwrap.dedent(BLOCK.search(text)[1]).strip("\n")
    steps = block.split(PROMPT)
    assert steps.pop(0) == ""
    return [(command, answer) for command, _, answer in (step.partition("\n") for step in steps)]


def pattern(answer):
    """A line "..." is for any lines, "... " at the beginning of one for any words."""
    lines = ""
    for line in answer.splitlines():
        if line == "...":
            lines += r"(?:.*\n)*?"
        elif line.startswith("... "):
            lines += ".* " + re.escape(line[4:]) + r" *\n"
        else:
            lines += re.escape(line.rstrip()) + r" *\n"
    return re.compile(lines)


def test_the_session_of_the_guide(start_backend, start_port):
    backend = start_backend(TestpmdBackend)
    backend.run()
    port = start_port()
    steps = session(GUIDE.read_text())
    assert len(steps) > 10
    for command, answer in steps:
        # A command that came before the prompt was ready is echoed by the terminal as well.
        said = port.command(command).removeprefix(command + "\n")
        assert pattern(answer).fullmatch(said), f"{command!r}: the guide has\n{answer}not\n{said}"


def test_a_session_that_is_not_what_the_program_says_is_noticed():
    said = "one\ntwo 22\nthree\n"
    assert pattern("one\n...\n").fullmatch(said)
    assert pattern("...\n... 22\nthree\n").fullmatch(said)
    for wrong in ("", "one\n", "...\ntwo\n...\n", "...\nthree\ntwo 22\n", "one\ntwo 23\nthree\n"):
        assert not pattern(wrong).fullmatch(said)
