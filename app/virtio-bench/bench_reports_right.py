#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Tables, goals and the plot of figures that are made up, and options that are wrong.

bench_reports_right.py VIRTIO_BENCH PLOT_BENCH
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import traceback

import estimate
import report

BINARY, PLOT = sys.argv[1:3]
# Meson's, in a cross build: what runs a program of the other architecture.
WRAPPER = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))


def both(ours, packaged):
    return {'ours': ours, 'packaged': packaged}


def a_session(ratios, handover=(100.0, 100.0)):
    """Pairs of turns with these ratios; ours carries ten times as much."""
    return [{'ours': {'mpps': 10.0 * ratio, 'waiting': 0.25, 'p50_ns': ratio, 'p99_ns': ratio},
             'packaged': {'mpps': 10.0, 'waiting': 0.5, 'p50_ns': 1.0, 'p99_ns': 1.0},
             'handover': list(handover)} for ratio in ratios]


def a_rate(sample, figures=('mpps',)):
    return {'direction': 'loop', 'size': '64', 'sessions': sample,
            'estimates': {figure: estimate.estimate(sample, figure) for figure in figures}}


def a_result():
    """One path that is there, one that is not, one that was not taken."""
    times = {part: {'p50': 50.0, 'p99': 90.0, 'max': 99.0}
             for part in ('stop', 'set_up', 'start', 'all')}
    slow = {part: {'p50': 1500.0, 'p99': 1600.0, 'max': 1700.0} for part in times}
    there = {'there': True, 'mode': 'Scalar'}
    return {
        'program': 'virtio-bench', 'when': '2026-01-01', 'quick': False, 'burst': 32,
        'only': ['steps', 'rate', 'latency', 'cycles', 'life'], 'plan': {'pairs': 3},
        'failures': [],
        'machine': {'cpu': 'CPU', 'cpus': 2, 'kernel': '6', 'dpdk': '22.11', 'hugepages': True,
                    'load_before': 0.0, 'load_after': 1.0},
        'handover': {'ghz': 2.0, 'alone': 150.0, 'of_many': 20.0},
        'paths': [
            {'name': 'split, generic', 'devargs': '', **both(there, {'there': True, 'mode': ''}),
             'steps': both({'rx': 50.0, 'tx': 80.0, 'gate': 16}, {'rx': 200.0, 'tx': 200.0}),
             'orders': {'random': both({'rx': 60.0, 'tx': 90.0}, {'rx': 240.0, 'tx': 180.0}),
                        'once': {'ours': {'rx': 70.0, 'tx': 95.0}}},
             'cycles': [both({'rx': 10.0, 'tx': 20.0}, {'rx': 40.0, 'tx': 20.0})] * 3,
             'rate': [a_rate([a_session([ratio - 0.1, ratio, ratio + 0.1])
                              for ratio in (0.8, 0.9, 0.9, 1.0)])],
             'latency': a_rate([a_session([0.95] * 5)] * 4, ('p50_ns', 'p99_ns'))},
            {'name': 'packed', 'devargs': '',
             **both({'there': False, 'words': 'not in this driver yet'}, there),
             'steps': {'packaged': {'rx': 1.0, 'tx': 2.0}}},
            {'name': 'split, in-order', 'devargs': '',
             **both({'there': True, 'words': 'takes Scalar', 'mode': 'Scalar'}, there),
             'steps': both({'rx': 500.0, 'tx': 500.0}, {'rx': 1.0, 'tx': 1.0})},
        ],
        'life': [{'back_end': 'idle', 'ring': 256, 'pairs': 1, 'words': {'packaged plain': 'no'},
                  'runs': {'ours rx-queue': [times], 'ours tx-queue': [times],
                           'packaged port': [slow], 'packaged plain': []}}],
    }


def row(text, *cells):
    """The table row that begins with these cells."""
    for line in text.splitlines():
        found = [cell.strip() for cell in line.strip('|').split('|')]
        if found[:len(cells)] == list(cells):
            return found
    raise AssertionError(f'no row {cells} in:\n{text}')


