# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""A program under test on a terminal of its own, with a deadline on every wait."""

import ctypes
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time

# What a terminal adds to the text: the echo of each key ends in such a sequence.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x00")

# Generous: on a machine that is busy with other work too, a test is slow and not wrong.
PATIENCE = 120


def poll(what, look, patience=PATIENCE, say=lambda: ()):
    """Returns the first true value of look(), which has some seconds.

    The error, if there is none, has `what` was waited for and what say() yields.
    """
    deadline = time.monotonic() + patience
    while True:
        # Looked at once more after the deadline: this process may have been the late one.
        late = time.monotonic() > deadline
        value = look()
        if value:
            return value
        if late:
            raise AssertionError("\n".join([f"not within {patience} s: {what}", *say()]))
        time.sleep(0.02)


PR_SET_PDEATHSIG = 1
# Loaded here: a child between fork and exec should do as little as it can.
libc = ctypes.CDLL(None)


def die_with_parent():
    """Runs in the child: no program outlives the tests, however they end."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Log:
    """Lines with the time at which they began, in seconds since the start."""

    def __init__(self, path):
        self._file = open(path, "w", encoding="utf-8")
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._at_line_start = True

    def write(self, text):
        with self._lock:
            stamp = f"[{time.monotonic() - self._start:9.3f}] "
            for line in text.splitlines(keepends=True):
                self._file.write((stamp if self._at_line_start else "") + line)
                self._at_line_start = line.endswith("\n")
            self._file.flush()

    def close(self):
        self._file.close()


class Program:
    """Started at once; everything that it prints goes to its log, and can be waited for.

    With errors_apart what it says on stderr goes to the log alone, and so cannot come in the middle
    of a line of stdout.
    """

    def __init__(self, name, argv, log, env=None, errors_apart=False):
        self.name = name
        self.text = ""
        self._more = threading.Condition()
        self._log = Log(log)
        self._log.write(" ".join(argv) + "\n")
        self._terminal, inner = pty.openpty()
        # Lines longer than the terminal would be broken.
        termios.tcsetwinsize(inner, (50, 1000))
        errors, errors_inner = os.pipe() if errors_apart else (None, inner)
        self.process = subprocess.Popen(argv, stdin=inner, stdout=inner, stderr=errors_inner,
                                        env=env, start_new_session=True,
                                        preexec_fn=die_with_parent)
        os.close(inner)
        self._readers = [threading.Thread(target=self._read, args=(self._terminal, self._take))]
        if errors_apart:
            os.close(errors_inner)
            self._readers.append(threading.Thread(target=self._read, args=(errors, None)))
        self._errors = errors
        for reader in self._readers:
            reader.daemon = True
            reader.start()

    def _read(self, source, take):
        """Always reads: a program whose terminal is full would wait for us."""
        rest = b""
        while True:
            try:
                data = os.read(source, 65536)
            except OSError:
                data = b""
            if not data:
                break
            data = rest + data
            rest = b""
            # An escape sequence may come in two pieces.
            cut = re.search(rb"\x1b(\[[0-9;?]*)?$", data)
            if cut:
                data, rest = data[:cut.start()], data[cut.start():]
            text = ESCAPES.sub("", data.decode("utf-8", "replace"))
            self._log.write(text)
            if take:
                take(text)
        with self._more:
            self._more.notify_all()

    def _take(self, text):
        with self._more:
            self.text += text
            self._more.notify_all()

    def _ended(self):
        return not self._readers[0].is_alive()

    def _join(self):
        for reader in self._readers:
            reader.join(PATIENCE)

    def running(self):
        return self.process.poll() is None

    def mark(self):
        """A place in the output, to look from."""
        with self._more:
            return len(self.text)

    def said(self, pattern, since=0):
        """The first match in the output so far, or None."""
        with self._more:
            return re.search(pattern, self.text[since:], re.MULTILINE)

    def expect(self, pattern, since=0, patience=PATIENCE):
        """Waits until the output has a match, and returns it."""
        deadline = time.monotonic() + patience
        compiled = re.compile(pattern, re.MULTILINE)
        with self._more:
            while True:
                late = time.monotonic() > deadline
                # Read after the end too: the last words of a program that has exited count.
                ended = self._ended()
                match = compiled.search(self.text, since)
                if match:
                    return match
                if ended or late:
                    why = "has ended" if ended else f"did not within {patience} s"
                    raise AssertionError(f"{self.name} {why}: waited for {pattern!r}, it said:\n"
                                         + self.text[since:][-2000:])
                self._more.wait(0.2)

    def send(self, text):
        os.write(self._terminal, text.encode())

    def wait(self, patience=PATIENCE):
        """Its exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is still running after {patience} s") from None
        self._join()
        return status

    def kill(self):
        """As a crash would."""
        if self.running():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._join()

    def release(self):
        """Gives back what this object holds; the program is killed if it runs still."""
        self.kill()
        os.close(self._terminal)
        if self._errors is not None:
            os.close(self._errors)
        self._log.close()
