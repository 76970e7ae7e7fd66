# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Makes the guest's root: a cpio archive, written here, of programs that are on this machine.

A program brings the libraries that ldd names. They stay where they are: DPDK's are symbolic links
into its folder of plug-ins, and a copy instead of the link would be loaded, and register, twice.
"""

import os
import re
import stat
import subprocess
import zlib


class Image:
    def __init__(self):
        self.entries = {}  # path without leading slash: (mode, bytes)

    def folder(self, path):
        path = path.strip("/")
        if not path or path in self.entries:
            return
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFDIR | 0o755, b"")

    def data(self, path, data, mode=0o644):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, data)

    def link(self, path, target):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def file(self, source, path=None):
        """A file, under the path that it has here if none is given; links become links."""
        path = path or source
        real = os.path.realpath(source)
        if path == source and real != source:
            # A folder on the way may be the link: /lib is one.
            folder = os.path.realpath(os.path.dirname(source))
            source = os.path.join(folder, os.path.basename(source))
            if real != source:
                self.link(source, real)
            path = real
        if path.strip("/") in self.entries:
            return
        with open(real, "rb") as data:
            self.data(path, data.read(), 0o755 if os.access(real, os.X_OK) else 0o644)

    def program(self, source, path=None):
        self.file(source, path)
        for library in libraries(source):
            self.file(library)

    def write(self, path):
        """The "newc" form of cpio, compressed, and complete or not there."""
        pack = zlib.compressobj(1, zlib.DEFLATED, 31)
        with open(path + ".part", "wb") as out:
            for number, (name, (mode, data)) in enumerate(sorted(self.entries.items()), 1):
                out.write(pack.compress(record(number, name, mode, data)))
            out.write(pack.compress(record(0, "TRAILER!!!", 0, b"")))
            out.write(pack.flush())
        os.rename(path + ".part", path)


def record(number, name, mode, data):
    # inode, mode, uid, gid, links, time, size, device (4 numbers), length of the name, check sum
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    missing = re.findall(r"(\S+) => not found", out)
    if missing:
        raise FileNotFoundError(f"{program} wants {', '.join(missing)}")
    return re.findall(r"(/\S+) \(0x", out)


def links_of_root(image):
    """/bin, /lib and such, as they are here."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name):
            image.link(name, os.readlink("/" + name))
            image.folder(os.readlink("/" + name))
