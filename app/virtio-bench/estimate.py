# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What turns of two drivers say of the ratio of their figures, and how surely.

Both take a turn of some milliseconds each, one right after the other: a pair. Pairs follow each
other in a session, in which the processes, and so the places of their memory, stay the same. A
sample is a list of sessions, each a list of pairs.
"""

import math
import random
import statistics

RESAMPLES = 1000
CONFIDENCE = 0.95
# Half an interval, as a part of the ratio: one that is wider decides nothing.
WIDEST = 0.03
# Between two hand-overs of a line that took so different times the machine was not the same.
SAME_MODE = 1.25


def same_mode(pair):
    """Whether a line took the same time between the cores before the pair and after it."""
    before, after = pair['handover']
    return max(before, after) <= SAME_MODE * min(before, after)


def ratios(session, key):
    """Ours : packaged, of the pairs that compare like with like."""
    return [pair['ours'][key] / pair['packaged'][key] for pair in session if same_mode(pair)]


def middle(sessions):
    """The geometric mean of the sessions' medians: one odd turn or session weighs little."""
    return math.exp(statistics.fmean(math.log(statistics.median(session))
                                     for session in sessions))


def estimate(sample, key):
    """The ratio with the interval that a bootstrap gives, of sessions and of pairs within them."""
    sessions = [found for found in (ratios(session, key) for session in sample) if found]
    pairs = sum(len(session) for session in sample)
    kept = sum(len(session) for session in sessions)
    if not sessions:
        return {'ratio': None, 'low': None, 'high': None, 'decided': False, 'pairs': pairs,
                'kept': 0, 'sessions': 0}
    # The same figures give the same interval.
    chance = random.Random(0)
    drawn = []
    for _ in range(RESAMPLES):
        some = chance.choices(sessions, k=len(sessions))
        drawn.append(middle([chance.choices(session, k=len(session)) for session in some]))
    drawn.sort()
    tail = (1 - CONFIDENCE) / 2
    low, high = drawn[int(tail * RESAMPLES)], drawn[int((1 - tail) * RESAMPLES) - 1]
    ratio = middle(sessions)
    return {'ratio': ratio, 'low': low, 'high': high,
            'decided': (high - low) / 2 <= WIDEST * ratio and len(sessions) > 1,
            'pairs': pairs, 'kept': kept, 'sessions': len(sessions)}


def median_of(sample, driver, key):
    """The median of all turns of one driver."""
    return statistics.median(pair[driver][key] for session in sample for pair in session)
