# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What the tools in Python share: --version, and an end that says why it is not a success."""

import argparse
import io
import os
import sys
from pathlib import Path

VERSION = (Path(__file__).resolve().parents[1] / 'VERSION').read_text(encoding='utf-8').strip()
INTERRUPTED = 3

# Of pictures: colours that people who see colours differently tell apart, and that can be read as
# text on white (contrast 5.2, 5.5 and 9.3 : 1), and a grey for what matters less (7.0 : 1).
BLUE, ORANGE, GREEN, GREY = '#0072b2', '#b34700', '#00523a', '#595959'
# Where something else runs, times say nothing of what is measured.
BUSY_LOAD = 0.5


class Parser(argparse.ArgumentParser):
    """Passes on the error of a help that cannot be written, which argparse ignores."""

    def _print_message(self, message, file=None):
        if message:
            (file or sys.stderr).write(message)


def parser(text):
    """A parser whose help is this text. For wrong options it ends with status 2."""
    made = Parser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('--version', action='version', version=f'dpdk-virtio {VERSION}')
    return made


def pyplot():
    """matplotlib.pyplot, for a file. Imported after the options are parsed: --help needs it not."""
    try:
        import matplotlib
        matplotlib.use('Agg')
        import matplotlib.pyplot
    except ImportError as error:
        sys.exit(f'{os.path.basename(sys.argv[0])}: error: no matplotlib ({error}); '
                 'devtools/setup.sh installs it')
    return matplotlib.pyplot


def packets_axes(axes, top, above=0.12):
    """Axes for the packets of a queue in each millisecond; `above` is free, of the height."""
    axes.set_ylim(0, top * (1 + above))
    axes.yaxis.set_major_locator(pyplot().MaxNLocator(2, integer=True))
    axes.set_ylabel('packets/ms', fontsize=7)
    axes.tick_params(labelsize=7)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def warn_of_load(figure, load):
    """Says in the picture that the machine was busy, if it was."""
    if load > BUSY_LOAD:
        figure.text(0.5, 0.005, f'The machine was busy (load average {load:.1f}): the times say '
                    'little.', ha='center', va='bottom', fontsize=9, fontweight='bold',
                    color=ORANGE)


def save_figure(figure, path, dpi):
    """Writes a picture. matplotlib itself may not notice that the disk is full."""
    picture = io.BytesIO()
    figure.savefig(picture, format='png', dpi=dpi)
    with open(path, 'wb') as file:
        file.write(picture.getvalue())


def run(main):
    """Ends the process as main() does, or with a message and a status that is not 0.

    A result that could not be written has status 1, and a run that a signal ended has status 3.
    """
    name = os.path.basename(sys.argv[0])
    try:
        try:
            status = main()
        except SystemExit as end:
            status = end.code
        if sys.stdout is None:
            raise OSError('standard output is closed')
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer must not fail again.
        sys.stdout = None
        status = f'{name}: error: {error}'
    except KeyboardInterrupt:
        print(f'{name}: ended by a signal; there is no result', file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)
