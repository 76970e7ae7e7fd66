# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Processes that measure when they are asked to: virtio-bench with --turns."""

import json
import os
import selectors
import subprocess
import sys

ANSWER_SECONDS = 60
GRACE_SECONDS = 10


class Failed(Exception):
    """A process that did not do its work, with its own words."""


def words_of(stderr):
    """The first line that says what was wrong, in the driver's own words where it has any."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    for line in lines:
        if line.startswith('virtio: ') or 'virtio_user_pmd_probe' in line:
            return line
    lines = [line for line in lines if not line.startswith('EAL: ')] or lines
    return lines[-1] if lines else 'no reason was printed'


class Process:
    """Started by `with`, and ended with it; a line is asked, a line is the answer."""

    def __init__(self, name, command, cpus, log):
        self.name = name
        self.command = command
        self.cpus = cpus
        self.log_path = log
        self.log = None
        self.process = None

    def __enter__(self):
        self.log = open(self.log_path, 'w+', encoding='utf-8')
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cpus), bufsize=0)
        try:
            self.begin()
        except Failed:
            self.stop()
            raise
        return self

    def begin(self):
        """What it says before the first line that it is asked."""

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """At the end of its stdin one that takes turns is done; any other wants a signal."""
        self.process.stdin.close()
        if '--turns' not in self.command:
            self.process.terminate()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            print(f'bench: {self.name}: killed, it did not end on request', file=sys.stderr)
        self.process.stdout.close()
        self.log.close()

    def failed(self, what):
        self.log.seek(0)
        return Failed(f'{self.name} {what}: {words_of(self.log.read())}')

    def line(self):
        """The next line that it prints, without its end."""
        text = b''
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not text.endswith(b'\n'):
                if not selector.select(ANSWER_SECONDS):
                    raise self.failed(f'did not answer in {ANSWER_SECONDS} s')
                more = self.process.stdout.read(65536)
                if not more:
                    raise self.failed('has ended')
                text += more
        return text.decode('utf-8').rstrip('\n')

    def answer(self):
        return json.loads(self.line())

    def ask(self, line=''):
        try:
            self.process.stdin.write(f'{line}\n'.encode('utf-8'))
        except BrokenPipeError:
            raise self.failed('has ended') from None
        return self.answer()