def ratios_are_ours_to_packaged():
    text = report.render(a_result())
    assert row(text, 'split, generic', '50.0')[1:] == [
        '50.0', '200.0', '0.25', '80.0', '200.0', '0.40', '130.0', '400.0', '0.33'], text
    # 16 instructions for 32 packets.
    assert row(text, 'split, generic', '16')[1:] == [
        '16', '49.50', '50.00', '1.0 %', '79.50', '80.00', '0.6 %'], text
    assert row(text, 'split, generic', 'loop')[3:] == [
        '9.00', '10.00', '(0.897 [0.776, 1.037])', '25 %', '50 %', '12 of 12 / 4 of 4',
        '100'], text
    assert row(text, 'split, generic', '1')[1:] == [
        '1', '1', '0.950 [0.950, 0.950]', '1', '1', '0.950 [0.950, 0.950]'], text
    # 2 GHz at 9 Mpps; 30 of its own; 1 3/8 lines in, 3/8 out.
    assert row(text, 'split, generic', 'loop', '222')[3:] == ['30', '1.75', '35'], text
    assert row(text, 'idle', '256', '1', '50.0 / 90.0')[4:] == [
        '50.0 / 90.0', '1500 / 1600', '- / -', '1 : 30'], text


def orders_are_shown():
    text = report.render(a_result())
    assert row(text, 'split, generic: at random')[1:] == [
        '60.0', '240.0', '0.25', '90.0', '180.0', '0.50', '150.0', '420.0', '0.36'], text
    assert row(text, 'split, generic: in turn, after one out of order')[1:] == [
        '70.0', '-', '-', '95.0', '-', '-', '165.0', '-', '-'], text
    result = a_result()
    del result['paths'][0]['orders']
    assert 'at random' not in report.render(result)


def missing_path_is_shown_in_its_own_words():
    text = report.render(a_result())
    assert row(text, 'packed (*)')[1:4] == ['-', '1.0', '-'], text
    assert 'packed: ours is not there yet: "not in this driver yet"' in text
    assert 'packaged plain, 1 pairs, ring 256: "no"' in text


def goals_are_judged_both_ways():
    text = report.goals(a_result())
    assert row(text, 'instructions, rx + tx: split, generic')[1:] == [
        '<= 0.35', '0.33', 'yes'], text
    assert row(text, 'instructions, tx: split, generic')[1:] == ['<= 70', '80.00', 'NO'], text
    assert row(text, 'packets/s, rows that are decided')[2:] == ['0 of 1', 'NO'], text
    assert row(text, 'latency, p99: split, generic')[3] == 'yes', text
    assert row(text, 'one receive queue : port; pairs: 1, idle back-end')[3] == 'yes', text
    # One row is well, and one is not.
    result = a_result()
    result['paths'][0]['rate'] = [a_rate([a_session([ratio] * 9)] * 4) for ratio in (1.1, 0.9)]
    result['paths'][0]['latency'] = a_rate([a_session([1.1] * 5)] * 4, ('p50_ns', 'p99_ns'))
    text = report.goals(result)
    assert row(text, 'packets/s, rows that are decided')[2:] == ['2 of 2', 'yes'], text
    assert row(text, 'packets/s, lower end, least of all: split, generic, loop, 64')[2:] == [
        '0.900 [0.900, 0.900]', 'NO'], text
    assert row(text, 'packets/s, decided rows with a lower end below 0.97')[2:] == ['1', 'NO'], \
        text
    assert row(text, 'packets/s, median of all decided')[2:] == ['1.000', 'yes'], text
    assert row(text, 'latency, p50: split, generic')[3] == 'NO', text
    # What is not decided is not met.
    result['paths'][0]['latency'] = a_rate([a_session([0.5]), a_session([0.9])],
                                           ('p50_ns', 'p99_ns'))
    assert row(report.goals(result), 'latency, p99: split, generic')[3] == 'NO', text
    result['quick'] = True
    text = report.goals(result)
    assert 'latency' not in text and 'packets/s' not in text, text


def interval_says_how_sure_a_ratio_is():
    """Narrow where sessions agree, however wide their pairs; wide where they differ."""
    sure = estimate.estimate([a_session([0.8, ratio, 1.2]) for ratio in (0.99, 1.0, 1.01)], 'mpps')
    # Student's t of two degrees of freedom: 4.303 * 0.01 / sqrt(3).
    assert sure['decided'] and abs(sure['ratio'] - 1.0) < 0.001, sure
    assert abs(sure['low'] - 0.9755) < 0.001 and abs(sure['high'] - 1.0251) < 0.001, sure
    torn = estimate.estimate([a_session([ratio] * 24) for ratio in (0.5, 1.0, 1.5, 1.0)], 'mpps')
    assert not torn['decided'] and torn['low'] < 0.6 and torn['high'] > 1.5, torn
    # One session says nothing of the next.
    alone = estimate.estimate([a_session([1.0] * 24)], 'mpps')
    assert alone['low'] is None and not alone['decided'], alone
    # More of them than the table of t has.
    assert estimate.estimate([a_session([1.0] * 3)] * 40, 'mpps')['decided']


