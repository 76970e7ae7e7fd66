# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A folder that has of DPDK's source tree what the scripts for it look at."""

import subprocess

from program import PATIENCE

FEATURES = "doc/guides/nics/features/virtio.ini"
AUTHOR = ["-c", "user.name=A Maintainer", "-c", "user.email=a@maintainer.example"]


def run(*command, patience=PATIENCE):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=patience)


def git(tree, *command):
    done = run("git", "-C", tree, *AUTHOR, *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_tree(tree, version):
    """The tree of that release, in the folder."""
    files = {"VERSION": version, "ABI_VERSION": "25.0", "drivers/meson.build": "",
             "drivers/net/virtio/meson.build": "sources += files('virtio_old.c')",
             "drivers/net/virtio/virtio_old.c": "int old;",
             "drivers/net/virtio/virtio_user/vhost.h": "", FEATURES: "[Features]",
             "doc/guides/nics/virtio.rst": "Old\n===",
             "doc/guides/rel_notes/release_26_11.rst":
             "New Features\n------------\n\n\nRemoved Items\n-------------",
             ".mailmap": "A Name <a@b.example>\nZ Name <z@b.example>",
             "lib/ethdev/ethdev_driver.h": ""}
    if version >= "25.07":
        files["buildtools/gen-version-map.py"] = ""
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return tree


def make_clone(tree, version):
    """The same as a git clone with one commit."""
    make_tree(tree, version)
    git(tree, "init", "-q")
    git(tree, "config", "user.name", "A Maintainer")
    git(tree, "config", "user.email", "a@maintainer.example")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "dpdk")
    return tree


def sources_of(tree):
    return {path.relative_to(tree / "drivers/net/virtio").as_posix(): path.read_text()
            for path in (tree / "drivers/net/virtio").rglob("*.[ch]")}
