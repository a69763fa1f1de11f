# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Storms a nasty workload with ticks and judges what comes of it.

    python tests/stress/soak.py [SECONDS] [--signals N]

Goes on for so long, and until so many signals have come. Ends with status 0 if
nothing crashed, all weight is accounted for, no stack is impossible, and no
function has what belongs to another. Prints one line of figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from pyroscope_native import _core, process
from pyroscope_native.config import Config
from pyroscope_native.session import Session
from tests.support import nasty, storm


def _aim(sender: subprocess.Popen[str]) -> None:
    """Tell the sender which threads there are now."""
    assert sender.stdin is not None
    targets = ", ".join(f"{tid} {cookie}" for tid, cookie in _core.threads())
    if targets:
        sender.stdin.write(targets + "\n")
        sender.stdin.flush()


def _tell(text: str, *, last: bool = False) -> None:
    """A progress line on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text:60}", end="\n" if last else "", file=sys.stderr, flush=True)


def main(seconds: float, signals: int) -> int:
    """Returns the exit status."""
    session = Session(
        Config(application_name="soak", outputs=("/nowhere.pb.gz",), overhead_budget=1.0)
    )
    process.begin(session, lambda: None)
    sender = subprocess.Popen(
        [sys.executable, storm.__file__, str(os.getpid())], stdin=subprocess.PIPE, text=True
    )
    began_s = time.monotonic()
    rounds = 0
    while True:
        spent_s = time.monotonic() - began_s
        sampled = _core.counters()["samples"]
        if spent_s >= seconds and sampled >= signals:
            break
        _tell(f"{spent_s:.0f} of {seconds:.0f} s, {sampled} of {signals} signals, {rounds} rounds")
        _aim(sender)
        nasty.run_all()
        rounds += 1
    _tell(f"{spent_s:.0f} s, {sampled} signals, {rounds} rounds", last=True)
    assert sender.stdin is not None
    sender.stdin.close()
    sender.wait()
    session.stop()
    profile = session.whole_profile()
    counters = _core.counters()
    dropped = sum(
        counters[name]  # type: ignore[literal-required]
        for name in ("ring_full_ns", "ring_contended_ns", "no_slot_ns", "window_lost_ns")
    )
    stacks = (
        [
            (
                profile.functions[profile.frames[frame].function].name.rpartition(".")[2],
                profile.functions[profile.frames[frame].function].filename,
            )
            for frame in reversed(sample.stack)
        ]
        for sample in profile.samples
    )
    impossible = nasty.impossible_pairs(stacks)
    misnamed = [function for function in profile.functions if nasty.is_misnamed(*function)]
    missing_ns = counters["seen_ns"] + counters["unseen_ns"] - profile.total
    print(
        json.dumps(
            {
                "python": sys.version.split()[0],
                "rounds": rounds,
                "samples": counters["samples"],
                "stacks": len(profile.samples),
                "torn": counters["torn"],
                "retried": counters["retried"],
                "unresolved_ns": counters["unresolved_ns"],
                "dropped_ns": dropped,
                "missing_ns": missing_ns,
                "misnamed": [str(function) for function in misnamed[:10]],
                "impossible": [f"{a} -> {b}" for a, b in sorted(set(impossible))[:10]],
            }
        )
    )
    return 1 if impossible or misnamed or missing_ns else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Storm a nasty workload with ticks.")
    parser.add_argument("seconds", type=float, nargs="?", default=10.0)
    parser.add_argument("--signals", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.seconds, options.signals))
