#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Draw what virtio-loopback --json has written.

plot-timeline.py FILE.json OUT.png [--from MS] [--to MS]

One strip for each queue: the packets that came back in each millisecond. Where a queue was itself
being reset, from the call of its stop to the return of its start, its strip is shaded; the resets
of the others are thin lines. Without --from and --to it is the time around the first resets of the
first four queues. Of more than 16 queues, the first 16 are shown.
"""

import json
import sys

import tool

FAINT = '#b9c2c8'
STRIPS_MAX = 16
# Inches: of a strip where there are few of them, and many.
HIGH, LOW, FEW = 1.15, 0.62, 4
# Of the width: a label that begins further to the right stands at the left of its reset.
LABEL_FITS = 0.8


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


def window(args, rows, resets, strips):
    """The time that is shown."""
    shown = [next(reset for reset in resets if reset['queue'] == queue)
             for queue in range(min(strips, FEW))
             if any(reset['queue'] == queue for reset in resets)]
    shown = shown or resets[:1]
    begin, end = args.begin, args.end
    if begin is None:
        begin = min(reset['at_ms'] for reset in shown) - 6
    if end is None:
        end = max(reset['end_ms'] for reset in shown) + 10
    return max(begin, rows[0][0]), min(end, rows[-1][0])


def duration_ms(reset):
    return (reset['stop_us'] + reset['reclaim_us'] + reset['start_us']) / 1000


def label(axes, reset, begin, end):
    """Beside the reset, where there is room for it."""
    at, after = reset['at_ms'], reset['at_ms'] + duration_ms(reset)
    at_left = (after - begin) / (end - begin) > LABEL_FITS
    axes.annotate(f"ring {reset['ring_from']} → {reset['ring_to']}, {duration_ms(reset):.2f} ms",
                  (at if at_left else after, 1), xycoords=('data', 'axes fraction'),
                  xytext=(-4 if at_left else 4, -2), textcoords='offset points', fontsize=8,
                  ha='right' if at_left else 'left', va='top', color=tool.ORANGE,
                  fontweight='bold', bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 1})


def draw_strip(axes, queue, rows, resets, begin, end):
    axes.fill_between([row[0] for row in rows], [row[1 + queue] for row in rows], step='post',
                      color=tool.BLUE, linewidth=0)
    for reset in resets:
        if reset['queue'] == queue:
            axes.axvspan(reset['at_ms'], reset['at_ms'] + duration_ms(reset), color=tool.ORANGE,
                         linewidth=1)
            label(axes, reset, begin, end)
        else:
            axes.axvline(reset['at_ms'], color=FAINT, linewidth=0.8, zorder=0)
    axes.text(1.006, 0.5, f'queue {queue}', transform=axes.transAxes, va='center', fontsize=9)


def subtitle(run):
    queues = run['queues']
    lost = sum(queue['lost'] for queue in queues)
    some = f' (the first {STRIPS_MAX} are shown)' if len(queues) > STRIPS_MAX else ''
    dropped = sum(queue['tx_reset_dropped'] + queue['rx_reset_dropped'] for queue in queues)
    rate = run["packets"] / run["seconds"] / 1e6
    words = 'queue' if len(queues) == 1 else 'queues'
    return (f"{len(run['resets'])} resets of {len(queues)} {words}{some} under {rate:.2g} million "
            f"packets per second: {lost} packets lost, {dropped} dropped with their own ring, "
            f"{run['leaked']} buffers leaked")


def main():
    args = parse_args()
    run, rows, resets = load(args.json)
    strips = min(len(rows[0]) - 1, STRIPS_MAX)
    begin, end = window(args, rows, resets, strips)
    rows = [row for row in rows if begin <= row[0] <= end]
    resets = [reset for reset in resets if begin <= reset['at_ms'] <= end]
    if not rows:
        sys.exit(f'{args.json}: no time line from {begin:g} to {end:g} ms')

    inches = 1.3 + strips * (HIGH if strips <= FEW else LOW)
    figure, all_axes = tool.pyplot().subplots(strips, 1, sharex=True, sharey=True, squeeze=False,
                                              figsize=(10, inches))
    top = max(max(row[1:1 + strips]) for row in rows)
    for queue, axes in enumerate(all_axes[:, 0]):
        tool.packets_axes(axes, top, 0.35)
        draw_strip(axes, queue, rows, resets, begin, end)
    all_axes[0, 0].set_xlim(begin, end)
    all_axes[-1, 0].set_xlabel('milliseconds', fontsize=9)
    height = figure.get_figheight()
    figure.suptitle('Single queues are stopped, resized and started', fontsize=12, x=0.5,
                    y=1 - 0.08 / height, va='top')
    figure.text(0.5, 1 - 0.34 / height, subtitle(run), ha='center', va='top', fontsize=9,
                color=tool.GREY)
    tool.warn_of_load(figure, run.get('load_before', 0))
    figure.subplots_adjust(left=0.075, right=0.93, bottom=0.68 / height, top=1 - 0.62 / height,
                           hspace=0.18)
    tool.save_figure(figure, args.png, 130)


if __name__ == '__main__':
    tool.run(main)
