# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""devtools/mutate.py reports whether a test notices a mutant, and what is wrong with a list."""

import importlib
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPLIT = "lib/virtio/virtqueue_split.h"
INVERTED = "- return !(virtqueue_load_relaxed(&vq->used->flags) & VRING_USED_F_NO_NOTIFY);\n"
NO_BARRIER = "-1 virtqueue_fence_full();\n"
PUBLISH = ("- virtqueue_store_release(&vq->avail->idx, vq->next_avail.idx)\n"
           "+ virtqueue_store_relaxed(&vq->avail->idx, vq->next_avail.idx)\n")


def mutate(tmp_path, text, *options):
    mutants = tmp_path / "mutants.txt"
    mutants.write_text("area split rings\n" + text, encoding="utf-8")
    return subprocess.run(
        [ROOT / "devtools/mutate.py", "--list", mutants, "--build", tmp_path / "build", *options],
        capture_output=True, text=True, check=False)


def test_the_places_of_all_mutants_are_found():
    run = subprocess.run([ROOT / "devtools/mutate.py", "--places"], capture_output=True, text=True,
                         check=False)
    assert run.returncode == 0, run.stdout
    assert "FAILED" not in run.stdout


@pytest.mark.parametrize("place, found", [
    (INVERTED, True),
    (NO_BARRIER, True),
    ("- virtqueue_fence_full();\n", False),
    ("-9 virtqueue_fence_full();\n", False),
    ("- there is no such text\n", False),
])
def test_a_place_is_found_once(tmp_path, place, found):
    run = mutate(tmp_path, f"mutant name {SPLIT} ring_is_explored\n{place}+\n", "--places")
    assert run.returncode == (0 if found else 1)
    assert run.stdout.startswith("ok name: " if found else "FAILED name: ")


@pytest.mark.parametrize("test, found", [
    ("ring_is_explored", True),
    ("frames_of_many_buffers_scalar", True),
    ("frames_of_many_buffers_avx512", True),
    ("driver_and_device_are_ordered_tsan", True),
    ("no_such_test", False),
])
def test_a_test_is_found(tmp_path, test, found):
    run = mutate(tmp_path, f"mutant name {SPLIT} {test}\n{INVERTED}+\n", "--places")
    assert run.returncode == (0 if found else 1)
    assert found or f"FAILED name: there is no test {test}\n" in run.stdout


@pytest.mark.parametrize("text, why", [
    ("mutant a file\n", "line 2: not understood"),
    ("- text\n", "line 2: not understood"),
    ("area \n", "line 2: not understood"),
    ("mutant a file test\n- text\n", "a needs"),
    ("mutant a file test\n- text\n+\nmutant a file test\n- text\n+\n", "a name of its own"),
])
def test_a_wrong_list_is_refused(tmp_path, text, why):
    run = mutate(tmp_path, text, "--places")
    assert run.returncode == 1
    assert why in run.stderr
    assert "Traceback" not in run.stderr


def test_a_mutant_without_an_area_is_refused(tmp_path):
    mutants = tmp_path / "mutants.txt"
    mutants.write_text(f"mutant a {SPLIT} ring_is_explored\n{INVERTED}+\n", encoding="utf-8")
    run = subprocess.run([ROOT / "devtools/mutate.py", "--list", mutants, "--places"],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "line 1: not understood" in run.stderr


def test_a_mutant_of_another_name_is_refused(tmp_path):
    run = mutate(tmp_path, f"mutant a {SPLIT} ring_is_explored\n{INVERTED}+\n", "b")
    assert run.returncode == 2
    assert "no such mutant: b" in run.stderr


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "devtools")
    return importlib.import_module("mutate")


@pytest.mark.parametrize("test, parts", [
    ("ring_is_explored", ("ring_is_explored", None, False)),
    ("frames_of_many_buffers_avx512", ("frames_of_many_buffers", "512", False)),
    ("frames_of_many_buffers_scalar_tsan", ("frames_of_many_buffers", "128", True)),
])
def test_a_name_has_parts(module, test, parts):
    assert module.parts_of(test) == parts


def test_a_mutant_whose_tests_skip_is_not_judged(module, monkeypatch, tmp_path, capsys):
    mutants = tmp_path / "mutants.txt"
    mutants.write_text(f"area rings\nmutant a {SPLIT} ring_is_explored\n{INVERTED}+\n",
                       encoding="utf-8")
    monkeypatch.setattr(module, "prepare", lambda *_: (None, {}))
    monkeypatch.setattr(module, "first_run", lambda *_: {"ring_is_explored": module.SKIPPED})
    monkeypatch.setattr("sys.argv", ["mutate.py", "--list", str(mutants), "--build", str(tmp_path)])
    assert module.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "skipped a: ring_is_explored is skipped here", "0 passed, 0 failed, 1 skipped"]


def test_mutants_are_judged(tmp_path):
    run = mutate(tmp_path, "tests set: ring_notifies_when_asked\n"
                 f"mutant noticed {SPLIT} set\n{INVERTED}+ return false;\n"
                 f"mutant listed {SPLIT} set\n{INVERTED}+ return false;\nsurvives: it does not\n"
                 f"mutant missed {SPLIT} set\n{NO_BARRIER}+\n"
                 "area barriers\n"
                 f"mutant excused {SPLIT} set\n{NO_BARRIER}+\nsurvives: it takes two threads\n"
                 f"mutant broken {SPLIT} set\n{NO_BARRIER}+ no C\n"
                 f"mutant ordered {SPLIT} driver_and_device_are_ordered "
                 f"driver_and_device_are_ordered_tsan\n{PUBLISH}")
    assert run.stdout.splitlines() == [
        "ok noticed: noticed by ring_notifies_when_asked",
        "FAILED listed: noticed by ring_notifies_when_asked",
        "FAILED missed: not noticed: a test is missing",
        "ok excused: not noticed: it takes two threads",
        "FAILED broken: it does not compile",
        "ok ordered: noticed by driver_and_device_are_ordered_tsan",
        "split rings: 3 mutants, 1 killed, 0 survive as listed",
        "barriers: 3 mutants, 1 killed, 1 survive as listed",
        "3 passed, 3 failed",
    ], run.stderr
    assert run.returncode == 1
    # Programs get the arguments of their tests, without which this one fails.
    run = mutate(tmp_path, f"mutant elsewhere {SPLIT} inputs_break_no_devargs\n{NO_BARRIER}+\n")
    assert run.stdout.startswith("FAILED elsewhere: not noticed"), run.stdout + run.stderr
    run = mutate(tmp_path, f"mutant any {SPLIT} queue_swap\n{NO_BARRIER}+\n")
    assert run.stdout.startswith("FAILED any: queue_swap fails without it too\n"), run.stdout
    run = mutate(tmp_path, f"mutant a {SPLIT} libfuzzer\n{NO_BARRIER}+\n")
    assert run.returncode == 1
    assert "there is no test program libfuzzer" in run.stderr
