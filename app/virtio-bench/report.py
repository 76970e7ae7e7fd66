# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""The tables of a benchmark's result, as Markdown that a terminal can show too."""

import statistics
import sys

import estimate

BEGIN = '<!-- figures of devtools/run-bench.sh: begin -->'
END = '<!-- figures of devtools/run-bench.sh: end -->'


def check_marks(path):
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read()
    except OSError as error:
        sys.exit(f'bench: error: {path}: {error.strerror}')
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f'bench: error: {path} wants one line "{BEGIN}" and below it one "{END}"')
    return text


def put_into(path, tables):
    text = check_marks(path)
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'{head}{BEGIN}\n\n{tables.strip()}\n\n{END}{tail}')


def table(head, rows):
    """Columns padded, all but the first to the right."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ['| ' + ' | '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + ' |'
             for row in rows]
    rule = ['-' * width if i == 0 else '-' * (width - 1) + ':' for i, width in enumerate(widths)]
    lines.insert(1, '| ' + ' | '.join(rule) + ' |')
    return '\n'.join(lines)


def spread(values, digits=2):
    """Median [least, greatest]."""
    return f'{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, ' \
           f'{max(values):.{digits}f}]'


def ratios(runs, value=lambda side: side):
    return [value(run['ours']) / value(run['packaged']) for run in runs]


def is_whole(entry):
    """Ours has the path and took it."""
    return entry['ours']['there'] and 'words' not in entry['ours'] and entry['packaged']['there']


def mark(entry):
    return entry['name'] + ('' if is_whole(entry) else ' (*)')


def notes(result):
    lines = []
    for entry in result['paths']:
        if not entry['ours']['there']:
            lines.append(f'- (*) {entry["name"]}: ours is not there yet: '
                         f'"{entry["ours"]["words"]}"')
        elif 'words' in entry['ours']:
            lines.append(f'- (*) {entry["name"]}: ours is not there yet; with these devargs it '
                         f'{entry["ours"]["words"]}, and that is what was measured')
        if 'words' in entry['packaged']:
            lines.append(f'- (*) {entry["name"]}, packaged: {entry["packaged"]["words"]}')
    return '\n'.join(lines)


STEPS_HEAD = ['rx ours', 'pkg', 'ratio', 'tx ours', 'pkg', 'ratio', 'sum ours', 'pkg', 'ratio']


def steps_row(name, steps):
    """The instructions of one path, of the drivers that have it."""
    ours, packaged = steps.get('ours'), steps.get('packaged')
    row = [name]
    for way in ('rx', 'tx'):
        row += [f'{ours[way]:.1f}' if ours else '-',
                f'{packaged[way]:.1f}' if packaged else '-',
                f'{ours[way] / packaged[way]:.2f}' if ours and packaged else '-']
    both = [side['rx'] + side['tx'] if side else None for side in (ours, packaged)]
    row += [f'{value:.1f}' if value else '-' for value in both]
    row.append(f'{both[0] / both[1]:.2f}' if all(both) else '-')
    return row


def render_steps(result):
    rows = [steps_row(mark(entry), entry.get('steps', {})) for entry in result['paths']]
    return table(['instructions/packet', *STEPS_HEAD], rows) + render_orders(result) + \
        render_gate(result)


ORDERS = {'turn': 'in turn', 'random': 'at random', 'one': 'one out of order in each burst',
          'once': 'in turn, after one out of order'}


def render_orders(result):
    """The order in which the device uses buffers, where it was varied."""
    rows = [steps_row(f'{mark(entry)}: {ORDERS[order]}', steps)
            for entry in result['paths'] for order, steps in entry.get('orders', {}).items()]
    if not rows:
        return ''
    return '\n\nBy the order in which the device uses buffers, on the device that costs nothing ' \
        '("Method"):\n\n' + table(['instructions/packet, order', *STEPS_HEAD], rows)


def render_gate(result):
    """What of ours goes to the gate, once a burst each way."""
    rows = []
    for entry in result['paths']:
        ours = entry.get('steps', {}).get('ours', {})
        if 'gate' not in ours:
            continue
        gate = ours['gate'] / result['burst']
        row = [mark(entry), ours['gate']]
        for way in ('rx', 'tx'):
            row += [f'{ours[way] - gate:.2f}', f'{ours[way]:.2f}',
                    f'{100 * gate / ours[way]:.1f} %']
        rows.append(row)
    if not rows:
        return ''
    return '\n\nOf ours, what it costs that a queue can be stopped under its polling thread: ' \
        'instructions a burst, and a packet without and with them.\n\n' + \
        table(['cost of the stop', 'a burst', 'rx without', 'with', 'share', 'tx without', 'with',
               'share'], rows)


def render_cycles(result):
    rows = []
    for entry in result['paths']:
        runs = entry.get('cycles')
        if not runs:
            continue
        row = [mark(entry)]
        for way in ('rx', 'tx'):
            row += [f'{statistics.median(run[driver][way] for run in runs):.1f}'
                    for driver in ('ours', 'packaged')]
            row.append(spread(ratios(runs, lambda side, way=way: side[way])))
        row.append(spread(ratios(runs, lambda side: side['rx'] + side['tx'])))
        rows.append(row)
    head = ['cycles/packet', 'rx ours', 'pkg', 'ratio', 'tx ours', 'pkg', 'ratio', 'sum ratio']
    return table(head, rows)


def interval(found):
    """A ratio with its interval; in brackets of its own where it decides nothing."""
    if found['ratio'] is None:
        return 'no like with like'
    if found['low'] is None:
        return f'({found["ratio"]:.3f})'
    text = f'{found["ratio"]:.3f} [{found["low"]:.3f}, {found["high"]:.3f}]'
    return text if found['decided'] else f'({text})'


def rates(result):
    """(entry of the path, its rate) of all that was carried."""
    return [(entry, rate) for entry in result['paths'] for rate in entry.get('rate', [])]


def render_rate(result):
    rows = []
    for entry, rate in rates(result):
        sample = rate['sessions']
        found = rate['estimates']['mpps']
        row = [mark(entry), rate['direction'], rate['size']]
        row += [f'{estimate.median_of(sample, driver, "mpps"):.2f}'
                for driver in ('ours', 'packaged')]
        row.append(interval(found))
        row += [f'{100 * estimate.median_of(sample, driver, "waiting"):.0f} %'
                for driver in ('ours', 'packaged')]
        row.append(f'{found["kept"]} of {found["pairs"]} / {found["sessions"]} of {len(sample)}')
        row.append(f'{estimate.median_hand_over(sample):.0f}')
        rows.append(row)
    return table(['path', 'traffic', 'bytes', 'ours Mpps', 'pkg Mpps', 'ratio', 'ours waits',
                  'pkg waits', 'pairs / sessions', 'line'], rows) + render_places(result)


def other_places(rate):
    """What was found away from the row's main place, where two sessions or more were."""
    own = rate['estimates']['mpps']['place']
    found = {place: estimate.estimate(sample, 'mpps')
             for place, sample in estimate.by_place(rate['sessions']).items() if place != own}
    return {place: ratio for place, ratio in found.items() if ratio['sessions'] >= 2}


