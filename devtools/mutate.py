#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Changes single lines of the driver, and runs the tests that should notice.

Works on a copy of the tree, so that the tree itself stays as it is. First runs each test without a
mutant, since one that fails then shows nothing. Prints "ok NAME" for a mutant that a test noticed,
and for one that is listed as one that survives and did. Prints "FAILED NAME" for one that no test
noticed, that was noticed although it is listed as one that survives, that does not compile, that
names a test that fails without it too, or whose place or test was not found; "skipped NAME" where
all its tests skip. devtools/mutants.txt has the mutants, and their format at its head. Prints for
each area "AREA: N mutants, K killed, S survive as listed".

Exit status: 0 if none failed, 1 if one did, 2 for wrong options.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import tool

ROOT = pathlib.Path(__file__).resolve().parents[1]
# So long that only a test that hangs gets there.
LIMIT_S = 300
SKIPPED = 77
# At the end of a test's name: with other data paths, those for vectors of so many bits.
SIMD_BITS = {'_scalar': '128', '_avx512': '512'}
# At the end of a test's name: built with the thread sanitizer.
TSAN = '_tsan'


class Mutant:
    """One change: `new` in the place of the occurrence number `which` of `old`; 0: the only one."""

    def __init__(self, area, name, file, tests):
        self.area = area
        self.name = name
        self.file = file
        self.tests = tests
        self.old = None
        self.new = None
        self.which = 0
        self.survives = None

    def apply(self, text):
        """The text of the file with the change. None: its place was not found."""
        parts = text.split(self.old)
        if len(parts) == 1 or len(parts) <= self.which or (self.which == 0 and len(parts) > 2):
            return None
        at = max(self.which, 1)
        return self.old.join(parts[:at]) + self.new + self.old.join(parts[at:])


def read_list(path):
    """The mutants of a list. An error of the list ends the program."""
    area, sets, mutants = None, {}, []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        key, _, rest = line.partition(' ')
        if line == '' or key == '#':
            continue
        if key == 'tests':
            name, _, tests = rest.partition(':')
            sets[name] = tests.split()
        elif key == 'area' and rest:
            area = rest
        elif key == 'mutant' and area and len(rest.split()) > 2:
            name, file, *tests = rest.split()
            mutants.append(Mutant(area, name, file, [t for n in tests for t in sets.get(n, [n])]))
        elif mutants and key[0] == '-' and (key[1:] or '0').isdigit():
            mutants[-1].which = int(key[1:] or '0')
            mutants[-1].old = rest
        elif mutants and key == '+':
            mutants[-1].new = rest
        elif mutants and key == 'survives:':
            mutants[-1].survives = rest
        else:
            sys.exit(f'mutate.py: error: {path}, line {number}: not understood: {line}')
    names = [m.name for m in mutants]
    for mutant in mutants:
        if not mutant.old or mutant.new is None or names.count(mutant.name) > 1:
            sys.exit(f'mutate.py: error: {path}: {mutant.name} needs a name of its own, and one '
                     'line each that begins with - and with +')
    return mutants


def copy_tree(to):
    """Copies the files that git knows, if they have changed: ninja goes by their times."""
    names = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout
    for name in filter(None, names.split('\0')):
        source, target = ROOT / name, to / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or source.read_bytes() != target.read_bytes():
            shutil.copy(source, target)
    if (ROOT / '.driver-sdk').is_dir() and not (to / '.driver-sdk').exists():
        (to / '.driver-sdk').symlink_to(ROOT / '.driver-sdk')


def test_programs(tree):
    """Paths of the test programs in a build, by their names."""
    targets = subprocess.run(['ninja', '-C', tree, '-t', 'targets', 'all'], check=True,
                             capture_output=True, text=True).stdout
    paths = [line.partition(':')[0] for line in targets.splitlines()]
    return {pathlib.Path(path).name: path for path in paths
            if path.startswith('app/') and pathlib.Path(path).suffix == ''}


def test_arguments(tree):
    """What the tests of a build give their programs, by the names of these."""
    tests = subprocess.run(['meson', 'introspect', '--tests', tree], check=True,
                           capture_output=True, text=True).stdout
    return {pathlib.Path(test['cmd'][0]).name: test['cmd'][1:] for test in json.loads(tests)}


