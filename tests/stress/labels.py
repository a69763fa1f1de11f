# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds the labels of samples against what they must be.

    python tests/stress/labels.py [--samples N] [--seed S]

Storms random programs (label_trees.py) with ticks until N samples have been
judged, in sessions of at most 100,000. Ends with status 0 if each sample has the
labels of the scopes that it was taken in, and no others. Prints one line of
figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections import Counter, deque
from random import Random

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from pyroscope_native import _core, process
from pyroscope_native.config import Config
from pyroscope_native.session import Session
from tests.support import label_model, label_trees
from tests.support.aimed import Storm
from tests.support.label_model import At, Held, Judgement, judge, thread_place

SESSION_SAMPLES = 100_000
JUDGED_AT_LEAST = 0.05
"""Of all weight; the rest is what runs between burners."""

REST_S = 0.001
"""Without it programs get little done, and few of them are met."""
THREADS_AT_ONCE = 2
"""Who is aimed at: those that burn since the shortest time. The others are waiting."""


def _aim_at_new_threads(storm: Storm) -> None:
    lock, recent = threading.Lock(), deque([os.getpid()], THREADS_AT_ONCE)

    def aim(tid: int) -> None:
        with lock:
            recent.append(tid)
            storm.aim({*recent, os.getpid()})

    label_model.on_new_thread = aim


def _session(rng: Random, samples: int, lingering: list[Held]) -> tuple[Judgement, int, int]:
    """What comes of about so many samples: those that were taken, and the weight of
    those whose labels were not known, besides.

    One scope is left open for the next session.
    """
    config = Config(application_name="labels", outputs=("/nowhere.pb.gz",), overhead_budget=1.0)
    before = _core.counters()
    session = Session(config)
    process.begin(session, lambda: None)
    at = At(thread_place())
    with Storm(REST_S) as storm:
        _aim_at_new_threads(storm)
        while _core.counters()["samples"] - before["samples"] < samples:
            rng.choice(label_trees.PROGRAMS)(at, label_trees.fork(rng))
            label_trees.collect(at, rng, 0)
            while lingering:
                lingering.pop().__exit__(None, None, None)
    lingering.append(Held(at, label_trees.some_labels(rng)))
    lingering[0].__enter__()
    process.end()
    session.stop()
    counters = _core.counters()
    return (
        judge(session.whole_profile()),
        counters["samples"] - before["samples"],
        counters["unlabelled_ns"] - before["unlabelled_ns"],
    )


def main(samples: int, seed: int) -> int:
    """Returns the exit status."""
    gc.disable()  # trees run it where they can tell what it does
    gc.freeze()
    rng = Random(seed)
    whole = judged = truths = taken = unlabelled_ns = sessions = 0
    wrong = Counter[tuple[str, str]]()
    lingering: list[Held] = []
    began_s = time.monotonic()
    judged_samples = 0
    while judged_samples < samples and not wrong:
        left = samples - judged_samples
        share = judged / whole if whole else 0.5
        found, some, unknown_ns = _session(
            rng, min(SESSION_SAMPLES, int(left / share) + 1000), lingering
        )
        sessions += 1
        whole, judged = whole + found.whole, judged + found.judged
        truths = max(truths, found.truths)
        wrong.update(found.wrong)
        taken, unlabelled_ns = taken + some, unlabelled_ns + unknown_ns
        judged_samples = int(taken * judged / whole)
    print(
        json.dumps(
            {
                "python": sys.version.split()[0],
                "seed": seed,
                "seconds": round(time.monotonic() - began_s),
                "sessions": sessions,
                "programs": sorted({program.__name__ for program in label_trees.PROGRAMS}),
                "samples": taken,
                "judged": judged_samples,
                "judged_share": round(judged / whole, 3),
                "label_sets": truths,
                "unlabelled_ns": unlabelled_ns,
                "wrong_share": sum(wrong.values()) / max(1, judged),
                "wrong": [
                    f"must be {truth}, is {seen}, {weight} ns"
                    for (truth, seen), weight in wrong.most_common(10)
                ],
            }
        )
    )
    return 1 if wrong or unlabelled_ns or judged < JUDGED_AT_LEAST * whole else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(main(options.samples, options.seed))
