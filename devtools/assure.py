#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Runs the long tests, and writes their figures into doc/assurance.md.

The parts are those of the document: fuzz (devtools/run-fuzz.sh), models (devtools/check-models.sh
--large), mutants (devtools/mutate.py), soak (devtools/soak.sh) and coverage (a build with gcov, its
unit, end-to-end and guest tests, and gcovr). Each part has a table between two marks, which this
replaces, so that a run of some parts leaves the tables of the others as they are. The output of a
part is in build-assurance/PART.log.

Made for a night on a machine that does nothing else: with the default options some 4 hours on two
cores (an estimate). CI runs a short form of all parts but mutants and coverage by itself
(devtools/run-tests.sh).

Exit status: 0 if every part passed, 1 if one did not, 2 for wrong options.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import tool

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / 'build-assurance'
COVERAGE = ROOT / 'build-coverage'

# Exit status of tests that could not be run.
SKIPPED = 77


class Failed(Exception):
    """A part has no figures, and why."""


def run(part, *command, env=None):
    """The output of a command, which also goes to the log of the part, and its exit status."""
    lines = []
    with open(LOGS / f'{part}.log', 'a', encoding='utf-8') as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True,
                                 stderr=log, env={**os.environ, **(env or {})})
        for line in child.stdout:
            log.write(line)
            log.flush()
            lines.append(line.rstrip('\n'))
    return lines, child.wait()


def table(head, rows):
    lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def fuzz(args):
    lines, status = run('fuzz', 'devtools/run-fuzz.sh', '--runs', '1000000000',
                        '--seconds', str(60 * args.fuzz_minutes))
    return fuzz_table(lines), status == 0


def fuzz_table(lines):
    rows = []
    for line in lines:
        found = re.fullmatch(r'fuzz (\S+): (\d+) inputs, (\d+) per second, (\d+) features, '
                             r'(\d+) findings', line)
        if found:
            rows.append([found[1], *(f'{int(n):,}' for n in found.groups()[1:])])
    if not rows:
        raise Failed('no target was run')
    return table(['target', 'inputs', 'a second', 'features', 'findings'], sorted(rows))


def models(_args):
    lines, status = run('models', 'devtools/check-models.sh', '--large')
    return models_table(lines), status == 0


def models_table(lines):
    rows = []
    for line in lines:
        found = re.fullmatch(r'ok models: (\S+)(.*): (\d+) states, no error', line)
        if found:
            rows.append([f'{found[1]}{found[2]}', f'{int(found[3]):,}'])
    if not rows:
        raise Failed('no model was run: is there spin?')
    broken = sum(line.startswith('ok models:') and line.endswith('an error is found')
                 for line in lines)
    return (table(['model', 'states without an error'], rows) +
            f'\n\nVariants that leave out a part, and in which an error was found: {broken}.')


def mutants(_args):
    lines, status = run('mutants', 'devtools/mutate.py')
    return mutants_table(lines), status == 0


def mutants_table(lines):
    rows, sums = [], [0, 0, 0]
    for line in lines:
        found = re.fullmatch(r'(.+): (\d+) mutants, (\d+) killed, (\d+) survive as listed', line)
        if found:
            numbers = [int(n) for n in found.groups()[1:]]
            rows.append([found[1], *numbers])
            sums = [a + b for a, b in zip(sums, numbers)]
    if not rows:
        raise Failed('no mutant was run')
    return table(['area', 'mutants', 'noticed', 'survive as listed'],
                 [*rows, ['together', *sums]])


def soak(args):
    result = LOGS / 'soak.json'
    result.unlink(missing_ok=True)
    lines, status = run('soak', 'devtools/soak.sh', '--minutes', str(args.soak_minutes),
                        '--json', str(result))
    if not result.exists():
        raise Failed('there is no result')
    with open(result, encoding='utf-8') as file:
        return soak_table(json.load(file), lines), status == 0


