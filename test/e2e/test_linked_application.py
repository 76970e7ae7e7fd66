# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""An application that calls rte_pmd_virtio_*() is linked as the guide says."""

import os
import re
import subprocess
from pathlib import Path

from conftest import BUILD
from program import Program

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "doc/guides/nics/virtio.rst"
PROGRAM = """
#include <errno.h>
#include <rte_eal.h>
#include <rte_pmd_virtio.h>

int
main(int argc, char **argv)
{
    struct rte_pmd_virtio_queue_event event;

    /* The port has no event to report; any other driver's port is -ENODEV or -ENOTSUP. */
    return rte_eal_init(argc, argv) < 0 ||
        rte_pmd_virtio_get_queue_event(0, &event) != -ENOENT;
}
"""


def test_program_linked_with_the_plugin_needs_no_d(host, started, plugin):
    command = re.search(r"^   cc -o app app.c .*$", GUIDE.read_text(), re.MULTILINE)[0].strip()
    (host.folder / "app.c").write_text(PROGRAM)
    # As installed, but for the folders of the plug-in and of its header.
    described = (BUILD / "drivers/net/virtio/dpdk-virtio.pc").read_text()
    described = re.sub("^plugindir=.*$", f"plugindir={Path(plugin).parent}", described, flags=re.M)
    (host.folder / "dpdk-virtio.pc").write_text(described)
    subprocess.run(["sh", "-euc", command], check=True, cwd=host.folder, timeout=120,
                   env={**os.environ, "PKG_CONFIG_PATH": str(host.folder),
                        "CPATH": str(ROOT / "drivers/net/virtio")})
    serve = Program("backend", [host.loopback, "--serve", host.socket(), "--queues", "1"],
                    host.log("backend"), host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    app = Program("app", [str(host.folder / "app"), *host.memory(256), "--no-pci",
                          "--lcores", f"0@{host.cores[1]}", "--file-prefix", f"{host.prefix}app",
                          "--vdev", f"net_virtio_user0,path={host.socket()}"],
                  host.log("app"), host.env)
    started.append(app)
    assert app.wait() == 0, app.text
