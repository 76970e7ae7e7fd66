# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""devtools/assure.py: what it makes of the outputs of the long tests."""

import importlib.util
import json
import pathlib
import subprocess
import sys
import tarfile

import pytest

from conftest import ROOT

SCRIPT = ROOT / "devtools/assure.py"


@pytest.fixture(scope="module")
def assure():
    sys.path.insert(0, str(ROOT / "devtools"))
    spec = importlib.util.spec_from_file_location("assure", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.pop(0)
    return module


def run(*args):
    done = subprocess.run([SCRIPT, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=100, check=False)
    return done.returncode, done.stdout


def test_wrong_words_are_refused():
    status, said = run("fuzzing")
    assert status == 2
    assert "no such part: fuzzing; the parts are fuzz, models, mutants, soak, coverage" in said
    status, said = run("--soak-minutes", "0")
    assert status == 2
    assert "must be 1 or more" in said


def test_document_without_marks_is_refused(host):
    document = host.folder / "page.md"
    document.write_text("# no marks\n")
    status, said = run("--document", document, "models")
    assert status == 1
    assert "wants one line" in said
    assert document.read_text() == "# no marks\n"


def test_document_of_the_tree_has_the_marks(assure):
    assure.read_document(ROOT / "doc/assurance.md", assure.PARTS)


def test_figures_replace_what_is_between_the_marks(assure):
    begin, end = assure.marks("fuzz")
    text = assure.put(f"above\n{begin}\nold\n{end}\nbelow\n", "fuzz", "new")
    assert text == f"above\n{begin}\n\nnew\n\n{end}\nbelow\n"


def test_fuzz_targets_become_rows(assure):
    made = assure.fuzz_table(["building", "fuzz ring: 1234567 inputs, 890 per second, "
                              "42 features, 0 findings"])
    assert "| ring | 1,234,567 | 890 | 42 | 0 |" in made
    with pytest.raises(assure.Failed):
        assure.fuzz_table(["building"])


def test_models_and_their_variants_are_counted(assure):
    made = assure.models_table(["ok models: gate -DQUERY: 1000 states, no error",
                                "ok models: gate -DWITHOUT_FENCE: an error is found",
                                "FAILED models: locks: an error is found"])
    assert "| gate -DQUERY | 1,000 |" in made
    assert "in which an error was found: 1." in made


def test_mutants_are_summed(assure):
    made = assure.mutants_table(["the gate: 20 mutants, 18 killed, 2 survive as listed",
                                 "queues: 10 mutants, 10 killed, 0 survive as listed"])
    assert "| together | 30 | 28 | 2 |" in made


@pytest.mark.parametrize("said, result", [
    ("PASSED: secondary processes: 5 killed; seed 8", "5 killed; seed 8: PASSED"),
    ("FAILED: secondary processes: 5 killed; seed 8", "5 killed; seed 8: FAILED"),
    ("INCOMPLETE: secondary processes: 5 killed; seed 8", "5 killed; seed 8: INCOMPLETE"),
    ("skipped secondaries: no pidfd_open(2): Function not implemented",
     "not run (no pidfd_open(2): Function not implemented)"),
    ("EAL does not start", "FAILED, there is no result"),
], ids=["passed", "failed", "incomplete", "skipped", "none"])
def test_soak_has_times_and_growth(assure, said, result):
    times = {"n": 5, "p50": 10.2, "p99": 20, "p99.9": 30, "max": 40}
    made = assure.soak_table({
        "resets": 3000, "episodes": 4, "seconds": 120, "seed": 7, "verdict": "PASSED",
        "paths": [{"missing": n, "tx_dropped": 1, "rx_dropped": 0} for n in (1, 2)],
        "stop_us": times, "start_us": times,
        "stop_beside_us": {**times, "max": 50}, "start_beside_us": times,
        "events": {"kills": 1, "stops": 2, "stopped_ms": 1500, "unread": 6, "filled": 5,
                   "one_core": 3, "pools": 8, "calls_again": 9, "port_resets": 10},
        "other_port": {"sent": 1234, "missing": 0},
        "resources": {"fds": {"warm": 9, "greatest": 9, "last": 8, "allowance": 0}}},
        ["secondary processes: 12 seconds, seed 8", "skipped secondaries: growth: no port", said])
    assert "3,000 queue resets in 4 episodes on 2 paths, 2 minutes, seed 7: PASSED." in made
    assert "Packets that did not come back: 3. The driver has counted 2 of them" in made
    assert "6 times nobody read what one logs, and 5 times its pipe was full" in made
    assert "The other port sent 1,234 packets and missed 0." in made
    assert "| stop | 10 | 20 | 30 | 40 |" in made
    assert "| stop, back-end held up or killed | 10 | 20 | 30 | 50 |" in made
    assert "| fds | 9 | 9 | 8 |" in made
    assert f"Secondary processes: {result}." in made


def test_coverage_is_summed_by_folder(assure):
    def file(name, *numbers):
        keys = ("line_covered", "line_total", "branch_covered", "branch_total")
        return {"filename": name, **dict(zip(keys, numbers))}

    made = assure.coverage_table({"files": [file("lib/virtio/a.c", 9, 10, 3, 4),
                                            file("lib/virtio/b.c", 10, 10, 1, 4)]})
    assert "| lib/virtio | 20 | 95.0 % | 8 | 50.0 % |" in made
    assert "`a.c` 90 %" in made


REPORT = {"files": [{"filename": "lib/virtio/a.c", "line_covered": 9, "line_total": 10,
                     "branch_covered": 3, "branch_total": 4}]}


@pytest.fixture
def gcovr_ends(assure, host, monkeypatch):
    """gcovr_ends(status, report): the coverage part, where a report of an earlier run is left."""
    monkeypatch.setattr(assure, "LOGS", host.folder)
    monkeypatch.setattr(assure, "COVERAGE", host.folder)
    monkeypatch.setattr(assure.shutil, "which", lambda name: f"/usr/bin/{name}")
    kept = host.folder / "coverage.json"
    kept.write_text(json.dumps(REPORT))

    def start(status, report):
        def run(_part, program, *_args, **_more):
            if program == "gcovr" and report is not None:
                kept.write_text(json.dumps(report))
            return [], status if program == "gcovr" else 0
        monkeypatch.setattr(assure, "run", run)
        return assure.coverage(None)
    return start


def test_coverage_is_that_of_this_run(assure, gcovr_ends):
    figures, good = gcovr_ends(0, REPORT)
    assert good and "| lib/virtio | 10 | 90.0 % |" in figures
    for status, report in (0, None), (64, None), (64, REPORT):
        with pytest.raises(assure.Failed, match=f"gcovr has not made a report .status {status}"):
            gcovr_ends(status, report)


def test_counts_of_guests_are_merged(assure, monkeypatch, tmp_path):
    build = tmp_path / "build-coverage"
    merges = []

    def run(_part, *command, env=None):
        del env
        if command[0] == "gcov-tool":
            merges.append(command)
            merged = pathlib.Path(command[3])
            merged.mkdir()
            (merged / "file.gcda").write_text("sum")
            return [], 0
        folder = build / "guest-coverage"
        folder.mkdir(parents=True)
        # Of a guest that was killed, and of one in which nothing of the build has run.
        (folder / "killed.tar.gz").write_bytes(b"")
        with tarfile.open(folder / "nothing.tar.gz", "w:gz"):
            pass
        with tarfile.open(folder / "good.tar.gz", "w:gz") as tar:
            tar.addfile(tarfile.TarInfo(f"{build}/file.gcda".lstrip("/")))
        return [], 0

    monkeypatch.setattr(assure, "COVERAGE", build)
    monkeypatch.setattr(assure, "LOGS", tmp_path)
    monkeypatch.setattr(assure, "run", run)
    assert assure.guest_coverage() == 0
    assert [command[4:] for command in merges] == [(str(build), f"{tmp_path}/counted{build}")]
    assert (build / "file.gcda").read_text() == "sum"