def soak_table(result, lines):
    events, resources, other = result['events'], result['resources'], result['other_port']
    rows = {'stop': 'stop', 'start': 'start', 'stop_beside': 'stop, back-end held up or killed',
            'start_beside': 'start, the same'}
    columns = ['p50', 'p99', 'p99.9', 'max']
    times = [[words, *(f'{result[name + "_us"][key]:.0f}' for key in columns)]
             for name, words in rows.items()]
    growth = [[name, r['warm'], r['greatest'], r['last']] for name, r in resources.items()]
    missing = sum(path['missing'] for path in result['paths'])
    dropped = sum(path['tx_dropped'] + path['rx_dropped'] for path in result['paths'])
    return '\n\n'.join((
        f'{result["resets"]:,} queue resets in {result["episodes"]} episodes on '
        f'{len(result["paths"])} paths, {result["seconds"] / 60:.0f} minutes, seed '
        f'{result["seed"]}: {result["verdict"]}. Packets that did not come back: {missing:,}. The '
        f'driver has counted {dropped:,} of them as dropped by resets, and the others were in '
        'back-ends that were killed: where none was, both numbers have to be the same. Back-ends: '
        f'{events["kills"]} killed, {events["stops"]} stopped for '
        f'{events["stopped_ms"] / 1000:.0f} s in all; {events["unread"]} times nobody read what '
        f'one logs, and {events["filled"]} times its pipe was full then; in {events["one_core"]} '
        f'episodes its threads shared one core. {events["pools"]} pools came in memory that was '
        f'mapped under traffic, {events["calls_again"]} queue calls were made again after a '
        f'time-out, {events["port_resets"]} ports were reset after a kill. The other port sent '
        f'{other["sent"]:,} packets and missed {other["missing"]}.',
        table(['us', *columns], times),
        table(['resource', 'warm-up at most', 'later at most', 'at the end'], growth),
        secondaries_sentence(lines)))


def secondaries_sentence(lines):
    """The result of virtio-soak-secondaries, which has no file."""
    for line in lines:
        found = re.fullmatch(r'(PASSED|FAILED|INCOMPLETE): secondary processes: (.*)', line)
        if found:
            return f'Secondary processes: {found[2]}: {found[1]}.'
        found = re.fullmatch(r'skipped secondaries: (?!growth)(.*)', line)
        if found:
            return f'Secondary processes: not run ({found[1]}).'
    return 'Secondary processes: FAILED, there is no result.'


def coverage(_args):
    if shutil.which('gcovr') is None:
        raise Failed("there is no gcovr (Debian's package: gcovr)")
    if shutil.which('gcov-tool') is None:
        raise Failed('there is no gcov-tool, which comes with gcc')
    is_there = (COVERAGE / 'build.ninja').exists()
    # Several threads count.
    run('coverage', 'meson', 'configure' if is_there else 'setup', str(COVERAGE),
        '-Db_coverage=true', '-Dbuildtype=debug', '-Doptimization=0',
        '-Dc_args=-fprofile-update=atomic')
    for file in COVERAGE.rglob('*.gcda'):
        file.unlink()
    if run('coverage', 'ninja', '-C', str(COVERAGE))[1] != 0:
        raise Failed('the build has failed')
    unit = run('coverage', 'meson', 'test', '-C', str(COVERAGE), '--no-rebuild',
               '--timeout-multiplier', '6')[1]
    # test_install.py compiles programs with a static library that wants gcov's here.
    e2e = run('coverage', sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q',
              'test/e2e', '--ignore-glob=*test_scripts*', '--ignore=test/e2e/test_install.py',
              env={'VIRTIO_BUILD': str(COVERAGE)})[1]
    guest = guest_coverage()
    report = LOGS / 'coverage.json'
    report.unlink(missing_ok=True)
    gcovr = run('coverage', 'gcovr', '--root', str(ROOT), '--object-directory', str(COVERAGE),
                '--filter', 'lib/', '--filter', 'drivers/', '--json-summary', str(report))[1]
    if gcovr != 0 or not report.exists():
        raise Failed(f'gcovr has not made a report (status {gcovr})')
    with open(report, encoding='utf-8') as file:
        figures = coverage_table(json.load(file))
    if guest == SKIPPED:
        figures = f'Without the guest tests, which could not be run.\n\n{figures}'
    return figures, unit == 0 and e2e == 0 and guest in (0, SKIPPED)


def guest_coverage():
    """Runs the guest tests, and adds what they have counted. Their exit status."""
    shutil.rmtree(COVERAGE / 'guest-coverage', ignore_errors=True)
    status = run('coverage', 'devtools/run-guest-tests.sh', '--build', COVERAGE.name,
                 '--coverage')[1]
    for archive in sorted((COVERAGE / 'guest-coverage').glob('*.tar.gz')):
        counted, merged = LOGS / 'counted', LOGS / 'merged'
        for folder in (counted, merged):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(counted)
        except (tarfile.TarError, EOFError, OSError) as why:
            # Of a guest that has not come to its end, which is a failure of its test.
            print(f'assure.py: {archive}: {why}', file=sys.stderr)
            continue
        # Not of a guest in which nothing of this build has run.
        if not any(counted.rglob('*.gcda')):
            continue
        # The archive has paths from the root on.
        if run('coverage', 'gcov-tool', 'merge', '-o', str(merged), str(COVERAGE),
               f'{counted}{COVERAGE}')[1] != 0:
            raise Failed(f'gcov-tool has not merged {archive}')
        shutil.copytree(merged, COVERAGE, dirs_exist_ok=True)
    return status