def render_places(result):
    """The rows that were also measured at another place than the one that they are of."""
    rows = []
    for entry, rate in rates(result):
        found = other_places(rate)
        if found:
            found[rate['estimates']['mpps']['place']] = rate['estimates']['mpps']
            rows.append([mark(entry), rate['direction'], rate['size'],
                         *[f'{interval(found[place])}, {found[place]["sessions"]}'
                           if place in found else '-' for place in estimate.PLACES]])
    if not rows:
        return ''
    return '\n\nThe rows of which two sessions or more were at another place of the ' \
        'processors, by the cycles of the hand-over: ratio, and number of sessions.\n\n' + \
        table(['path', 'traffic', 'bytes', *estimate.PLACES], rows)


def render_latency(result):
    rows = []
    for entry in result['paths']:
        latency = entry.get('latency')
        if not latency:
            continue
        row = [mark(entry)]
        for figure in ('p50_ns', 'p99_ns'):
            row += [f'{estimate.median_of(latency["sessions"], driver, figure):.0f}'
                    for driver in ('ours', 'packaged')]
            row.append(interval(latency['estimates'][figure]))
        rows.append(row)
    return table(['nanoseconds', 'p50 ours', 'pkg', 'ratio', 'p99 ours', 'pkg', 'ratio'], rows)


