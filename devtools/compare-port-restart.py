#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The table and the picture of compare-port-restart.sh.

compare-port-restart.py OUT.json [--plot OUT.png] NAME=FILE...

Each FILE is what "virtio-bench timeline" has printed.
"""

import argparse
import json
import statistics

import tool

WORDS = {
    'packaged port': 'packaged driver: port stopped, configured with a device reset, set up, '
                     'started',
    'packaged plain': 'packaged driver: port stopped and started; no buffer comes back, no ring '
                      'changes',
    'ours rx-queue': 'this driver: one queue stopped, set up on another pool, started',
}
BEFORE_MS, AFTER_MS = 6, 18
LINE, MARK, FAINT = '#2f6d8f', '#d9772b', '#555555'


def duration(event):
    return event['end_ms'] - event['begin_ms']


def digest(name, run):
    """What of a run goes into the table. The first reconfiguration is not among the events."""
    times = sorted(duration(event) for event in run['events'])
    return {
        'name': name, 'object': run['object'], 'reconfigurations': len(times) + 1,
        'median_ms': statistics.median(times), 'max_ms': times[-1],
        'lost': [queue['sent'] - queue['received'] for queue in run['queues']],
        'kept': max(event['kept'] for event in run['events']),
    }


def print_table(rows):
    print(f'{"":15} {"ms, median":>10} {"max":>8}  {"lost by each of the queues":>28} '
          f'{"not back after the stop":>24}')
    for row in rows:
        lost = ' '.join(f'{lost / row["reconfigurations"]:6.0f}' for lost in row['lost'])
        print(f'{row["name"]:15} {row["median_ms"]:10.2f} {row["max_ms"]:8.2f}  {lost:>28} '
              f'{row["kept"]:16} buffers')


def draw(path, runs, rows):
    queues = len(rows[0]['lost'])
    # A strip a queue, and between two runs a place for words.
    figure = tool.pyplot().figure(figsize=(10, 1 + 3 * (0.55 * queues + 0.55)))
    grid = figure.add_gridspec(len(runs) * (queues + 1), 1, left=0.09, right=0.86, bottom=0.06,
                               top=1, hspace=0.25)
    profiles = [[profile(run, queue) for queue in range(queues)] for run in runs]
    top = max(max(strip) for strips in profiles for strip in strips)
    for block, row in enumerate(rows):
        for queue in range(queues):
            axes = figure.add_subplot(grid[block * (queues + 1) + 1 + queue])
            draw_strip(axes, profiles[block][queue], row['median_ms'], top)
            axes.set_ylabel(f'queue {queue}', rotation=0, ha='right', va='center', fontsize=8)
            axes.text(1.01, 0.5, f'lost {row["lost"][queue] / row["reconfigurations"]:.0f}',
                      transform=axes.transAxes, va='center', fontsize=9,
                      color=MARK if row['lost'][queue] else FAINT)
            if queue == 0:
                axes.set_title(f'{WORDS.get(row["name"], row["name"])}: '
                               f'{row["median_ms"]:.1f} ms', fontsize=10, loc='left')
            if block + 1 < len(rows) or queue + 1 < queues:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel('milliseconds since the stop; packets received in each, mean of '
                                f'{row["reconfigurations"] - 1} reconfigurations', fontsize=9)
    tool.save_figure(figure, path, 120)


def profile(run, queue):
    """What it receives in each millisecond round a reconfiguration, on the average of all."""
    strips = []
    for event in run['events']:
        first = int(event['begin_ms'] + 0.5) - BEFORE_MS
        strips.append([row[queue] for row in run['timeline'][first:first + BEFORE_MS + AFTER_MS]])
    return [statistics.mean(values) for values in zip(*strips)]


def draw_strip(axes, strip, width, top):
    times = [ms - BEFORE_MS for ms in range(len(strip))]
    axes.fill_between(times, strip, step='post', color=LINE, linewidth=0)
    axes.axvspan(0, width, color=MARK, alpha=0.35, linewidth=0)
    axes.set_xlim(-BEFORE_MS, AFTER_MS - 1)
    axes.set_ylim(0, top * 1.05)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)


def named_file(text):
    name, equals, path = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'{text}: must be NAME=FILE')
    return name, path


def main():
    parser = tool.parser(__doc__)
    parser.add_argument('json')
    parser.add_argument('--plot')
    parser.add_argument('runs', nargs='+', metavar='NAME=FILE', type=named_file)
    args = parser.parse_args()
    runs, rows = [], []
    for name, path in args.runs:
        with open(path, encoding='utf-8') as file:
            runs.append(json.load(file))
        rows.append(digest(name, runs[-1]))
    with open(args.json, 'w', encoding='utf-8') as file:
        json.dump({'program': 'compare-port-restart', 'rows': rows, 'runs': runs}, file)
    print_table(rows)
    if args.plot:
        draw(args.plot, runs, rows)


if __name__ == '__main__':
    tool.run(main)
