# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A plug-in is replaced while a process has it: a process with the other version is refused, by the
number of the layout of shared memory, and the port of the primary process carries on.

The other version is a copy of the plug-in with another number in its constant."""

import re
import struct
from pathlib import Path

import pytest

from backends import LoopbackBackend
from connection import Connection
from test_secondary_process import PROC_INFO, secondary, shared_memory  # noqa: F401

elffile = pytest.importorskip("elftools.elf.elffile")

pytestmark = pytest.mark.skipif(PROC_INFO is None, reason="there is no dpdk-proc-info")

# struct virtio_layout
LAYOUT = struct.Struct("=QIIQ48x")


def place_of_layout(path):
    """Where in the plug-in its struct virtio_layout is."""
    with open(path, "rb") as file:
        elf = elffile.ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        if table is None:
            pytest.skip("the plug-in has no symbols")
        symbol, = table.get_symbol_by_name("virtio_layout")
        assert symbol["st_size"] == LAYOUT.size
        section = elf.get_section(symbol["st_shndx"])
        return symbol["st_value"] - section["sh_addr"] + section["sh_offset"]


@pytest.fixture
def other(plugin):
    """other(number, sizes): the number in the plug-in, and a plug-in where these are added."""
    copies = []

    def make(number=0, sizes=0):
        at = place_of_layout(plugin)
        data = bytearray(Path(plugin).read_bytes())
        magic, own, reserved, own_sizes = LAYOUT.unpack_from(data, at)
        assert own > 0 and reserved == 0
        LAYOUT.pack_into(data, at, magic, own + number, reserved, own_sizes + sizes)
        copy = Path(plugin).with_name(f"librte_net_virtio_other{len(copies)}.so")
        copy.write_bytes(data)
        copies.append(copy)
        return own, str(copy)
    yield make
    for copy in copies:
        copy.unlink()


def check_refused(said, wanted):
    assert re.search(wanted, said), said
    assert "Load the same plug-in (-d) in both processes." in said
    assert "attached in a secondary process" not in said


@pytest.fixture
def primary(start_backend, start_port, shared_memory):  # noqa: F811
    def start(**more):
        return Connection(start_backend(LoopbackBackend),
                          start_port(memory=shared_memory, **more))
    return start


def test_an_older_primary_and_a_newer_secondary(primary, secondary, other):  # noqa: F811
    number, newer = other(number=1)
    connection = primary()
    _, said = secondary(newer, "--xstats")
    check_refused(said, f"in layout {number}, and this process uses layout {number + 1}")
    # One of the same version that was built otherwise.
    _, build = other(sizes=1)
    _, said = secondary(build, "--stats")
    check_refused(said, "another build of this driver")
    connection.carries_all()
    connection.port.quit()


def test_a_newer_primary_and_an_older_secondary(primary, secondary, plugin, other):  # noqa: F811
    number, newer = other(number=1)
    connection = primary(plugin=newer)
    _, said = secondary(plugin, "--xstats")
    check_refused(said, f"in layout {number + 1}, and this process uses layout {number}")
    connection.carries_all()
    connection.port.quit()
