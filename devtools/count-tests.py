#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Counts the single tests in what a runner left behind, for run-tests.sh.

count-tests.py lines NAME STATUS FILE   a program's output and exit status
count-tests.py meson NAME FILE          the testlog.json of "meson test"
count-tests.py junit NAME FILE          the JUnit file of pytest

A program prints "ok NAME", "FAILED NAME" or "skipped NAME" for each test. One that fails, or has
run no test, without saying so counts as one that failed. Prints three numbers: passed, failed,
skipped; what failed or was skipped goes to stderr.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

import tool


def note(text):
    print(text, file=sys.stderr)


def count_lines(name, status, output):
    counts = [0, 0, 0]
    for line in output.splitlines():
        for i, word in enumerate(("ok ", "FAILED ", "skipped ")):
            if line.startswith(word):
                counts[i] += 1
                if i > 0:
                    note(f"{word}{name}: {line[len(word):]}")
    if counts[1] == 0 and (status != 0 or counts[0] + counts[2] == 0):
        note(f"FAILED {name}: exit status {status} after {counts[0]} tests that passed")
        counts[1] = 1
    return counts


def count_meson(name, path):
    total = [0, 0, 0]
    programs = 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            programs += 1
            label = f"{name}: {test['name'].split(' / ')[-1]}"
            if test["result"] == "SKIP":
                note(f"skipped {label}")
                counts = [0, 0, 1]
            else:
                # A program that was killed has no exit status of its own.
                status = test["returncode"] or int(test["result"] != "OK")
                counts = count_lines(label, status, test.get("stdout") or "")
            note(f"{label}: {counts[0]} of {sum(counts)}")
            total = [a + b for a, b in zip(total, counts)]
    if programs == 0:
        note(f"FAILED {name}: no test")
        total[1] += 1
    return total


def count_junit(name, path):
    suite = ElementTree.parse(path).getroot().find("testsuite")
    tests, failed, errors, skipped = (
        int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped"))
    if tests == 0:
        note(f"FAILED {name}: no test")
        errors = 1
        tests = 1
    return [tests - failed - errors - skipped, failed + errors, skipped]


def parse_args():
    parser = tool.parser(__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("lines", "meson", "junit"):
        arguments = kinds.add_parser(kind)
        arguments.add_argument("name")
        if kind == "lines":
            arguments.add_argument("status", type=int)
        arguments.add_argument("file")
    return parser.parse_args()


def main():
    args = parse_args()
    name = args.name
    try:
        if args.kind == "lines":
            with open(args.file, encoding="utf-8", errors="replace") as output:
                counts = count_lines(name, args.status, output.read())
        elif args.kind == "meson":
            counts = count_meson(name, args.file)
        else:
            counts = count_junit(name, args.file)
    except (OSError, ElementTree.ParseError, json.JSONDecodeError) as error:
        note(f"FAILED {name}: left no result ({error})")
        counts = [0, 1, 0]
    print(*counts)


if __name__ == "__main__":
    tool.run(main)
