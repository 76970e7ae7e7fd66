#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Run virtio-bench for two drivers in turn, and compare.

devtools/run-bench.sh builds what this needs and calls it. Each measurement is a process of its own;
those of the two drivers differ in EAL's -d alone and alternate: ours, packaged, ours, packaged. The
back-end, where there is one, is one process for all of them, on the other core. Where time on two
cores is measured, the processes of both drivers are up together and take turns (turns.py).
"""

import datetime
import json
import os
import platform
import random
import subprocess
import sys
import tempfile

import estimate
import report
import turns
from turns import Failed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../devtools'))
import tool  # noqa: E402

DRIVERS = ('ours', 'packaged')
FRONT_MB = 128
HANDOVER_MB = 16
LIFE_MB = 512     # two pools that fill 16 rings of 4096
BACK_MB = 128
GRACE_SECONDS = 10

# The data paths, by the devargs that ask for them. `needs` is a word that our driver's burst mode
# has where it took the path (a driver that tells no mode is believed), `cpu` what the packaged
# driver needs to take it. `orders`: instructions are counted in each of ORDERS too.
PATHS = [
    {'name': 'split', 'devargs': 'in_order=0', 'orders': True},
    {'name': 'split, no mergeable', 'devargs': 'in_order=0,mrg_rxbuf=0'},
    {'name': 'split, vectorised', 'devargs': 'in_order=0,mrg_rxbuf=0,vectorized=1',
     'needs': 'vector'},
    {'name': 'split, in-order', 'devargs': 'in_order=1', 'needs': 'order'},
    {'name': 'packed', 'devargs': 'packed_vq=1,in_order=0', 'orders': True},
    {'name': 'packed, in-order', 'devargs': 'packed_vq=1,in_order=1', 'needs': 'order'},
    {'name': 'packed, no mergeable', 'devargs': 'packed_vq=1,in_order=0,mrg_rxbuf=0'},
    {'name': 'packed, vectorised', 'devargs': 'packed_vq=1,in_order=1,mrg_rxbuf=0,vectorized=1',
     'eal': ['--force-max-simd-bitwidth=512'], 'needs': 'vector', 'cpu': 'avx512vl'},
    # What both drivers do with the instructions that any machine of the packages has.
    {'name': 'split, generic', 'devargs': 'in_order=0',
     'eal': ['--force-max-simd-bitwidth=128'], 'needs': 'scalar'},
    {'name': 'packed, generic', 'devargs': 'packed_vq=1,in_order=0',
     'eal': ['--force-max-simd-bitwidth=128'], 'needs': 'scalar'},
    # EAL allows 256 bits by itself.
    {'name': 'split, 512 bits', 'devargs': 'in_order=0',
     'eal': ['--force-max-simd-bitwidth=512'], 'needs': 'avx512'},
    {'name': 'packed, 512 bits', 'devargs': 'packed_vq=1,in_order=0',
     'eal': ['--force-max-simd-bitwidth=512'], 'needs': 'avx512'},
]

# In which a device uses buffers: virtio-bench's --order.
ORDERS = ('turn', 'random', 'one', 'once')

# What is done, and how often. `traffic` is (direction, size). A quick run has it all for the first
# path and the first of it for the others, and leaves out what one driver alone has. `life` is
# (back-end of BACK_ENDS, ring size, queue pairs).
FULL = {
    'pairs': 5, 'step_bursts': 64, 'cycle_bursts': 100000,
    'turn_ms': 10, 'turns': 12, 'sessions': 5, 'sessions_wide': 10, 'sessions_most': 16,
    'traffic': [(d, s) for s in ('64', '256', '1518', 'imix') for d in ('loop', 'rx', 'tx')],
    'traffic_of_others': 12,
    'life': [(back_end, ring, pairs) for back_end in ('idle', 'polling') for ring in (256, 4096)
             for pairs in (1, 4, 8, 16)] + [('crowded', 256, pairs) for pairs in (1, 4)],
    'life_runs': 3, 'life_rounds': 200,
}
QUICK = {
    'pairs': 2, 'step_bursts': 8, 'cycle_bursts': 5000,
    'turn_ms': 10, 'turns': 6, 'sessions': 1, 'sessions_wide': 1, 'sessions_most': 1,
    'traffic': [('loop', '64'), ('rx', '64'), ('tx', '64'), ('loop', 'imix')],
    'traffic_of_others': 1,
    'life': [('idle', 256, 1), ('polling', 256, 4), ('crowded', 256, 4)],
    'life_runs': 1, 'life_rounds': 40,
}
SECTIONS = ('steps', 'rate', 'latency', 'cycles', 'life')
# The back-end's part in each direction of the port.
OTHER_SIDE = {'loop': 'loop', 'rx': 'tx', 'tx': 'rx', 'idle': 'idle', 'ping': 'loop'}
# What is estimated of a turn.
FIGURES = {'ping': ('p50_ns', 'p99_ns')}
# Of life: the direction, and where the back-end's message thread runs. Idle, it has the back-end's
# core; polling, that of the port, which waits while it works; crowded, the one that polls.
BACK_ENDS = {'idle': ('idle', 'back'), 'polling': ('loop', 'front'), 'crowded': ('loop', 'back')}


def say(text):
    print('bench: ' + text, file=sys.stderr, flush=True)


def die(text):
    say('error: ' + text)
    sys.exit(1)


class Bench:
    """The machine and the programs."""

    def __init__(self, args, folder):
        self.args = args
        self.folder = folder
        self.socket = os.path.join(folder, 'vhost.sock')
        self.counter = 0
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            die('two cores are wanted, one for the port and one for the back-end; here is one')
        self.front_cpu, self.back_cpu = cpus[0], cpus[1]
        self.huge = self.free_hugepages_mb() >= LIFE_MB + BACK_MB
        self.failures = []
        self.done = 0       # of what is measured together, for the message of an early end

    @staticmethod
    def free_hugepages_mb():
        try:
            with open('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages',
                      encoding='ascii') as file:
                return 2 * int(file.read())
        except OSError:
            return 0

    def command(self, cpu, megabytes, eal, options):
        self.counter += 1
        memory = ['--in-memory', '--single-file-segments'] if self.huge else \
            ['--no-huge', '--no-shconf']
        return [self.args.binary, '--lcores', f'0@{cpu}', *memory, '-m', str(megabytes),
                '--no-pci', '--no-telemetry', '--iova-mode=va', '--log-level=*:warning',
                '--file-prefix', f'virtio-bench-{os.getpid()}-{self.counter}', *eal,
                '--', *options]

    def front_command(self, driver, path, options, socket, pairs=1, ring=256):
        eal = list(path.get('eal', []))
        if driver == 'ours':
            eal += ['-d', self.args.plugin]
        eal += ['--vdev', f'net_virtio_user0,path={socket},queues={pairs},'
                          f'queue_size={ring},{path["devargs"]}']
        megabytes = LIFE_MB if options[0] == 'life' else FRONT_MB
        return self.command(self.front_cpu, megabytes, eal, [
            *options, '--pairs', str(pairs), '--ring', str(ring)])

    def check_driver(self, driver, result, name):
        is_ours = os.path.realpath(result['object']) == os.path.realpath(self.args.plugin)
        if is_ours != (driver == 'ours'):
            raise Failed(f'{name}: it was {result["object"]} that served the port')

    def front(self, driver, path, options, pairs=1, ring=256, null=False, deadline=60):
        """One measurement: its JSON object. Raises Failed."""
        options = [*options, '--deadline', str(deadline)]
        if null:
            options += ['--null', self.socket]
        command = self.front_command(driver, path, options, self.socket, pairs, ring)
        name = f'{driver} driver, {path["name"]}, {" ".join(options[:3])}'
        try:
            # Its own watchdog says where it hangs; this is for the case that it cannot.
            run = subprocess.run(command, capture_output=True, text=True, check=False,
                                 timeout=deadline + GRACE_SECONDS, stdin=subprocess.DEVNULL,
                                 preexec_fn=lambda: os.sched_setaffinity(0, {self.front_cpu}))
        except subprocess.TimeoutExpired:
            raise Failed(f'{name}: killed, it hung for {deadline + GRACE_SECONDS} s') from None
        if run.returncode == 3:
            raise Failed(f'{name}: {run.stderr.splitlines()[-1]}')
        if run.returncode < 0:
            raise Failed(f'{name}: died of signal {-run.returncode}: '
                         f'{turns.words_of(run.stderr)}')
        if run.returncode != 0:
            raise Failed(turns.words_of(run.stderr))
        result = json.loads(run.stdout)
        self.check_driver(driver, result, name)
        return result

    def sockets(self, drivers=('ours',)):
        """A path for each of these; what is left there of an earlier back-end goes."""
        paths = {driver: f'{self.socket}.{driver}' for driver in drivers}
        for path in paths.values():
            if os.path.exists(path):
                os.unlink(path)
        return paths

    def say_next(self, what):
        """Names what is measured next; what was named before is done."""
        say(what)
        self.done += 1

    def failed(self, what, error):
        say(f'{what}: {error}')
        self.failures.append(f'{what}: {error}')


class BackEnd(turns.Process):
    """virtio-bench serve on the stock net_vhost, in the other process on the other core."""

    def __init__(self, bench, direction, size='64', pairs=1, messages='back', sockets=None):
        # EAL's control threads go where no lcore is, if the process may run there.
        cpus = {bench.back_cpu, bench.front_cpu if messages == 'front' else bench.back_cpu}
        options = ['serve', '--direction', OTHER_SIDE[direction], '--size', size,
                   '--pairs', str(pairs), '--deadline', '3600']
        if sockets:
            options.append('--turns')
        else:
            sockets = [bench.socket]
            if os.path.exists(bench.socket):
                os.unlink(bench.socket)
        eal = []
        for i, socket in enumerate(sockets):
            eal += ['--vdev', f'net_vhost{i},iface={socket},queues={pairs}']
        super().__init__('the back-end', bench.command(bench.back_cpu, BACK_MB, eal, options),
                         cpus, os.path.join(bench.folder, 'back-end.log'))

    def begin(self):
        if self.line() != 'ready':
            raise self.failed('is not ready')


def probe(bench, path, entry):
    """Whether each driver has this path: a port on the null device."""
    there = {}
    for driver in DRIVERS:
        try:
            result = bench.front(driver, path, ['steps', '--bursts', '1'], null=True)
        except Failed as error:
            entry[driver] = {'there': False, 'words': str(error)}
            say(f'{path["name"]}: not there ({driver}): {error}')
            continue
        mode = ' / '.join(filter(None, (result['rx_mode'], result['tx_mode'])))
        entry[driver] = {'there': True, 'mode': mode}
        needs = path.get('needs', '')
        if mode and needs not in mode.lower():
            entry[driver]['words'] = f'takes {mode}'
        there[driver] = True
    if 'cpu' in path and path['cpu'] not in cpu_flags():
        entry['packaged']['words'] = f'no {path["cpu"]} here: a scalar path is taken'
    return there


def cpu_flags():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith(('flags', 'Features')):
                return line.split(':', 1)[1].split()
    return []


def measure_steps(bench, path, there, plan):
    """Exact, so once for each driver that has the path."""
    result = {}
    options = ['steps', '--bursts', str(plan['step_bursts']), '--burst', str(bench.args.burst)]
    with BackEnd(bench, 'loop'):
        for driver in there:
            run = bench.front(driver, path, options, deadline=300)
            result[driver] = {key: run[key] for key in ('rx', 'tx', 'rx_bursts', 'tx_bursts')}
            if driver == 'ours':
                result[driver]['gate'] = run['gate']
    return result


def measure_orders(bench, path, there, plan):
    """Against the device that costs nothing, which alone can be given an order."""
    options = ['steps', '--bursts', str(plan['step_bursts']), '--burst', str(bench.args.burst)]
    result = {}
    for order in ORDERS:
        result[order] = {}
        for driver in there:
            run = bench.front(driver, path, [*options, '--order', order], null=True, deadline=300)
            result[order][driver] = {key: run[key] for key in ('rx', 'tx')}
    return result


def measure_cycles(bench, path, plan):
    options = ['cycles', '--bursts', str(plan['cycle_bursts']), '--burst', str(bench.args.burst)]
    return [{driver: {key: run[key]['p50'] for key in ('rx', 'tx')}
             for driver in DRIVERS for run in (bench.front(driver, path, options, null=True),)}
            for _ in range(plan['pairs'])]


class HandOver(turns.Process):
    """Cycles that a line takes from one core to the other, whenever it is asked."""

    def __init__(self, bench):
        command = bench.command(bench.front_cpu, HANDOVER_MB, [],
                                ['handover', '--turns', '--deadline', '86400'])
        command[command.index('--lcores') + 1] = f'0@{bench.front_cpu},1@{bench.back_cpu}'
        super().__init__('hand-over', command, {bench.front_cpu, bench.back_cpu},
                         os.path.join(bench.folder, 'handover.log'))

    def begin(self):
        self.answer()


class Front(turns.Process):
    """A port of one driver, which carries packets when it is its turn."""

    def __init__(self, bench, driver, path, options, socket):
        self.check = lambda said: bench.check_driver(driver, said, f'{driver}, {path["name"]}')
        super().__init__(f'{driver} driver, {path["name"]}',
                         bench.front_command(driver, path, options, socket), {bench.front_cpu},
                         os.path.join(bench.folder, f'front-{driver}.log'))

    def begin(self):
        self.check(self.answer())


def take_turns(bench, handover, path, direction, size, plan):
    """A session: pairs of turns of both drivers, with the same processes throughout."""
    options = ['rate', '--turns', '--direction', direction, '--size', size, '--ms',
               str(plan['turn_ms']), '--burst', str(bench.args.burst), '--deadline', '3600']
    sockets = bench.sockets(DRIVERS)
    pairs = []
    with BackEnd(bench, direction, size, sockets=list(sockets.values())) as back_end, \
            Front(bench, 'ours', path, options, sockets['ours']) as ours, \
            Front(bench, 'packaged', path, options, sockets['packaged']) as packaged:
        order = [(DRIVERS.index('ours'), 'ours', ours),
                 (DRIVERS.index('packaged'), 'packaged', packaged)]
        before = handover.ask()['alone']
        for _ in range(plan['turns']):
            pair = {}
            random.shuffle(order)
            for port, driver, front in order:
                back_end.ask(str(port))
                pair[driver] = front.ask()
            back_end.ask('')
            after = handover.ask()['alone']
            pair['handover'] = [before, after]
            before = after
            pairs.append(pair)
    return pairs


def measure_turns(bench, path, direction, size, plan):
    """Sessions until the interval is narrow enough and decides, or there have been too many."""
    figures = FIGURES.get(direction, ('mpps',))
    sample = []
    found = {}
    with HandOver(bench) as handover:
        while estimate.wants_more(found, len(sample), plan):
            sample.append(take_turns(bench, handover, path, direction, size, plan))
            found = {figure: estimate.estimate(sample, figure) for figure in figures}
    return {'direction': direction, 'size': size, 'sessions': sample, 'estimates': found}


# What a queue's life is compared with: only ours can do the first two.
WAYS = (('ours', 'rx-queue'), ('ours', 'tx-queue'), ('packaged', 'port'), ('packaged', 'plain'))


def measure_life(bench, plan, back_end, ring, pairs):
    runs = {f'{driver} {way}': [] for driver, way in WAYS}
    words = {}
    direction, messages = BACK_ENDS[back_end]
    with BackEnd(bench, direction, pairs=pairs, messages=messages):
        for _ in range(plan['life_runs']):
            for driver, way in WAYS:
                key = f'{driver} {way}'
                if key in words:
                    continue
                # A port's reset takes long where there is much of it: up to a second.
                rounds = plan['life_rounds'] // (4 if way == 'port' else 1)
                try:
                    run = bench.front(driver, PATHS[0],
                                      ['life', '--way', way, '--rounds', str(rounds)],
                                      pairs=pairs, ring=ring, deadline=300)
                except Failed as error:
                    words[key] = str(error)
                    say(f'{key}, {pairs} pairs: {error}')
                    continue
                runs[key].append({name: run[f'{name}_us']
                                  for name in ('stop', 'set_up', 'start', 'all')})
    return {'back_end': back_end, 'ring': ring, 'pairs': pairs, 'runs': runs, 'words': words}


def measure_handover(bench):
    """What a cache line costs between the two cores, whatever the driver."""
    command = bench.command(bench.front_cpu, FRONT_MB, [], ['handover', '--deadline', '60'])
    command[command.index('--lcores') + 1] = f'0@{bench.front_cpu},1@{bench.back_cpu}'
    run = subprocess.run(command, capture_output=True, text=True, check=False,
                         timeout=60 + GRACE_SECONDS, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise Failed(turns.words_of(run.stderr))
    return json.loads(run.stdout)


def measure_path(bench, path, plan, first):
    only = bench.args.only
    entry = {'name': path['name'], 'devargs': path['devargs']}
    there = probe(bench, path, entry)
    jobs = []
    if 'steps' in only and (len(there) == 2 or (there and not bench.args.quick)):
        jobs.append(('steps', lambda: entry.update(
            steps=measure_steps(bench, path, there, plan))))
        if path.get('orders'):
            jobs.append(('steps by order', lambda: entry.update(
                orders=measure_orders(bench, path, there, plan))))
    if len(there) == 2 and 'cycles' in only:
        jobs.append(('cycles', lambda: entry.update(cycles=measure_cycles(bench, path, plan))))
    if len(there) == 2 and 'rate' in only:
        entry['rate'] = []
        traffic = plan['traffic'][:None if first else plan['traffic_of_others']]
        for direction, size in traffic:
            jobs.append((f'rate, {direction}, {size}', lambda d=direction, s=size: entry[
                'rate'].append(measure_turns(bench, path, d, s, plan))))
    if len(there) == 2 and 'latency' in only:
        jobs.append(('latency', lambda: entry.update(
            latency=measure_turns(bench, path, 'ping', '64', plan))))
    for name, job in jobs:
        bench.say_next(f'{path["name"]}: {name}')
        try:
            job()
        except Failed as error:
            bench.failed(f'{path["name"]}: {name}', error)
    return entry


def machine(bench):
    model = 'unknown'
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    version = subprocess.run(['pkg-config', '--modversion', 'libdpdk'], capture_output=True,
                             text=True, check=False).stdout.strip()
    return {'cpu': model, 'cpus': os.cpu_count(), 'front_cpu': bench.front_cpu,
            'back_cpu': bench.back_cpu, 'kernel': platform.release(), 'dpdk': version,
            'hugepages': bench.huge, 'load_before': os.getloadavg()[0]}


def parse_args():
    parser = tool.parser(__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--binary', required=True, help='virtio-bench')
    parser.add_argument('--plugin', required=True, help='our driver, in a folder that EAL accepts')
    parser.add_argument('--json', metavar='FILE', help='write all figures there')
    parser.add_argument('--doc', metavar='FILE', help='write the tables between its two marks')
    parser.add_argument('--quick', action='store_true', help='a look, in under two minutes')
    parser.add_argument('--burst', type=int, default=32, choices=range(1, 65), metavar='1..64')
    parser.add_argument('--only', type=lambda text: text.split(','), default=list(SECTIONS),
                        metavar='LIST', help='some of ' + ','.join(SECTIONS))
    parser.add_argument('--traffic', type=lambda text: text.split(','), metavar='LIST',
                        help='for rate, of each path: some of ' +
                        ','.join(f'{d}:{s}' for d, s in FULL['traffic']))
    parser.add_argument('--paths', type=lambda text: text.split('+'), metavar='LIST',
                        help='only these data paths, with "+" between them, such as '
                        '"split+packed, vectorised"')
    args = parser.parse_args()
    for path in args.paths or ():
        if path not in [known['name'] for known in PATHS]:
            parser.error(f'--paths {path}: must be some of ' +
                         '+'.join(known['name'] for known in PATHS))
    for section in args.only:
        if section not in SECTIONS:
            parser.error(f'--only {section}: must be some of {",".join(SECTIONS)}')
    for traffic in args.traffic or ():
        if tuple(traffic.split(':')) not in FULL['traffic']:
            parser.error(f'--traffic {traffic}: must be some of ' +
                         ','.join(f'{d}:{s}' for d, s in FULL['traffic']))
    if args.doc:
        report.check_marks(args.doc)
    return args


def measure_all(bench, plan, result):
    if 'rate' in bench.args.only:
        bench.say_next('hand-over between the cores')
        try:
            result['handover'] = measure_handover(bench)
        except Failed as error:
            bench.failed('hand-over between the cores', error)
    if set(bench.args.only) - {'life'}:
        paths = [path for path in PATHS if path['name'] in (bench.args.paths or [path['name']])]
        for i, path in enumerate(paths):
            result['paths'].append(measure_path(bench, path, plan, i == 0))
    if 'life' in bench.args.only:
        for back_end, ring, pairs in plan['life']:
            what = f'life: {back_end} back-end, ring {ring}, {pairs} pairs'
            bench.say_next(what)
            try:
                result['life'].append(measure_life(bench, plan, back_end, ring, pairs))
            except Failed as error:
                bench.failed(what, error)


def main():
    args = parse_args()
    plan = dict(QUICK if args.quick else FULL)
    if args.traffic:
        plan['traffic'] = [tuple(traffic.split(':')) for traffic in args.traffic]
        plan['traffic_of_others'] = len(args.traffic)
    with tempfile.TemporaryDirectory(prefix='virtio-bench.') as folder:
        bench = Bench(args, folder)
        result = {'program': 'virtio-bench', 'when': datetime.date.today().isoformat(),
                  'machine': machine(bench), 'quick': args.quick, 'burst': args.burst,
                  'plan': plan, 'only': args.only, 'paths': [], 'life': []}
        try:
            measure_all(bench, plan, result)
        except KeyboardInterrupt:
            say(f'ended by a signal after {max(bench.done - 1, 0)} measurements; there is no '
                'result')
            return tool.INTERRUPTED
        result['machine']['load_after'] = os.getloadavg()[0]
        result['failures'] = bench.failures
    text = report.render(result)
    print(text)
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump(result, file, indent=1)
            file.write('\n')
    if args.doc:
        report.put_into(args.doc, text)
    return 1 if bench.failures else 0


if __name__ == '__main__':
    tool.run(main)
