#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Draw what virtio-loopback --json has written.

plot-timeline.py FILE.json OUT.png [--from MS] [--to MS]

One strip for each queue: the packets that came back in each millisecond. Where a queue was itself
being reset, from the call of its stop to the return of its start, its strip is marked; the resets
of the others are thin lines. Without --from and --to it is the time around the first two resets of
each queue.
"""

import json
import sys

import tool

LINE = '#2f6d8f'
RESET = '#d9772b'
FAINT = '#b9c2c8'
STRIPS_MAX = 8


def parse_args():
    parser = tool.parser(__doc__)
    parser.add_argument('json')
    parser.add_argument('png')
    parser.add_argument('--from', dest='begin', type=float, metavar='MS')
    parser.add_argument('--to', dest='end', type=float, metavar='MS')
    return parser.parse_args()


def load(path):
    try:
        with open(path, encoding='utf-8') as file:
            run = json.load(file)
        rows, resets = run['timeline'], run['resets']
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f'{path}: not what virtio-loopback --json writes: {error}')
    if not rows or not resets:
        sys.exit(f'{path}: there is no reset in it')
    return run, rows, resets


def window(args, rows, resets, queues):
    """The time that is shown."""
    begin, end = args.begin, args.end
    if begin is None:
        begin = resets[0]['at_ms'] - 8
    if end is None:
        last = resets[min(len(resets), 2 * queues) - 1]
        end = last['end_ms'] + 16
    return max(begin, rows[0][0]), min(end, rows[-1][0])


def duration_ms(reset):
    return (reset['stop_us'] + reset['reclaim_us'] + reset['start_us']) / 1000


def draw_strip(axes, queue, rows, resets):
    axes.fill_between([row[0] for row in rows], [row[1 + queue] for row in rows], step='post',
                      color=LINE, alpha=0.85, linewidth=0)
    for reset in resets:
        if reset['queue'] == queue:
            end = reset['at_ms'] + duration_ms(reset)
            axes.axvspan(reset['at_ms'], end, color=RESET, alpha=0.9, linewidth=0.8)
            axes.annotate(f"{reset['ring_from']} → {reset['ring_to']}, "
                          f"{duration_ms(reset):.1f} ms",
                          (end, 1), xycoords=('data', 'axes fraction'),
                          xytext=(4, -9), textcoords='offset points', fontsize=7,
                          color=RESET, fontweight='bold',
                          bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.8,
                                'alpha': 0.85})
        else:
            axes.axvline(reset['at_ms'], color=FAINT, linewidth=0.8, zorder=0)
    axes.set_ylabel(f'queue {queue}', rotation=0, ha='right', va='center', fontsize=9)
    axes.yaxis.set_major_locator(tool.pyplot().MaxNLocator(2, integer=True))
    axes.tick_params(labelsize=7)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def subtitle(run):
    queues = run['queues']
    lost = sum(queue['lost'] for queue in queues)
    dropped = sum(queue['tx_reset_dropped'] + queue['rx_reset_dropped'] for queue in queues)
    rate = run["packets"] / run["seconds"] / 1e6
    return (f"{len(run['resets'])} resets under {rate:.1f} million "
            f"packets per second: {lost} packets lost, {dropped} dropped with their own ring, "
            f"{run['leaked']} buffers leaked")


def main():
    args = parse_args()
    run, rows, resets = load(args.json)
    queues = len(rows[0]) - 1
    begin, end = window(args, rows, resets, queues)
    rows = [row for row in rows if begin <= row[0] <= end]
    resets = [reset for reset in resets if begin <= reset['at_ms'] <= end]
    if not rows:
        sys.exit(f'{args.json}: no time line from {begin:g} to {end:g} ms')

    strips = min(queues, STRIPS_MAX)
    figure, all_axes = tool.pyplot().subplots(strips, 1, sharex=True, sharey=True, squeeze=False,
                                              figsize=(10, 1.1 + 1.05 * strips))
    top = max(max(row[1:]) for row in rows)
    for queue, axes in enumerate(all_axes[:, 0]):
        draw_strip(axes, queue, rows, resets)
        axes.set_ylim(0, top * 1.12)
    all_axes[0, 0].set_xlim(begin, end)
    all_axes[-1, 0].set_xlabel('milliseconds', fontsize=9)
    figure.suptitle('Packets per millisecond of each queue while one after the other is stopped, '
                    'resized and started', fontsize=11, x=0.5, y=0.985)
    figure.text(0.5, 0.93 if strips > 2 else 0.88, subtitle(run), ha='center', fontsize=8,
                color='#555555')
    figure.subplots_adjust(left=0.1, right=0.985, bottom=0.55 / figure.get_figheight(),
                           top=1 - 0.62 / figure.get_figheight(), hspace=0.18)
    tool.save_figure(figure, args.png, 130)


if __name__ == '__main__':
    tool.run(main)
