#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Usage: devtools/settle-release.py YY.MM COMPAT_HEADER [SOURCE...]

Rewrites a copy of the driver's sources for one release of DPDK, so that it does not carry what it
has for other releases:

- conditions on RTE_VERSION and VIRTIO_IN_DPDK in COMPAT_HEADER leave the branch of that release,
  and a comment whose branch is empty goes with it;
- an argument list or a name of a function that such a branch defines as a VIRTIO_ macro is written
  where the macro stands, in COMPAT_HEADER and every SOURCE;
- RTE_EXPORT_EXPERIMENTAL_SYMBOL gets the release.

devtools/lift-into-dpdk.sh calls it for the copy in a DPDK tree.
"""

import re
import sys

import tool

COLUMNS = 100


def value_of(condition, release):
    """True or False where the release alone decides, else None."""
    known = {'RTE_VERSION': release, 'VIRTIO_IN_DPDK': True}
    condition = re.sub(r'RTE_VERSION_NUM\((\d+), (\d+), \d+, \d+\)',
                       lambda at: str(int(at[1]) * 100 + int(at[2])), condition)
    condition = re.sub(r'!defined\((\w+)\)', r'(not defined("\1"))', condition)
    condition = re.sub(r'(?<!\()\bdefined\((\w+)\)', r'defined("\1")', condition)
    condition = condition.replace('&&', ' and ').replace('||', ' or ')

    def defined(name):
        if name not in known:
            raise NameError(name)
        return True
    try:
        return bool(eval(condition, {'__builtins__': {}}, {**known, 'defined': defined}))
    except (NameError, SyntaxError, TypeError):
        return None


def settle(lines, release):
    """The lines that this release compiles, and the macros of settled branches."""
    out = []
    defines = {}
    # Open conditions: None: stays as it is; else whether the branch at hand is the release's.
    stack = []
    starts = []
    i = 0
    while i < len(lines):
        line = lines[i]
        i += 1
        start = re.match(r'#\s*if(n?def)?\b\s*(.*)', line)
        if start:
            condition = {'def': f'defined({start[2]})', 'ndef': f'!defined({start[2]})'}.get(
                start[1], start[2])
            while condition.endswith('\\'):
                condition = condition[:-1] + lines[i]
                line += '\n' + lines[i]
                i += 1
            value = value_of(condition, release) if False not in stack else False
            stack.append(value)
            starts.append(len(out))
            if value is None:
                out.append(line)
            continue
        if re.match(r'#\s*else\b', line) and stack and stack[-1] is not None:
            stack[-1] = not stack[-1] if False not in stack[:-1] else False
            continue
        if re.match(r'#\s*endif\b', line) and stack:
            value = stack.pop()
            start = starts.pop()
            if value is None:
                out.append(line)
            elif False not in stack and not any(out[start:]):
                drop_comment(out)
            continue
        if False in stack:
            continue
        macro = re.match(r'#define (VIRTIO_\w+)\s+(.*)', line)
        if True in stack and macro and not re.match(r'[\d"]', macro[2]):
            text = macro[2]
            while text.endswith('\\'):
                text = text[:-1].rstrip() + ' ' + lines[i].strip()
                i += 1
            defines[macro[1]] = text.strip()
            continue
        out.append(line)
    return out, defines


def drop_comment(out):
    """Removes the comment that the lines end with, if they do."""
    if not out or not out[-1].endswith('*/'):
        return
    while out and not out[-1].startswith('/*'):
        out.pop()
    if out:
        out.pop()


def wrap(line):
    """A declaration of one line as several, aligned with its parenthesis."""
    indent = line.index('(') + 1
    lines = ['']
    for part in re.split(r'(?<=,) ', line):
        joined = f'{lines[-1]} {part}' if lines[-1].strip() else lines[-1] + part
        if len(joined) > COLUMNS:
            lines.append('\t' * (indent // 8) + ' ' * (indent % 8) + part)
        else:
            lines[-1] = joined
    return lines


def expand(lines, defines):
    """Writes out the macros in these lines."""
    for line in lines:
        new = re.sub(r'\bVIRTIO_\w+\b', lambda at: defines.get(at[0], at[0]), line)
        if new != line and len(new) > COLUMNS and '(' in new:
            yield from wrap(new)
        else:
            yield new


def squeeze(lines):
    """No more than one empty line in a row."""
    for i, line in enumerate(lines):
        if line or i == 0 or lines[i - 1]:
            yield line


def read(path):
    """The lines of a file."""
    with open(path, encoding='utf-8') as file:
        return file.read().splitlines()


def write(path, lines):
    """The file has these lines afterwards."""
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in lines)


def main():
    """What the usage above says."""
    parser = tool.parser(__doc__)
    parser.add_argument('release', help='as 24.11')
    parser.add_argument('compat_header')
    parser.add_argument('source', nargs='*')
    args = parser.parse_args()
    if not re.fullmatch(r'\d\d\.\d\d', args.release):
        parser.error(f'{args.release}: must be a release of DPDK, as 24.11')
    release = int(args.release.replace('.', ''))
    compat, defines = settle(read(args.compat_header), release)
    write(args.compat_header, squeeze(list(expand(compat, defines))))
    for path in args.source:
        lines = [re.sub(r'^(RTE_EXPORT_EXPERIMENTAL_SYMBOL\(\w+, )[\d.]+', rf'\g<1>{args.release}',
                        line) for line in read(path)]
        write(path, expand(lines, defines))
    return 0


if __name__ == '__main__':
    sys.exit(tool.run(main))
