#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The committed inputs of a fuzz target, app/fuzz/corpus/TARGET.hex, and a folder of libFuzzer.

A line of such a file is an input in hexadecimal digits, or a comment that begins with "#". A
comment, and the inputs that follow it up to an empty comment, are kept when the file is written
anew: they are the inputs that showed a fault.
"""

import hashlib
import pathlib

import tool

# Of the inputs of one target in the tree, so that all together have some 200 kB.
MOST_DIGITS = 16000


def read_inputs(path):
    """The inputs of a corpus, as bytes."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]


def read_faults(path):
    """The lines of a corpus that show faults, with their comments."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="ascii").splitlines()
    return lines[:lines.index("#") + 1] if "#" in lines else []


def expand(corpus, folder):
    """Writes each input of a corpus to a file of the folder, named as libFuzzer does."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in read_inputs(corpus):
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def collect(folder, corpus):
    """Writes a corpus of as many inputs of the folder as there is room for, of all lengths."""
    lines = read_faults(corpus)
    digits = sum(map(len, lines))
    inputs = []
    # The names are hashes, so that their order is none of the inputs.
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        digits += 2 * len(data)
        if digits > MOST_DIGITS:
            break
        if data:
            inputs.append(data.hex())
    lines += sorted(inputs, key=lambda text: (len(text), text))
    corpus.write_text("".join(line + "\n" for line in lines), encoding="ascii")


def parse_args():
    parser = tool.parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    expansion = commands.add_parser("expand", help="from CORPUS to files of FOLDER")
    expansion.add_argument("corpus", type=pathlib.Path)
    expansion.add_argument("folder", type=pathlib.Path)
    collection = commands.add_parser("collect", help="from the files of FOLDER to CORPUS")
    collection.add_argument("folder", type=pathlib.Path)
    collection.add_argument("corpus", type=pathlib.Path)
    return parser.parse_args()


def main():
    args = parse_args()
    try:
        if args.command == "expand":
            expand(args.corpus, args.folder)
        else:
            collect(args.folder, args.corpus)
    except ValueError as error:
        return f"fuzz-corpus.py: error: {args.corpus}: {error}"
    return 0


if __name__ == "__main__":
    tool.run(main)