# Cache lines that this core fetches from the other one for each packet of 64 bytes, received or to
# be sent. Received: the used entry, the line of the frame, and the descriptor that the device has
# read and that is written anew. Sent: the used entry, but for IN_ORDER, and the descriptor; the
# packet's lines are this core's. The header's line is both cores': nobody writes into one that says
# nothing. A packed ring has one descriptor of 16 bytes for both.
LINES = {'split': {'rx': 1 / 8 + 1 + 1 / 4, 'tx': 1 / 8 + 1 / 4},
         'split, in-order': {'rx': 1 / 8 + 1 + 1 / 4, 'tx': 1 / 4},
         'packed': {'rx': 1 / 4 + 1, 'tx': 1 / 4}}


def render_limits(result):
    handover = result.get('handover')
    if not handover:
        return 'Not measured.'
    rows = []
    for entry in result['paths']:
        lines = LINES.get(entry['name']) or LINES[entry['name'].split(',')[0]]
        for rate in entry.get('rate', []):
            ways = [way for way in ('rx', 'tx') if rate['direction'] in (way, 'loop')]
            mpps = estimate.median_of(rate['sessions'], 'ours', 'mpps')
            if rate['size'] != '64' or not entry.get('cycles') or mpps == 0:
                continue
            fetched = sum(lines[way] for way in ways)
            own = sum(statistics.median(run['ours'][way] for run in entry['cycles'])
                      for way in ways)
            rows.append([mark(entry), rate['direction'], f'{handover["ghz"] * 1000 / mpps:.0f}',
                         f'{own:.0f}', f'{fetched:.2f}', f'{fetched * handover["of_many"]:.0f}'])
    text = f'A cache line handed to the other core takes {handover["alone"]:.0f} cycles alone, ' \
           f'and {handover["of_many"]:.0f} as one of a batch of 64. Cycles are those of the time ' \
           f'stamp counter, {handover["ghz"]:.2f} GHz; "own" is the table of cycles above, ' \
           '"lines" are those that this core fetches, each at the cost of one in a batch.'
    return text + '\n\n' + table(['path, 64 bytes', 'traffic', 'cycles/packet', 'own', 'lines',
                                  'fetching them'], rows)


def life_median(life, key, part='all', point='p50'):
    runs = life['runs'].get(key)
    return statistics.median(run[part][point] for run in runs) if runs else None


def render_life(result):
    def cell(value):
        return '-' if value is None else f'{value:.0f}' if value >= 100 else f'{value:.1f}'

    rows, words = [], []
    for life in result['life']:
        row = [life['back_end'], life['ring'], life['pairs']]
        for key in ('ours rx-queue', 'ours tx-queue', 'packaged port', 'packaged plain'):
            row.append(f'{cell(life_median(life, key))} / '
                       f'{cell(life_median(life, key, point="p99"))}')
        ours, port = life_median(life, 'ours rx-queue'), life_median(life, 'packaged port')
        row.append(f'1 : {port / ours:.0f}' if ours and port else '-')
        rows.append(row)
        words += [f'- {key}, {life["pairs"]} pairs, ring {life["ring"]}: "{text}"'
                  for key, text in life['words'].items()]
    head = ['back-end', 'ring', 'pairs', 'ours: rx queue', 'ours: tx queue', 'pkg: port, reset',
            'pkg: port, plain', 'rx queue : port']
    parts = []
    for life in result['life']:
        steps = [life_median(life, 'ours rx-queue', part) for part in ('stop', 'set_up', 'start')]
        if None not in steps:
            parts.append([life['back_end'], life['ring'], life['pairs'],
                          *[cell(step) for step in steps]])
    text = table(head, rows)
    if parts:
        text += '\n\nOne receive queue of ours, by step (p50):\n\n' + \
            table(['back-end', 'ring', 'pairs', 'stop', 'set-up', 'start'], parts)
    return text + ('\n\n' + '\n'.join(words) if words else '')