def sessions_are_added_while_they_decide_something():
    plan = {'sessions': 5, 'sessions_wide': 10, 'sessions_most': 16}
    narrow = {'low': 0.98, 'high': 1.0, 'decided': True}
    wide = {'low': 1.1, 'high': 1.4, 'decided': False}
    for figures, most in (({}, 5), ({'mpps': narrow}, 5), ({'mpps': wide}, 10),
                          ({'mpps': {**narrow, 'low': 0.96}}, 16),
                          ({'mpps': {**narrow, 'low': 0.93, 'high': 0.96}}, 5),
                          ({'mpps': {**wide, 'low': None, 'high': None}}, 16),
                          ({'p50_ns': narrow, 'p99_ns': wide}, 10),
                          ({'p50_ns': {**narrow, 'low': 0.96}}, 5)):
        found = [done for done in range(20) if estimate.wants_more(figures, done, plan)]
        assert found == list(range(most)), (figures, found)


def only_like_is_compared_with_like():
    """A pair during which the hand-over of a line took another time is left out."""
    sample = [a_session([1.0] * 5) + a_session([3.0] * 6, (100.0, 200.0))] * 3
    found = estimate.estimate(sample, 'mpps')
    assert found['ratio'] == 1.0 and (found['kept'], found['pairs']) == (15, 33), found
    found = estimate.estimate([a_session([1.0] * 5, (200.0, 100.0))], 'mpps')
    assert found['ratio'] is None and found['place'] is None and not found['decided'], found
    result = a_result()
    result['paths'][0]['rate'] = [a_rate([a_session([1.0] * 5, (200.0, 100.0))])]
    text = report.render(result)
    assert row(text, 'split, generic', 'loop')[5] == 'no like with like', text


def row_is_of_the_place_of_most_sessions():
    near, far, away = (80.0, 90.0), (400.0, 450.0), (700.0, 750.0)
    sample = [a_session([0.8] * 3, far) + a_session([1.1] * 8, near), a_session([0.8] * 4, far),
              a_session([1.1] * 8, near), a_session([0.8] * 3, far),
              a_session([0.5] * 9, away),
              # Two pairs of a session are too few.
              a_session([0.1] * 2, far) + a_session([0.1] * 2, away)]
    result = a_result()
    result['paths'][0]['rate'] = [a_rate(sample)]
    found = result['paths'][0]['rate'][0]['estimates']['mpps']
    assert found['place'] == '200 to 600' and (found['kept'], found['sessions']) == (10, 3), found
    text = report.render(result)
    assert row(text, 'split, generic', 'loop', '64', '8.00')[4:] == [
        '10.00', '0.800 [0.800, 0.800]', '25 %', '50 %', '10 of 39 / 3 of 6', '425'], text
    # One session at a place is not shown.
    assert row(text, 'split, generic', 'loop', '64', '-')[4:] == [
        '1.100 [1.100, 1.100], 2', '0.800 [0.800, 0.800], 3', '-'], text
    assert row(text, 'packets/s, decided at a second place with a lower end below 0.97')[2:] == [
        '0 of 1', 'yes'], text
    result['paths'][0]['rate'] = [a_rate([a_session([0.9] * 8, near)] * 2 +
                                         [a_session([1.0] * 8, far)] * 3)]
    assert row(report.render(result),
               'packets/s, decided at a second place with a lower end below 0.97')[2:] == [
                   '1 of 1', 'NO']
    result['paths'][0]['rate'] = [a_rate([a_session([1.0] * 9, far)] * 2)]
    assert 'at another place' not in report.render(result)
    # With as many sessions, that of more pairs.
    assert estimate.main_place([a_session([1.0] * 4, far), a_session([1.0] * 5, away)]) == \
        '600 and more'


def scheduler_is_not_judged():
    result = a_result()
    result['life'][0]['back_end'] = 'crowded'
    assert row(report.render(result), 'crowded', '256', '1'), 'shown'
    assert 'one receive queue' not in report.goals(result)