def status_of(command, env=None, limit=None):
    """The exit status of a program whose output is of no interest; None if it hangs."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=limit, check=False, env=env).returncode
    except subprocess.TimeoutExpired:
        return None


def parts_of(test):
    """A test's program, which is that of its source, the bits of its vectors or None, and whether
    it has the thread sanitizer."""
    name = test.removesuffix(TSAN)
    for suffix, bits in SIMD_BITS.items():
        if name.endswith(suffix):
            return name.removesuffix(suffix), bits, test.endswith(TSAN)
    return name, None, test.endswith(TSAN)


def missing_tests(mutants):
    """The tests that are named and have no source, by the names of the mutants."""
    sources = {path.stem for path in (ROOT / 'app').rglob('*.c')}
    # One program replays the inputs of each fuzz target.
    sources |= {'inputs_break_no_' + path.stem.replace('-', '_')
                for path in (ROOT / 'app/fuzz/corpus').glob('*.hex')}
    return {m.name: [t for t in m.tests if parts_of(t)[0] not in sources] for m in mutants}


class Build:
    """A build of the copy, and the paths of the test programs in it by their names."""

    def __init__(self, tree, source, *options):
        if not (tree / 'build.ninja').exists():
            subprocess.run(['meson', 'setup', *options, tree, source], check=True,
                           stdout=subprocess.DEVNULL)
        # The tests of a tree of before may be others.
        subprocess.run(['ninja', '-C', tree, 'build.ninja'], check=True, stdout=subprocess.DEVNULL)
        self.tree = tree
        self.programs = test_programs(tree)
        self.arguments = test_arguments(tree)

    def path_of(self, test):
        """The path of a test. A test that is not there ends the program."""
        name = parts_of(test)[0]
        if name not in self.programs:
            sys.exit(f'mutate.py: error: there is no test program {name}')
        return self.programs[name]

    def compiles(self, tests):
        """Whether these tests can be built."""
        return status_of(['ninja', '-C', self.tree, *map(self.path_of, tests)]) == 0

    def status(self, test):
        """The exit status of a test."""
        name, bits, _ = parts_of(test)
        env = dict(os.environ)
        if bits is not None:
            env['TEST_SIMD_BITWIDTH'] = bits
        return status_of([self.tree / self.path_of(test), *self.arguments.get(name, [])], env,
                         LIMIT_S)

    def fails(self, test):
        """Whether a test fails."""
        return self.status(test) not in (0, SKIPPED)


def first_run(builds, tests):
    """The exit statuses of tests without a mutant, by their names."""
    named = {test: builds[parts_of(test)[2]] for test in tests}
    for build in builds.values():
        own = [test for test in named if named[test] is build]
        if own and not build.compiles(own):
            sys.exit('mutate.py: error: the tree does not compile without a mutant')
    return {test: build.status(test) for test, build in named.items()}


def judge(mutant, source, builds):
    """Whether a mutant ends as listed, and what came of it."""
    tests = {build: [t for t in mutant.tests if parts_of(t)[2] == is_tsan]
             for is_tsan, build in builds.items()}
    file = source / mutant.file
    text = file.read_text(encoding='utf-8')
    file.write_text(mutant.apply(text), encoding='utf-8')
    try:
        if not all(build.compiles(named) for build, named in tests.items() if named):
            return False, 'it does not compile'
        noticed = next((test for build, named in tests.items() for test in named
                        if build.fails(test)), None)
    finally:
        file.write_text(text, encoding='utf-8')
    if noticed is None:
        return mutant.survives is not None, f'not noticed: {mutant.survives or "a test is missing"}'
    return mutant.survives is None, f'noticed by {noticed}'


def prepare(folder, tests):
    """The copy of the tree, and its builds: by whether they have the thread sanitizer."""
    source = folder / 'source'
    copy_tree(source)
    builds = {False: Build(folder / 'build', source, '-Doptimization=1', '-Ddebug=false')}
    if any(parts_of(test)[2] for test in tests):
        builds[True] = Build(folder / 'tsan', source, '-Db_sanitize=thread', '-Db_lundef=false',
                             '-Dbuildtype=debugoptimized')
    return source, builds


def print_totals(mutants, ended_as_listed):
    """A line for each area: how many mutants it has, and how many of them ended as listed."""
    for area in dict.fromkeys(m.area for m in mutants):
        survive = [m for m in ended_as_listed if m.area == area and m.survives is not None]
        killed = [m for m in ended_as_listed if m.area == area and m.survives is None]
        count = sum(m.area == area for m in mutants)
        print(f'{area}: {count} mutants, {len(killed)} killed, {len(survive)} survive as listed')


def main():
    parser = tool.parser(__doc__)
    parser.add_argument('--list', type=pathlib.Path, default=ROOT / 'devtools/mutants.txt',
                        metavar='FILE', help='the mutants (default: devtools/mutants.txt)')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build-mutants',
                        metavar='FOLDER', help='of the copy (default: build-mutants)')
    parser.add_argument('--places', action='store_true',
                        help='build nothing; only see that each place and each test is found')
    parser.add_argument('name', nargs='*', help='of a mutant (default: all of them)')
    args = parser.parse_args()
    mutants = read_list(args.list)
    unknown = set(args.name) - {m.name for m in mutants}
    if unknown:
        parser.error(f'no such mutant: {", ".join(sorted(unknown))}')
    chosen = [m for m in mutants if not args.name or m.name in args.name]
    missing = missing_tests(chosen)
    statuses = {}
    if not args.places:
        tests = dict.fromkeys(t for m in chosen for t in m.tests if not missing[m.name])
        source, builds = prepare(args.build.resolve(), tests)
        statuses = first_run(builds, tests)
    skipped = [m for m in chosen if {statuses.get(t) for t in m.tests} == {SKIPPED}]
    for mutant in skipped:
        print(f'skipped {mutant.name}: {mutant.tests[0]} is skipped here')
    chosen = [m for m in chosen if m not in skipped]
    passed = []
    for mutant in chosen:
        if mutant.apply((ROOT / mutant.file).read_text(encoding='utf-8')) is None:
            good, why = False, f'its place in {mutant.file} was not found'
        elif missing[mutant.name]:
            good, why = False, f'there is no test {missing[mutant.name][0]}'
        elif args.places:
            good, why = True, 'its place was found'
        elif any(statuses[test] not in (0, SKIPPED) for test in mutant.tests):
            test = next(test for test in mutant.tests if statuses[test] not in (0, SKIPPED))
            good, why = False, f'{test} fails without it too'
        else:
            good, why = judge(mutant, source, builds)
        if good:
            passed.append(mutant)
        print(f'{"ok" if good else "FAILED"} {mutant.name}: {why}', flush=True)
    if not args.places:
        print_totals(chosen, passed)
    print(f'{len(passed)} passed, {len(chosen) - len(passed)} failed' +
          (f', {len(skipped)} skipped' if skipped else ''))
    return 0 if len(passed) == len(chosen) else 1


if __name__ == '__main__':
    tool.run(main)
