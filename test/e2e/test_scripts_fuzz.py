# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""devtools/run-fuzz.sh: the targets that it names, how many run at once, and its exit status."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from program import PATIENCE, poll

TARGETS = ["burst", "devargs", "pci", "ring"]
# A target: it notes when it begins and ends, waits for as many beginnings and for the file that the
# test asks for, and fails if the test names it.
PROGRAM = """#!/bin/bash
echo begin >>"$FUZZ_NOTES"
tries=0
while [ "$(grep -c begin "$FUZZ_NOTES")" -lt "${FUZZ_TOGETHER:-0}" ] ||
    [ ! -e "${FUZZ_GO:-/}" ]; do
    [ $((tries += 1)) -lt 3000 ] || exit 1
    sleep 0.01
done
echo end >>"$FUZZ_NOTES"
echo "stat::number_of_executed_units: 12"
[ "${0##*/}" != "fuzz-${FUZZ_FAULT:-}" ]
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def run(host):
    """run(...): the finished script, of a tree with targets that are built already."""
    tree = host.folder / "tree"
    shutil.copytree(ROOT / "devtools", tree / "devtools")
    shutil.copy(ROOT / "VERSION", tree)
    (tree / "app/fuzz/corpus").mkdir(parents=True)
    (tree / "build-fuzz").mkdir()
    (tree / "build-fuzz/build.ninja").touch()
    for name in TARGETS:
        (tree / f"app/fuzz/corpus/{name}.hex").write_text("00\n")
        write_program(tree / f"build-fuzz/app/fuzz/fuzz-{name}", PROGRAM)
    for name in ("clang", "ninja"):
        write_program(host.folder / "programs" / name, "#!/bin/sh\n")
    notes = host.folder / "notes"
    notes.touch()

    def command(*options, **more):
        return {"args": [tree / "devtools/run-fuzz.sh", *options], "text": True,
                "env": {**host.env, "PATH": f"{host.folder}/programs:{host.env['PATH']}",
                        "FUZZ_NOTES": str(notes), **more}}

    def start(*options, **more):
        return subprocess.run(**command(*options, **more), capture_output=True, timeout=PATIENCE)
    start.notes = notes
    start.command = command
    return start


def most_at_once(notes):
    running = [0]
    for line in notes.read_text().splitlines():
        running.append(running[-1] + (1 if line == "begin" else -1))
    return max(running)


def test_list_has_the_targets_alone(run):
    done = run("--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == TARGETS
    assert run.notes.read_text() == ""


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_targets_run_at_once_as_there_are_jobs(run, jobs):
    done = run("--jobs", str(jobs), FUZZ_TOGETHER=str(jobs))
    assert done.returncode == 0, done.stderr
    assert most_at_once(run.notes) == jobs
    ran = re.findall(r"^fuzz (\S+): 12 inputs, .* 0 findings$", done.stdout, re.MULTILINE)
    assert sorted(ran) == TARGETS


@pytest.mark.parametrize("option", [["--jobs", "0"], ["--jobs"]])
def test_jobs_that_are_no_number_are_refused(run, option):
    done = run(*option)
    assert done.returncode == 2
    assert "run-fuzz.sh: error: --jobs wants a number (see --help)" in done.stderr


def test_finding_is_a_failure(run):
    done = run("--jobs", "1", FUZZ_FAULT="devargs")
    assert done.returncode == 1
    assert re.search(r"^fuzz devargs: .* 1 findings$", done.stdout, re.MULTILINE)
    assert done.stdout.count(" 0 findings\n") == len(TARGETS) - 1


def dead_children(pid):
    """How many of a process have ended and are not waited for."""
    dead = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        dead += state[:2] == ["Z", str(pid)]
    return dead


@pytest.mark.parametrize("fault", [TARGETS[0], TARGETS[-1]])
def test_finding_counts_if_all_targets_end_at_once(run, host, fault):
    """The script is stopped meanwhile, so that it finds all of them ended."""
    go = host.folder / "go"
    with subprocess.Popen(**run.command("--jobs", "4", FUZZ_GO=str(go), FUZZ_FAULT=fault),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as script:
        try:
            poll("the targets run", lambda: run.notes.read_text().count("begin") == len(TARGETS))
            script.send_signal(signal.SIGSTOP)
            go.touch()
            poll("the targets have ended", lambda: dead_children(script.pid) == len(TARGETS))
            script.send_signal(signal.SIGCONT)
            assert script.wait(PATIENCE) == 1
        finally:
            script.kill()
