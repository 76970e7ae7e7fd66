# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Open vSwitch with DPDK, of Debian's packages, in a folder of the test's own.

Database, sockets, logs and EAL's files are in that folder. Nothing of the system is touched, and no
service is started.
"""

import os
import re
import subprocess
from pathlib import Path

from program import PATIENCE, Program, poll

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")


# A bridge has a tap device of its own name: in a namespace that ends with the program.
NAMESPACE = ["unshare", "--net"]


def find_ovs():
    """(the folder below which its packages are, None), or (None, why there is none)"""
    if subprocess.run([*NAMESPACE, "test", "-c", "/dev/net/tun"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        return None, "no network namespace, or no /dev/net/tun, for the bridge's tap device"
    if INSTALLED.exists():
        return Path("/"), None
    fetched = subprocess.run([ROOT / "devtools/fetch-ovs.sh"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT)
    root = ROOT / ".ovs-cache/root"
    if not root.is_dir():
        return None, fetched.stdout.strip().rpartition("\n")[2]
    missing = subprocess.run(["ldd", root / INSTALLED.relative_to("/")], stdout=subprocess.PIPE,
                             text=True, env={**os.environ, **library_path(root)}).stdout
    missing = re.findall(r"^\s*(\S+) => not found", missing, re.MULTILINE)
    if missing:
        return None, f"Open vSwitch needs {', '.join(missing)}"
    return root, None


def library_path(root):
    folders = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*")]
    # None of the system's: an empty one would be the current folder.
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if root != Path("/") and folders else {}


class OpenVSwitch:
    """A bridge br0 that forwards nothing until there is a flow; plugin=None: the packaged driver.

    One thread of it polls, on the last core.
    """

    def __init__(self, root, host, started, plugin):
        self.folder = host.folder
        self._bin = root / "usr/bin"
        schema = root / "usr/share/openvswitch/vswitch.ovsschema"
        self._env = {**host.env, **library_path(root), "OVS_PKGDATADIR": str(schema.parent)}
        for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"):
            self._env[name] = str(host.folder)
        self._db = f"unix:{host.folder}/db"
        self._control = str(host.folder / "vswitchd.ctl")
        self.run("ovsdb-tool", "create", host.folder / "conf.db", schema)
        self.server = Program("ovsdb-server", [
            str(root / "usr/sbin/ovsdb-server"), f"{host.folder}/conf.db", "--remote=p" + self._db,
            f"--unixctl={host.folder}/ovsdb.ctl"], host.log("ovsdb-server"), self._env)
        started.append(self.server)
        poll("the database is there", (host.folder / "db").exists)
        extra = ["--no-pci", "--no-telemetry", "--file-prefix", f"{host.prefix}ovs",
                 *host.memory(384)]
        if not host.huge_pages():
            # Without it, Open vSwitch adds --in-memory, which does not go with --no-huge.
            extra += ["--legacy-mem"]
        if plugin:
            extra += ["-d", plugin]
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   "other_config:per-port-memory=true",
                   f"other_config:dpdk-lcore-mask={1 << host.cores[0]:#x}",
                   f"other_config:pmd-cpu-mask={1 << host.cores[1]:#x}",
                   f'other_config:dpdk-extra="{" ".join(extra)}"')
        self.daemon = Program("ovs-vswitchd", [
            *NAMESPACE, str(root / INSTALLED.relative_to("/")), self._db,
            f"--unixctl={self._control}"], host.log("ovs-vswitchd"), self._env)
        started.append(self.daemon)
        self.daemon.expect("DPDK Enabled - initialized")
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                   "fail-mode=secure")

    def run(self, tool, *args):
        done = subprocess.run([self._bin / tool, *map(str, args)], env=self._env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
        assert done.returncode == 0, f"{tool} {' '.join(map(str, args))}:\n{done.stdout}"
        return done.stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", f"--db={self._db}", *args)

    def appctl(self, *args):
        return self.run("ovs-appctl", "-t", self._control, *args)

    def flow(self, text):
        self.run("ovs-ofctl", "add-flow", f"unix:{self.folder}/br0.mgmt", text)

    def add_port(self, name, number, kind, wait=True, **options):
        """options: of the interface, with "_" for "-"; number: in flows."""
        self.vsctl(*([] if wait else ["--no-wait"]), "add-port", "br0", name, "--", "set",
                   "Interface", name, f"type={kind}", f"ofport_request={number}",
                   *(f'options:{key}="{value}"' for key, value in options.items()))

    def set(self, name, setting):
        """Returns when it is carried out."""
        self.vsctl("set", "Interface", name, setting)

    def error(self, name):
        return self.vsctl("get", "Interface", name, "error").strip()

    def polled(self, name):
        """The receive queues of a port that Open vSwitch polls."""
        said = self.appctl("dpif-netdev/pmd-rxq-show")
        return sorted(int(queue) for queue in
                      re.findall(rf"port: {name}\s+queue-id:\s*(\d+)", said))

    def complaints(self):
        """What it has said of errors of the driver or of a port."""
        return re.findall(r"^.*\|(?:dpdk|netdev_dpdk|dpif_netdev)(?:\([^)]*\))?\|ERR\|.*$",
                          self.daemon.text, re.MULTILINE)

    def quit(self):
        """In order: its ports are closed."""
        self.appctl("exit", "--cleanup")
        status = self.daemon.wait()
        assert status == 0, f"ovs-vswitchd has ended with {status}"