def judge_rates(result, judge):
    """All that a path carries must be decided, and no row of it below the packaged driver's."""
    found = [(rate['estimates']['mpps'], f'{entry["name"]}, {rate["direction"]}, {rate["size"]}')
             for entry, rate in rates(result) if is_whole(entry)]
    if not found:
        return
    decided = [(ratio['low'], ratio, name) for ratio, name in found if ratio['decided']]
    judge('packets/s, rows that are decided', 'all', 0, len(decided) == len(found),
          f'{len(decided)} of {len(found)}')
    if decided:
        low, ratio, name = min(decided, key=lambda row: row[0])
        goal = estimate.GOAL
        judge(f'packets/s, lower end, least of all: {name}', f'>= {goal}', low, low >= goal,
              interval(ratio))
        below = sum(row[0] < goal for row in decided)
        judge(f'packets/s, decided rows with a lower end below {goal}', '0', below, below == 0,
              str(below))
        below = sum(ratio['low'] is None or ratio['low'] < goal for ratio, _ in found)
        judge(f'packets/s, all rows with a lower end below {goal}', '0', below, below == 0,
              f'{below} of {len(found)}')
        elsewhere = [ratio for _, rate in rates(result) for ratio in other_places(rate).values()]
        below = sum(ratio['decided'] and ratio['low'] < goal for ratio in elsewhere)
        judge(f'packets/s, decided at a second place with a lower end below {goal}', '0', below,
              below == 0, f'{below} of {sum(ratio["decided"] for ratio in elsewhere)}')
        middle = statistics.median(ratio['ratio'] for _, ratio, _ in decided)
        judge('packets/s, median of all decided', '>= 1.000', middle, middle >= 1.0,
              f'{middle:.3f}')


def goals(result):
    """The goals that this run can judge: what, goal, figure, whether it was met."""
    rows = []

    def judge(what, goal, figure, met, text=None):
        rows.append([what, goal, text or f'{figure:.2f}', 'yes' if met else 'NO'])

    whole = [entry for entry in result['paths'] if is_whole(entry)]
    for entry in whole:
        vector = 'vectorised' in entry['name']
        steps = entry.get('steps', {})
        if len(steps) == 2:
            limit = 0.35 if not vector else 0.50 if 'packed' in entry['name'] else 0.40
            ours, packaged = steps['ours'], steps['packaged']
            ratio = (ours['rx'] + ours['tx']) / (packaged['rx'] + packaged['tx'])
            judge(f'instructions, rx + tx: {entry["name"]}', f'<= {limit:.2f}', ratio,
                  ratio <= limit)
            for way in ('rx', 'tx'):
                ratio = ours[way] / packaged[way]
                if ratio > 0.80:
                    judge(f'instructions, {way}: {entry["name"]}', '<= 0.80', ratio, False)
            if entry['name'] == 'split, generic':
                judge('instructions, rx: split, generic', '<= 55', ours['rx'], ours['rx'] <= 55)
                judge('instructions, tx: split, generic', '<= 70', ours['tx'], ours['tx'] <= 70)
        if entry.get('cycles'):
            limit = 0.85 if vector else 0.60
            ratio = statistics.median(ratios(entry['cycles'], lambda s: s['rx'] + s['tx']))
            judge(f'cycles, rx + tx: {entry["name"]}', f'<= {limit:.2f}', ratio, ratio <= limit)
        # A quick run has one session, which decides nothing.
        latency = {} if result['quick'] else entry.get('latency', {})
        for figure, found in latency.get('estimates', {}).items():
            judge(f'latency, {figure[:3]}: {entry["name"]}', '<= 1.00', 0,
                  found['decided'] and found['low'] <= 1.0, interval(found))
    if not result['quick']:
        judge_rates(result, judge)
    for life in result['life']:
        ours, port = life_median(life, 'ours rx-queue'), life_median(life, 'packaged port')
        if life['ring'] != 256 or life['back_end'] == 'crowded' or ours is None:
            continue
        where = f'pairs: {life["pairs"]}, {life["back_end"]} back-end'
        judge(f'one receive queue, p50, us; {where}', '<= 100', ours, ours <= 100, f'{ours:.0f}')
        late = life_median(life, 'ours rx-queue', point='p99')
        judge(f'one receive queue, p99, us; {where}', '<= 200', late, late <= 200, f'{late:.0f}')
        if port is not None:
            judge(f'one receive queue : port; {where}', '1 : 20', port / ours, port / ours >= 20,
                  f'1 : {port / ours:.0f}')
    return table(['goal', 'wanted', 'figure', 'met'], rows) if rows else 'None could be judged.'