def path_not_taken_is_not_judged():
    assert 'in-order' not in report.goals(a_result())


def busy_machine_is_named():
    result = a_result()
    assert 'else was running' not in report.render(result)
    result['machine']['load_before'] = 3.0
    assert 'else was running' in report.render(result)


def tables_go_between_the_marks():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'page.md')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'above\n{report.BEGIN}\nold\n{report.END}\nbelow\n')
        for _ in range(2):
            report.put_into(path, 'new')
        with open(path, encoding='utf-8') as file:
            assert file.read() == f'above\n{report.BEGIN}\n\nnew\n\n{report.END}\nbelow\n'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'{report.END}\n{report.BEGIN}\n')
        try:
            report.check_marks(path)
        except SystemExit as end:
            assert report.BEGIN in str(end)
        else:
            raise AssertionError('marks in the wrong order were taken')


def plot_is_drawn():
    with tempfile.TemporaryDirectory() as folder:
        source, png = (os.path.join(folder, name) for name in ('a.json', 'a.png'))
        with open(source, 'w', encoding='utf-8') as file:
            json.dump(a_result(), file)
        subprocess.run([sys.executable, PLOT, source, png], check=True, timeout=100)
        with open(png, 'rb') as file:
            assert file.read(4) == b'\x89PNG'
        with open(source, 'w', encoding='utf-8') as file:
            file.write('{}')
        run = subprocess.run([sys.executable, PLOT, source, png], check=False, timeout=100,
                             stderr=subprocess.PIPE, text=True)
        assert run.returncode == 1 and 'not what run-bench.sh' in run.stderr, run.stderr


def wrong_options_are_refused():
    for options, words in ((['fly'], 'mode fly: must be one of rate steps'),
                           ([], 'a mode is missing'),
                           (['rate', '--burst', '65'], 'a number from 1 to 64'),
                           (['rate', '--size', '9000'], 'a number from 60 to 1518'),
                           (['rate', '--ring', '64'], 'wants a ring of 128 or more'),
                           (['rate', '--direction', 'idle'], 'goes with serve only'),
                           (['rate', '--null', 'x'], 'goes with steps and cycles only'),
                           (['cycles'], 'cycles wants --null'),
                           (['serve', '--direction', 'ping'], 'ping goes with rate only'),
                           (['life', '--turns'], 'goes with rate, handover and serve only'),
                           (['steps', '--order', 'random'], 'goes with steps and --null only'),
                           (['cycles', '--null', 'x', '--order', 'one'],
                            'goes with steps and --null only'),
                           (['steps', '--null', 'x', '--order', 'back'],
                            'must be one of turn random one once'),
                           (['life', '--way', 'away'], 'must be one of rx-queue')):
        run = subprocess.run([*WRAPPER, BINARY, '--', *options], check=False, timeout=100,
                             stderr=subprocess.PIPE, text=True)
        assert run.returncode == 2 and words in run.stderr, (options, run.stderr)


def wrong_traffic_is_refused():
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'bench.py')
    for options, words in ((['--traffic', 'loop:64,loop:65'],
                            '--traffic loop:65: must be some of loop:64'),
                           (['--paths', 'split+none'], '--paths none: must be some of split')):
        run = subprocess.run([sys.executable, script, '--binary', BINARY, '--plugin', '/none',
                              *options], check=False, timeout=100, stderr=subprocess.PIPE,
                             text=True)
        assert run.returncode == 2 and words in run.stderr, run.stderr


def main():
    failed = 0
    for test in (ratios_are_ours_to_packaged, orders_are_shown,
                 missing_path_is_shown_in_its_own_words,
                 goals_are_judged_both_ways, interval_says_how_sure_a_ratio_is,
                 sessions_are_added_while_they_decide_something,
                 only_like_is_compared_with_like, path_not_taken_is_not_judged,
                 row_is_of_the_place_of_most_sessions, scheduler_is_not_judged,
                 busy_machine_is_named,
                 tables_go_between_the_marks, plot_is_drawn, wrong_options_are_refused,
                 wrong_traffic_is_refused):
        try:
            test()
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            print('FAILED', test.__name__)
            failed = 1
        else:
            print('ok', test.__name__)
    return failed


if __name__ == '__main__':
    sys.exit(main())