def coverage_table(report):
    folders = {}
    for file in report['files']:
        sums = folders.setdefault(os.path.dirname(file['filename']), [0, 0, 0, 0])
        for i, key in enumerate(('line_covered', 'line_total', 'branch_covered', 'branch_total')):
            sums[i] += file[key]
    least = sorted((file['line_covered'] / max(file['line_total'], 1), file['filename'])
                   for file in report['files'])[:8]
    return '\n\n'.join((
        table(['folder', 'lines', 'of them run', 'branches', 'of them taken'],
              [[name, s[1], f'{100 * s[0] / max(s[1], 1):.1f} %', s[3],
                f'{100 * s[2] / max(s[3], 1):.1f} %'] for name, s in sorted(folders.items())]),
        'The files with the least: ' + ', '.join(f'`{os.path.basename(name)}` {100 * part:.0f} %'
                                                 for part, name in least) + '.'))


PARTS = {'fuzz': fuzz, 'models': models, 'mutants': mutants, 'soak': soak, 'coverage': coverage}


def marks(part):
    return tuple(f'<!-- figures of devtools/assure.py, {part}: {word} -->'
                 for word in ('begin', 'end'))


def read_document(path, parts):
    """The text. A document without the marks of each part ends the program."""
    text = path.read_text(encoding='utf-8')
    for part in parts:
        begin, end = marks(part)
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            sys.exit(f'assure.py: error: {path} wants one line "{begin}" and below it one "{end}"')
    return text


def put(text, part, figures):
    begin, end = marks(part)
    head, rest = text.split(begin)
    return f'{head}{begin}\n\n{figures}\n\n{end}{rest.split(end)[1]}'


def commit():
    found = subprocess.run(['git', 'describe', '--always', '--dirty', '--abbrev=12'], cwd=ROOT,
                           capture_output=True, text=True, check=False)
    return found.stdout.strip() or 'unknown'


def main():
    parser = tool.parser(__doc__)
    parser.add_argument('--fuzz-minutes', type=int, default=20, metavar='N',
                        help='for each target (default: 20)')
    parser.add_argument('--soak-minutes', type=int, default=60, metavar='N',
                        help='default: 60')
    parser.add_argument('--document', type=pathlib.Path, default=ROOT / 'doc/assurance.md',
                        metavar='FILE', help='default: doc/assurance.md')
    parser.add_argument('part', nargs='*', help=f'of {", ".join(PARTS)} (default: all)')
    args = parser.parse_args()
    if min(args.fuzz_minutes, args.soak_minutes) < 1:
        parser.error('--fuzz-minutes and --soak-minutes: must be 1 or more')
    unknown = [part for part in args.part if part not in PARTS]
    if unknown:
        parser.error(f'no such part: {unknown[0]}; the parts are {", ".join(PARTS)}')
    parts = args.part or list(PARTS)
    read_document(args.document, parts)
    LOGS.mkdir(exist_ok=True)
    failed = 0
    for part in parts:
        print(f'assure.py: {part}', file=sys.stderr, flush=True)
        (LOGS / f'{part}.log').write_text('', encoding='utf-8')
        begun = datetime.datetime.now()
        try:
            figures, good = PARTS[part](args)
        except Failed as why:
            print(f'FAILED {part}: {why}; see {LOGS / part}.log', flush=True)
            failed += 1
            continue
        minutes = (datetime.datetime.now() - begun).total_seconds() / 60
        line = f'{begun:%d %B %Y}, commit {commit()}, {minutes:.0f} minutes' + \
            ('.' if good else ': **with failures**.')
        text = read_document(args.document, [part])
        args.document.write_text(put(text, part, f'{line}\n\n{figures}'), encoding='utf-8')
        print(f'{"ok" if good else "FAILED"} {part}', flush=True)
        failed += not good
    print(f'{len(parts) - failed} passed, {failed} failed')
    return 0 if failed == 0 else 1


if __name__ == '__main__':
    tool.run(main)