def render_head(result):
    machine = result['machine']
    memory = 'huge pages of 2 MB' if machine['hugepages'] else 'no huge pages'
    text = f'{result["when"]}, {machine["cpu"]}, {machine["cpus"]} cores, Linux ' \
           f'{machine["kernel"]}, DPDK {machine["dpdk"]}, {memory}; load average ' \
           f'{machine["load_before"]:.1f} before, {machine["load_after"]:.1f} after.'
    if result['quick']:
        text += ' A quick run: too short for its times to mean much.'
    if machine['load_before'] > 0.5:
        text += ' Something else was running: only the instruction counts are to be trusted.'
    return text


def render(result):
    burst = result['burst']
    full = result['plan']['pairs']
    sections = [
        ('steps', 'Instructions per packet, exact',
         f'64 bytes, bursts of {burst}, ring 256, on net_vhost.', render_steps),
        ('cycles', 'Cycles per packet against a device that costs nothing',
         f'64 bytes, bursts of {burst}, ring 256; medians, and the ratios of {full} pairs: median '
         '[least, greatest].', render_cycles),
        ('rate', 'Packets per second on net_vhost',
         f'Bursts of {burst}, ring 256. Ratio: the mean over sessions of the median of their '
         'pairs of turns, with the interval of 95 % ("Method"); in parentheses where the interval '
         'is too wide to decide anything. "waits": part of the time in calls that carry nothing; '
         'a driver that waits is not what limits the row. "line": cycles of the hand-over of a '
         'cache line, median; rates of rows with other ones cannot be compared.', render_rate),
        ('latency', 'Latency on net_vhost',
         'One packet of 64 bytes goes round: to the back-end, and back. Ratios as above; below 1 '
         'is faster.', render_latency),
        ('rate', 'What limits a path', 'Where the cycles of a packet go, on this side.',
         render_limits),
        ('life', 'Life of a queue, microseconds',
         'p50 / p99 of stop + set-up + start. "port, reset": stop, configure so that the device is '
         'reset, all set-ups, start; "port, plain": stop and start, which tells the device nothing '
         'and gives nothing back. An idle back-end leaves its core to its message thread; a '
         'polling one has that thread on another core, the one of the port, which waits meanwhile; '
         'a crowded one polls on the core of that thread, and what is seen then is the scheduler.',
         render_life),
    ]
    parts = [render_head(result)]
    for name, title, text, function in sections:
        if name in result['only']:
            parts.append(f'### {title}\n\n{text}\n\n{function(result)}')
        else:
            parts.append(f'### {title}\n\nNot measured in this run.')
    parts.append('### Goals\n\n' + goals(result))
    remarks = notes(result)
    if remarks:
        parts.append('### Notes\n\n' + remarks)
    if result['failures']:
        parts.append('### Failed\n\n' + '\n'.join('- ' + text for text in result['failures']))
    return '\n\n'.join(parts)
