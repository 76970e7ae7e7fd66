# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What "meson install" copies, where to, and that "ninja uninstall" removes all of it."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import ROOT
from program import PATIENCE

PROGRAMS = ("virtio-bench", "virtio-loopback")


def run(*command, **more):
    """What a command prints. The command must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True,
                          **more)
    return done.stdout.strip()


class Installed:
    """The tree, installed below a folder."""

    def __init__(self, root, build):
        self.root = root
        self.build = build
        run("meson", "install", "-C", str(build), "--no-rebuild",
            env={**os.environ, "DESTDIR": str(root)})

    def files(self):
        return {"/" + str(path.relative_to(self.root)) for path in self.root.rglob("*")
                if not path.is_dir()}

    def find(self, name):
        found, = self.root.rglob(name)
        return found

    def pkg_config(self, *options):
        # The files name the prefix of the build. The copies name the folder of this test.
        copies = self.root.parent / "pkgconfig"
        copies.mkdir(exist_ok=True)
        for file in self.root.rglob("*.pc"):
            (copies / file.name).write_text(
                re.sub("^prefix=", f"prefix={self.root}", file.read_text(), flags=re.MULTILINE))
        return run("pkg-config", *options, env={**os.environ, "PKG_CONFIG_PATH": str(copies)})


@contextlib.contextmanager
def install(build):
    """The list of an installation by the user, which "ninja uninstall" reads, is kept."""
    log = build / "meson-logs/install-log.txt"
    kept = log.read_bytes() if log.exists() else None
    folder = Path(tempfile.mkdtemp(prefix="virtio-"))
    try:
        yield Installed(folder / "root", build)
    finally:
        shutil.rmtree(folder)
        if kept is None:
            log.unlink(missing_ok=True)
        else:
            log.write_bytes(kept)


@pytest.fixture(scope="module")
def installed(build):
    with install(build) as done:
        yield done


def test_plugin_is_beside_the_folder_that_eal_loads_from(installed):
    plugin = installed.find("librte_net_virtio.so")
    # Not each release has a variable for the folder.
    loaded = run("pkg-config", "--variable=driverdir", "libdpdk")
    folders = [Path(loaded)] if loaded else list(
        Path(run("pkg-config", "--variable=libdir", "libdpdk")).glob("dpdk/pmds-*"))
    assert folders
    place = Path("/") / plugin.relative_to(installed.root).parent
    assert place.name == "dpdk-virtio"
    assert not set(folders) & {place, *place.parents}


def test_pkg_config_names_the_plugin(installed):
    plugin = installed.pkg_config("--variable=plugin", "dpdk-virtio")
    assert Path(plugin) == installed.find("librte_net_virtio.so")
    version = (ROOT / "VERSION").read_text().strip()
    for name in ("dpdk-virtio", "vhost_ring_reset"):
        assert installed.pkg_config("--modversion", name) == version


@pytest.mark.parametrize("name, header, call", [
    ("dpdk-virtio", "rte_pmd_virtio.h", "rte_pmd_virtio_get_queue_event(0, NULL)"),
    ("vhost_ring_reset", "vhost_ring_reset.h", "vhost_ring_reset_negotiated(0)"),
])
def test_program_is_compiled_as_pkg_config_says(installed, host, name, header, call):
    source = host.folder / "app.c"
    source.write_text(f"#include <stddef.h>\n#include <{header}>\n"
                      f"int main(void) {{ return {call}; }}\n")
    options = installed.pkg_config("--cflags", "--libs", name).split()
    run("cc", "-DALLOW_EXPERIMENTAL_API", "-o", str(host.folder / "app"), str(source), *options)
    needs = run("ldd", str(host.folder / "app"))
    assert "not found" not in needs
    if name == "dpdk-virtio":
        assert f"{installed.find('librte_net_virtio.so')} " in needs


def test_uninstall_leaves_nothing(build):
    with install(build) as done:
        assert len(done.files()) >= 12
        run("ninja", "-C", str(build), "uninstall")
        assert not done.root.exists()


def test_library_folder_does_not_depend_on_dpkg_dev(host):
    """Debian's, as dpkg-architecture would have it, without that program."""
    if not shutil.which("dpkg-architecture"):
        pytest.skip("there is no dpkg-architecture (Debian's package: dpkg-dev)")
    programs = host.folder / "programs"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name != "dpkg-architecture":
            (programs / program.name).symlink_to(program)
    folder = host.folder / "build"
    run("meson", "setup", str(folder), str(ROOT), env={**os.environ, "PATH": str(programs)})
    places = run("meson", "introspect", "--installed", str(folder))
    multiarch = run("dpkg-architecture", "-qDEB_HOST_MULTIARCH")
    assert f"/usr/local/lib/{multiarch}/dpdk-virtio/librte_net_virtio.so" in places
    assert "lib64" not in places


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


@pytest.fixture
def options(program, build):
    """All of a program's options, by its help."""
    said = run(str(build / "app" / program / program), "--help")
    return {"-h", *re.findall(r"^  (?:-h, )?(--[a-z-]+)", said, re.MULTILINE)}


def test_manual_describes_every_option(installed, program, options):
    text = installed.find(f"{program}.1").read_text().replace("\\-", "-")
    version = (ROOT / "VERSION").read_text().strip()
    assert re.search(rf'^\.TH .* "dpdk-virtio {re.escape(version)}"', text, re.MULTILINE)
    described = set()
    for line in re.findall(r"^\.TP\n(\..*)$", text, re.MULTILINE):
        described |= set(re.findall(r"(?<![\w-])-+[a-z][a-z-]*", line))
    assert described == options
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-l", installed.find(f"{program}.1")],
                              capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
        assert (done.returncode, done.stderr) == (0, "")


def complete(installed, program, *words):
    """What bash offers for the last of the words."""
    script = (f"source {installed.root}/usr/local/share/bash-completion/completions/{program}\n"
              'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
              f"_{program.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(run("bash", "-euc", script, "bash", program, *words, cwd=installed.root).split())


def test_completion_offers_every_option(installed, program, options):
    before = ["--", "rate"] if program == "virtio-bench" else []
    assert complete(installed, program, *before, "-") == options


@pytest.mark.parametrize("words, offered", [
    (("virtio-loopback", "--method", ""), {"auto", "disable", "get_base", "off"}),
    (("virtio-loopback", "--method", "=", "g"), {"get_base"}),
    (("virtio-loopback", "--method", "="), {"auto", "disable", "get_base", "off"}),
    (("virtio-loopback", "--json", "u"), {"usr"}),
    (("virtio-loopback", "--queues", ""), set()),
    (("virtio-bench", "-"), {"--", "--help", "--version", "-h"}),
    (("virtio-bench", "--", "ti"), {"timeline"}),
    (("virtio-bench", "--", "rate", "--way", ""), {"plain", "port", "rx-queue", "tx-queue"}),
    (("virtio-bench", "--", "rate", "--null", "=", "u"), {"usr"}),
])
def test_completion_offers_values(installed, words, offered):
    assert complete(installed, *words) == offered
