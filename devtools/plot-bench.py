#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Draw what devtools/run-bench.sh --json has written.

plot-bench.py FILE.json OUT.png

For each data path: instructions and cycles per packet of both drivers, and the ratio of their
packets per second, a dot a session and a line its interval. Last: the life of one queue beside that
of a port. What the file does not have is left out.
"""

import json
import statistics
import sys

import tool

COLOURS = {'ours': tool.BLUE, 'packaged': tool.GREY}
ACCENT = tool.ORANGE
# Of the part that is transmit's, whose colour is that of receive's.
TX_HATCH = '////'


def parse_args():
    parser = tool.parser(__doc__)
    parser.add_argument('json')
    parser.add_argument('png')
    return parser.parse_args()


def load(path):
    try:
        with open(path, encoding='utf-8') as file:
            run = json.load(file)
        if run['program'] != 'virtio-bench':
            raise ValueError('another program\'s file')
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f'{path}: not what run-bench.sh --json writes: {error}')
    return run


def tidy(axes, title):
    axes.set_title(title, fontsize=10, loc='left')
    axes.tick_params(labelsize=8)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def draw_costs(axes, costs, title):
    """costs: (path, {driver: {rx, tx}}); a bar a driver, receive at the left."""
    for y, (_, sides) in enumerate(costs):
        for driver, shift in (('packaged', 0.2), ('ours', -0.2)):
            side = sides.get(driver)
            if side is None:
                axes.text(0, y + shift, ' not there yet', va='center', fontsize=7, color=tool.GREY)
                continue
            axes.barh(y + shift, side['rx'], 0.38, color=COLOURS[driver],
                      label=f'{driver}, rx' if y == 0 else None)
            axes.barh(y + shift, side['tx'], 0.38, left=side['rx'], color=COLOURS[driver],
                      hatch=TX_HATCH, edgecolor='white', linewidth=0,
                      label=f'{driver}, tx' if y == 0 else None)
            axes.text(side['rx'] + side['tx'], y + shift, f" {side['rx'] + side['tx']:.0f}",
                      va='center', fontsize=7)
    axes.set_yticks(range(len(costs)), [name for name, _ in costs])
    axes.invert_yaxis()
    axes.legend(fontsize=7, frameon=False, loc='lower right', bbox_to_anchor=(1, 1), ncol=4)
    tidy(axes, title)


def draw_rates(axes, rates):
    """rates: (label, medians of the sessions, estimate)."""
    for y, (_, medians, found) in enumerate(rates):
        axes.plot(medians, [y] * len(medians), 'o', markersize=3, color=COLOURS['ours'])
        if found['low'] is not None:
            axes.plot([found['low'], found['high']], [y, y], color=ACCENT,
                      linewidth=2 if found['decided'] else 0.6)
            axes.plot(found['ratio'], y, '|', markersize=11, color=ACCENT)
    axes.axvline(1, color=tool.GREY, linewidth=0.8)
    axes.set_yticks(range(len(rates)), [label for label, *_ in rates])
    axes.invert_yaxis()
    axes.set_xlabel('thin line: undecided', fontsize=8)
    tidy(axes, 'packets per second, ours : packaged, interval of 95 %')


def draw_life(axes, life):
    """life: (label, {what: microseconds})."""
    names = list(dict.fromkeys(name for _, times in life for name in times))
    colours = [COLOURS['ours'], tool.GREEN, ACCENT, COLOURS['packaged']]
    for i, name in enumerate(names):
        axes.barh([y + (i - 1.5) * 0.2 for y, (_, times) in enumerate(life) if name in times],
                  [times[name] for _, times in life if name in times], 0.18,
                  color=colours[i % len(colours)], label=name)
    axes.set_xscale('log')
    axes.set_xlabel('microseconds, median', fontsize=8)
    axes.set_yticks(range(len(life)), [label for label, _ in life])
    axes.invert_yaxis()
    axes.legend(fontsize=7, frameon=False)
    tidy(axes, 'stop + set-up + start')


def medians(runs):
    return {driver: {way: statistics.median(run[driver][way] for run in runs)
                     for way in ('rx', 'tx')} for driver in COLOURS}


def panels(run):
    """(rows it needs, function to draw it) of all that the run has."""
    steps = [(p['name'], p['steps']) for p in run['paths'] if p.get('steps')]
    cycles = [(p['name'], medians(p['cycles'])) for p in run['paths'] if p.get('cycles')]
    rates = [(f"{p['name']}, {r['direction']}, {r['size']}",
              [statistics.median(pair['ours']['mpps'] / pair['packaged']['mpps']
                                 for pair in session) for session in r['sessions']],
              r['estimates']['mpps'])
             for p in run['paths'] for r in p.get('rate', [])]
    life = [(f"{entry['back_end']}, ring {entry['ring']}, pairs {entry['pairs']}",
             {key: statistics.median(r['all']['p50'] for r in runs)
              for key, runs in entry['runs'].items() if runs}) for entry in run['life']]
    found = []
    if steps:
        found.append((2 * len(steps), lambda axes: draw_costs(
            axes, steps, 'instructions per packet, 64 bytes')))
    if cycles:
        found.append((2 * len(cycles), lambda axes: draw_costs(
            axes, cycles, 'cycles per packet against a device that costs nothing')))
    if rates:
        found.append((len(rates), lambda axes: draw_rates(axes, rates)))
    if life:
        found.append((4 * len(life), lambda axes: draw_life(axes, life)))
    return found


def main():
    args = parse_args()
    run = load(args.json)
    found = panels(run)
    if not found:
        sys.exit(f'{args.json}: there is no figure in it')
    heights = [0.9 + 0.17 * rows for rows, _ in found]
    figure, all_axes = tool.pyplot().subplots(
        len(found), 1, squeeze=False, figsize=(9, sum(heights) + 0.5), height_ratios=heights,
        layout='constrained')
    for (_, draw), axes in zip(found, all_axes[:, 0]):
        draw(axes)
    figure.suptitle(f"{run['machine']['cpu']}, DPDK {run['machine']['dpdk']}, bursts of "
                    f"{run['burst']}" + (', quick run' if run['quick'] else ''), fontsize=9)
    bottom = 0.25 / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, bottom, 1, 1 - bottom))
    tool.warn_of_load(figure, run['machine']['load_before'])
    tool.save_figure(figure, args.png, 130)


if __name__ == '__main__':
    tool.run(main)
