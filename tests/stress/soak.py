# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Storms a nasty workload with ticks and judges what comes of it.

    python tests/stress/soak.py [SECONDS]

Ends with status 0 if nothing crashed, all weight is accounted for, and no
stack is impossible. Prints one line of figures.
"""

from __future__ import annotations

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


def main(seconds: float) -> int:
    """Returns the exit status."""
    session = Session(Config(application_name="soak", outputs=("/nowhere.pb.gz",)))
    process.begin(session, lambda: None)
    sender = subprocess.Popen(
        [sys.executable, storm.__file__, str(os.getpid())], stdin=subprocess.PIPE, text=True
    )
    until_s = time.monotonic() + seconds
    rounds = 0
    told_s = 0.0
    while time.monotonic() < until_s:
        _aim(sender)
        nasty.run_all()
        rounds += 1
        if sys.stderr.isatty() and time.monotonic() - told_s > 1:
            told_s = time.monotonic()
            print(f"\r{until_s - told_s:5.0f} s left, {rounds} rounds", end="", file=sys.stderr)
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
                "impossible": [f"{a} -> {b}" for a, b in sorted(set(impossible))[:10]],
            }
        )
    )
    return 1 if impossible or missing_ns else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
