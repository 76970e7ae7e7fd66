# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""What turns of two drivers say of the ratio of their figures, and how surely.

Both take a turn of some milliseconds each, one right after the other: a pair. Pairs follow each
other in a session, in which the processes, and so the places of their memory, stay the same. A
sample is a list of sessions, each a list of pairs.
"""

import math
import statistics

# Half an interval, as a part of the ratio: one that is wider decides nothing.
WIDEST = 0.03
# Between two hand-overs of a line that took so different times the machine was not the same.
SAME_MODE = 1.25
# Student's t for 95 %, two-sided, by degrees of freedom from 1 on.
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
     2.145, 2.131)
# The least ratio of packets per second that is wanted.
GOAL = 0.97


def same_mode(pair):
    """Whether a line took the same time between the cores before the pair and after it."""
    before, after = pair['handover']
    return max(before, after) <= SAME_MODE * min(before, after)


# Where the two processors are, by the most cycles that the hand-over of a line takes between them.
PLACES = {'below 50': 50, '50 to 200': 200, '200 to 600': 600, '600 and more': math.inf}
# A session with fewer pairs at a place says nothing of it.
LEAST_PAIRS = 3


def place_of(pair):
    """Where the processors were during a pair that counts."""
    cycles = statistics.fmean(pair['handover'])
    return next(place for place, most in PLACES.items() if cycles < most)


def by_place(sample):
    """The sessions of each place, with the pairs that compare like with like there."""
    found = {}
    for place in PLACES:
        sessions = [[pair for pair in session if same_mode(pair) and place_of(pair) == place]
                    for session in sample]
        found[place] = [session for session in sessions if len(session) >= LEAST_PAIRS]
    return {place: sessions for place, sessions in found.items() if sessions}


def main_place(sample):
    """The place where most of the sessions were, or None where no pair counts.

    Rates of two places are two things: their mean would be neither, and its interval would say how
    often the hypervisor moved a processor.
    """
    places = by_place(sample)
    return max(places, default=None, key=lambda place: (
        len(places[place]), sum(len(session) for session in places[place])))


def counted(sample):
    """The sessions at their main place."""
    return by_place(sample).get(main_place(sample), [])


def estimate(sample, key):
    """The ratio ours : packaged at the main place, with its interval of 95 %.

    Sessions are what varies, and their medians are a sample of few: the interval is Student's, of
    the medians' logarithms. (A bootstrap of so few would be too narrow.)
    """
    sessions = counted(sample)
    found = {'place': main_place(sample), 'ratio': None, 'low': None, 'high': None,
             'decided': False, 'pairs': sum(len(session) for session in sample),
             'kept': sum(len(session) for session in sessions), 'sessions': len(sessions)}
    if not sessions:
        return found
    logs = [math.log(statistics.median(pair['ours'][key] / pair['packaged'][key]
                                       for pair in session)) for session in sessions]
    middle = statistics.fmean(logs)
    found['ratio'] = math.exp(middle)
    if len(logs) > 1:
        half = T[min(len(logs) - 2, len(T) - 1)] * statistics.stdev(logs) / math.sqrt(len(logs))
        found['low'], found['high'] = math.exp(middle - half), math.exp(middle + half)
        found['decided'] = (found['high'] - found['low']) / 2 <= WIDEST * found['ratio']
    return found


def is_open(found):
    """Whether the goal is within the interval, and so neither met for certain nor missed."""
    return found['low'] is None or found['low'] < GOAL <= found['high']


def wants_more(found, done, plan):
    """Whether `done` sessions are too few: the interval is wide, or it has the goal in it."""
    if done < plan['sessions']:
        return True
    wide = not all(figure['decided'] for figure in found.values())
    # Of packets per second alone: latency has another goal.
    unsure = 'mpps' in found and is_open(found['mpps'])
    return done < plan['sessions_wide'] and wide or done < plan['sessions_most'] and unsure


def median_of(sample, driver, key):
    """The median of all turns of one driver that count."""
    return statistics.median([pair[driver][key] for session in counted(sample)
                              for pair in session] or [0])


def median_hand_over(sample):
    """Cycles of the hand-over of a cache line, around the pairs that count."""
    return statistics.median([cycles for session in counted(sample) for pair in session
                              for cycles in pair['handover']] or [0])
