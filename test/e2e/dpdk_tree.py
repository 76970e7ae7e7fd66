# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A folder that has of DPDK's source tree what the scripts for it look at."""

import subprocess
from pathlib import Path

from program import PATIENCE

FEATURES = "doc/guides/nics/features/virtio.ini"
NAMES = "doc/guides/nics/features/default.ini"
UNKNOWN = "Tx queue count"
AUTHOR = ["-c", "user.name=A Maintainer", "-c", "user.email=a@maintainer.example"]


def run(*command, patience=PATIENCE):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=patience)


def git(tree, *command):
    done = run("git", "-C", tree, *AUTHOR, *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def known_features():
    """Our table of features without a name that the tree's documents do not know."""
    ours = (Path(__file__).resolve().parents[2] / FEATURES).read_text(encoding="utf-8")
    return "".join(line + "\n" for line in ours.splitlines() if not line.startswith(UNKNOWN))


def make_tree(tree, version):
    """The tree of that release, in the folder, whose documents know all of our features but one."""
    files = {"VERSION": version, "ABI_VERSION": "25.0", "drivers/meson.build": "",
             "drivers/net/virtio/meson.build": "sources += files('virtio_old.c')",
             "drivers/net/virtio/virtio_old.c": "int old;",
             "drivers/net/virtio/virtio_user/vhost.h": "", FEATURES: "[Features]",
             NAMES: known_features(),
             "doc/api/doxy-api-index.md": "  [vdpa](@ref rte_vdpa.h),",
             "doc/api/doxy-api.conf.in": "INPUT = @TOPDIR@/drivers/net/softnic \\",
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
