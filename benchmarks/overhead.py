# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU that profiling costs, in pairs of runs with and without.

    python benchmarks/overhead.py [--rounds N] [--json]

Two figures for each workload and rate. "counted" is what can be counted: the
profiler's own threads, and samples × the cost of a tick as handler.py
measures it. "paired" is the median difference of CPU time between processes
with and without, in turns, beside that of pairs which are both without: the
noise. Last, what an idle hour with 32 sleeping threads costs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

RATES = (100, 1000)
TICK_NS = 3000
"""Delivery of a signal and the handler at 30 frames, warm (handler.py)."""

_CHILD = """
import json, sys, time
sys.path.insert(0, {benchmarks!r})
from workloads import WORKLOADS
work = WORKLOADS[{workload!r}]
rate = {rate}
if rate:
    from pyroscope_native import process, _core
    from pyroscope_native.config import Config
    from pyroscope_native.session import Session
    session = Session(Config(application_name="x", outputs=("/x.pb.gz",), rate_hz=rate))
    process.begin(session, lambda: None)
began = time.process_time_ns()
work()
used = time.process_time_ns() - began
samples = own = 0
if rate:
    counters = _core.counters()
    samples, own = counters["samples"], counters["own_cpu_ns"]
print(json.dumps([used, samples, own]))
"""

_IDLE = """
import json, sys, threading, time
rate = {rate}
if rate:
    from pyroscope_native import process
    from pyroscope_native.config import Config
    from pyroscope_native.session import Session
    process.begin(Session(Config(application_name="x", outputs=("/x.pb.gz",))), lambda: None)
for _ in range(32):
    threading.Thread(target=time.sleep, args=({seconds} + 1,), daemon=True).start()
time.sleep(0.5)
began = time.process_time_ns()
time.sleep({seconds})
print(json.dumps([time.process_time_ns() - began, 0, 0]))
"""


def _measure(code: str) -> tuple[int, int, int]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    used, samples, own = json.loads(done.stdout)
    return used, samples, own


def _child(workload: str, rate: int) -> tuple[int, int, int]:
    here = os.path.dirname(os.path.abspath(__file__))
    return _measure(_CHILD.format(benchmarks=here, workload=workload, rate=rate))


def compare(workload: str, rate: int, rounds: int) -> dict[str, float]:
    """Shares of CPU, in percent."""
    paired, noise, counted = [], [], []
    for _ in range(rounds):
        without, _, _ = _child(workload, 0)
        with_, samples, own = _child(workload, rate)
        again, _, _ = _child(workload, 0)
        paired.append(100 * (with_ / ((without + again) / 2) - 1))
        noise.append(100 * abs(again / without - 1))
        counted.append(100 * (own + samples * TICK_NS) / with_)
    return {
        "counted": statistics.median(counted),
        "paired": statistics.median(paired),
        "noise": statistics.median(noise),
    }


def idle(seconds: float) -> dict[str, float]:
    """CPU seconds per hour with 32 sleeping threads."""
    per_hour = 3600 / seconds / 1e9
    without = _measure(_IDLE.format(rate=0, seconds=seconds))[0]
    with_ = _measure(_IDLE.format(rate=100, seconds=seconds))[0]
    return {"without": without * per_hour, "with": with_ * per_hour}


def main() -> None:
    """Print the table."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from workloads import WORKLOADS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = {
        f"{workload} {rate} Hz": compare(workload, rate, options.rounds)
        for workload in WORKLOADS
        for rate in RATES
    }
    result["idle, CPU s/h"] = idle(20.0)
    if options.json:
        print(json.dumps({"python": sys.version.split()[0], "overhead": result}))
        return
    print(f"CPython {sys.version.split()[0]}")
    for name, figures in result.items():
        shown = "  ".join(f"{figure} {value:7.3f}" for figure, value in figures.items())
        print(f"  {name:22} {shown}")


if __name__ == "__main__":
    main()
