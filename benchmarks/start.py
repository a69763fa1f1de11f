# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Time and memory that importing and starting take.

    python benchmarks/start.py [--json]

Medians over fresh processes: milliseconds of wall time, kilobytes of resident
memory, and the memory after three seconds of profiling.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

_CHILD = """
import json, time
def resident_kb():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
before_kb, before_s = resident_kb(), time.perf_counter()
import pyroscope_native
imported_s, imported_kb = time.perf_counter(), resident_kb()
from pyroscope_native import process
from pyroscope_native.config import Config
from pyroscope_native.session import Session
process.begin(Session(Config(application_name="x", outputs=("/x.pb.gz",))), lambda: None)
started_s, started_kb = time.perf_counter(), resident_kb()
def recurse(n):
    return recurse(n - 1) if n else sum(range(20000))
end = time.process_time() + 3
while time.process_time() < end:
    recurse(30)
print(json.dumps({
    "import ms": (imported_s - before_s) * 1e3, "start ms": (started_s - imported_s) * 1e3,
    "import kB": imported_kb - before_kb, "start kB": started_kb - imported_kb,
    "after 3 s kB": resident_kb() - before_kb,
}))
"""
ROUNDS = 7


def measure() -> dict[str, float]:
    """Medians by figure."""
    runs = [
        json.loads(
            subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, check=True).stdout
        )
        for _ in range(ROUNDS)
    ]
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure()
    if options.json:
        print(json.dumps({"python": sys.version.split()[0], "start": result}))
        return
    print(f"CPython {sys.version.split()[0]}")
    for figure, value in result.items():
        print(f"  {figure:14}{value:9.1f}")


if __name__ == "__main__":
    main()
