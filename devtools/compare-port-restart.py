#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The table and the picture of compare-port-restart.sh.

compare-port-restart.py OUT.json [--plot OUT.png] [--load LOAD] NAME=FILE...

Each FILE is what "virtio-bench timeline" has printed.
"""

import argparse
import json
import statistics

import tool

WORDS = {
    'packaged port': 'Packaged driver: the port is stopped, its device reset, all queues set up',
    'packaged plain': 'Packaged driver: the port is stopped and started; no buffer comes back, no '
                      'ring changes',
    'ours rx-queue': 'This driver: one queue is stopped, set up on another pool, started',
}
BEFORE_MS, AFTER_MS = 6, 14
# The queue that is reset, where single ones can be: virtio-bench's.
RESET_QUEUE = 1


def resets_all(row):
    return not row['name'].startswith('ours')


def at(values, percent):
    """The value at so many percent of sorted ones."""
    return values[round((len(values) - 1) * percent / 100)]


def next_packets(run, queues, ms):
    """The millisecond in which the last of these queues receives again, from this one on."""
    line = run['timeline']
    return max(next((at for at in range(ms, len(line)) if line[at][q] > 0), len(line) - 1)
               for q in queues)


def others(run, calm):
    """Of the queues that are not reset: lowest millisecond and longest gap around each reset.

    calm: of as long a time before it in which there is no reset.
    """
    lowest, longest = [], []
    queues = [q for q in range(len(run['queues'])) if q != RESET_QUEUE or len(run['queues']) == 1]
    free_from = 0
    for event in run['events']:
        first = int(event['begin_ms'])
        # All that the reset has touched, and one more; a gap is noted where it ends.
        last = max(int(event['end_ms']) + 1, next_packets(run, queues, int(event['end_ms'])))
        shift = last - first + 2 if calm else 0
        if first - shift >= free_from:
            rows = slice(first - shift, last - shift + 1)
            lowest.append(min(row[q] for row in run['timeline'][rows] for q in queues))
            longest.append(max(row[q] for row in run['gaps_us'][rows] for q in queues))
        free_from = last + 1
    lowest.sort()
    longest.sort()
    return {'lowest_p50': at(lowest, 50), 'lowest_p99': at(lowest, 1), 'lowest': lowest[0],
            'gap_p50_us': at(longest, 50), 'gap_p99_us': at(longest, 99), 'gap_us': longest[-1]}


def digest(name, run):
    """What of a run goes into the table. The first reconfiguration is not among the events."""
    times = sorted(event['took_ms'] for event in run['events'])
    return {
        'name': name, 'object': run['object'], 'reconfigurations': len(times) + 1,
        'median_ms': statistics.median(times), 'p99_ms': at(times, 99), 'max_ms': times[-1],
        'lost': [queue['sent'] - queue['received'] for queue in run['queues']],
        'kept': max(event['kept'] for event in run['events']),
        'others': {'reset': others(run, False), 'calm': others(run, True)},
    }


def print_table(rows):
    print(f'{"":15} {"ms, median":>10} {"p99":>8} {"max":>8}  {"lost by each of the queues":>28} '
          f'{"not back after the stop":>24}')
    for row in rows:
        lost = ' '.join(f'{lost / row["reconfigurations"]:6.0f}' for lost in row['lost'])
        print(f'{row["name"]:15} {row["median_ms"]:10.2f} {row["p99_ms"]:8.2f} '
              f'{row["max_ms"]:8.2f}  {lost:>28} {row["kept"]:16} buffers')
    print(f'\n{"the other queues":15} {"lowest millisecond, packets":>34} '
          f'{"longest gap, us":>34}')
    print(f'{"":15} {"p50":>10} {"p99":>11} {"least":>11} {"p50":>10} {"p99":>11} {"longest":>11}')
    for row in rows:
        for when, words in (('reset', row['name']), ('calm', '  without')):
            found = row['others'][when]
            print(f'{words:15} {found["lowest_p50"]:10} {found["lowest_p99"]:11} '
                  f'{found["lowest"]:11} {found["gap_p50_us"]:10} {found["gap_p99_us"]:11} '
                  f'{found["gap_us"]:11}')


def profile(run, queue):
    """What it receives in each millisecond round a reconfiguration, on the average of all."""
    strips = []
    for event in run['events']:
        first = int(event['begin_ms']) - BEFORE_MS
        strips.append([row[queue] for row in run['timeline'][first:first + BEFORE_MS + AFTER_MS]])
    return [statistics.mean(values) for values in zip(*strips)]


def draw_strip(axes, strip, queue, row, top):
    times = [ms - BEFORE_MS for ms in range(len(strip))]
    tool.packets_axes(axes, top)
    axes.fill_between(times, strip, step='post', color=tool.BLUE, linewidth=0)
    if resets_all(row) or queue == RESET_QUEUE or len(row['lost']) == 1:
        axes.axvspan(0, max(row['median_ms'], 0.1), color=tool.ORANGE, alpha=0.45, linewidth=0)
    axes.set_xlim(-BEFORE_MS, AFTER_MS - 1)
    axes.xaxis.set_major_locator(tool.pyplot().MaxNLocator(integer=True))
    axes.text(1.006, 0.5, f'queue {queue}', transform=axes.transAxes, va='center', fontsize=9)


def draw_bars(axes, rows, value, title, unit):
    """A bar a way, with its value; the value of none is a bar of no length."""
    values = [value(row) for row in rows]
    axes.barh(range(len(rows)), values, 0.55,
              color=[tool.ORANGE if number else tool.BLUE for number in values])
    for y, (row, number) in enumerate(zip(rows, values)):
        axes.text(number, y, f' {number:,.0f} {unit}', va='center', fontsize=9, fontweight='bold',
                  color=tool.ORANGE if number else tool.BLUE)
    axes.set_yticks(range(len(rows)), [row['name'] for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(max(values), 1) * 1.45)
    axes.set_xticks([])
    axes.set_title(title, fontsize=10, loc='left')
    for side in ('top', 'right', 'bottom'):
        axes.spines[side].set_visible(False)


def draw(path, runs, rows, load):
    strips = len(rows[0]['lost'])
    figure = tool.pyplot().figure(figsize=(12, 1.1 + len(runs) * (0.75 * strips + 0.6)))
    height = figure.get_figheight()
    columns = figure.add_gridspec(1, 2, width_ratios=[3, 1.15], left=0.055, right=0.985,
                                  bottom=0.8 / height, top=1 - 0.35 / height, wspace=0.34)
    blocks = columns[0].subgridspec(len(runs), 1, hspace=0.28)
    profiles = [[profile(run, queue) for queue in range(strips)] for run in runs]
    top = max(max(strip) for block in profiles for strip in block)
    for block, row in enumerate(rows):
        grid = blocks[block].subgridspec(strips, 1, hspace=0.25)
        for queue in range(strips):
            axes = figure.add_subplot(grid[queue])
            draw_strip(axes, profiles[block][queue], queue, row, top)
            if queue == 0:
                axes.set_title(f'{WORDS.get(row["name"], row["name"])}: {row["median_ms"]:.2f} ms',
                               fontsize=10, loc='left')
            if queue + 1 < strips:
                axes.tick_params(labelbottom=False)
            elif block + 1 == len(rows):
                axes.set_xlabel('milliseconds since the stop; packets received in each, mean of '
                                f'{row["reconfigurations"] - 1} reconfigurations', fontsize=9)
    bars = columns[1].subgridspec(2, 1, hspace=0.25)
    draw_bars(figure.add_subplot(bars[0]), rows,
              lambda row: sum(row['lost']) / row['reconfigurations'],
              'Lost per reconfiguration', 'packets')
    draw_bars(figure.add_subplot(bars[1]), rows, lambda row: row['kept'],
              'Not returned by the stop', 'buffers')
    tool.warn_of_load(figure, load)
    tool.save_figure(figure, path, 120)


def named_file(text):
    name, equals, path = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'{text}: must be NAME=FILE')
    return name, path


def main():
    parser = tool.parser(__doc__)
    parser.add_argument('json')
    parser.add_argument('--plot')
    parser.add_argument('--load', type=float, default=0, help='load average before the runs')
    parser.add_argument('runs', nargs='+', metavar='NAME=FILE', type=named_file)
    args = parser.parse_args()
    runs, rows = [], []
    for name, path in args.runs:
        with open(path, encoding='utf-8') as file:
            runs.append(json.load(file))
        rows.append(digest(name, runs[-1]))
    with open(args.json, 'w', encoding='utf-8') as file:
        json.dump({'program': 'compare-port-restart', 'load_before': args.load,
                   'rows': rows, 'runs': runs}, file)
    print_table(rows)
    if args.plot:
        draw(args.plot, runs, rows, args.load)


if __name__ == '__main__':
    tool.run(main)
