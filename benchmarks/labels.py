# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs to enter and leave `tag_wrapper`.

    python benchmarks/labels.py [--peer PYTHON] [--json]

Nanoseconds, the least of many rounds in each of several fresh processes, and of
those the median. PYTHON is an interpreter that has pyroscope-io: its tag_wrapper is
measured beside ours, in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

_CHILD = """
import importlib, json, sys, timeit
name, mode = sys.argv[1:]
module = importlib.import_module(name)
if mode == "on" and name == "pyroscope":
    module.configure(application_name="x", server_address="http://127.0.0.1:9")
elif mode == "on":
    module.profile("/dev/null.pb.gz").__enter__()
tag_wrapper = module.tag_wrapper
def one():
    with tag_wrapper({"endpoint": "/users/{id}"}):
        pass
def three():
    with tag_wrapper({"endpoint": "/users/{id}", "method": "GET", "tenant": "acme"}):
        pass
def nested():
    with tag_wrapper({"endpoint": "/users/{id}"}):
        with tag_wrapper({"method": "GET"}):
            pass
COUNT = 2000
print(json.dumps({
    case.__name__: min(timeit.repeat(case, number=COUNT, repeat=50)) / COUNT * 1e9
    for case in (one, three, nested)
}))
sys.stdout.flush()
import os
os._exit(0)
"""
ROUNDS = 5


def _run(python: str, module: str, mode: str) -> dict[str, float]:
    done = subprocess.run(
        [python, "-c", _CHILD, module, mode], capture_output=True, text=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measure(peer: str | None) -> dict[str, dict[str, float]]:
    """Median nanoseconds by profiler and case."""
    who = [(sys.executable, "pyroscope_native", "on"), (sys.executable, "pyroscope_native", "off")]
    if peer is not None:
        who += [(peer, "pyroscope", "on"), (peer, "pyroscope", "off")]
    runs = [[_run(*each) for each in who] for _ in range(ROUNDS)]
    return {
        f"{module}, {mode}": {
            case: statistics.median(run[i][case] for run in runs) for case in runs[0][i]
        }
        for i, (_, module, mode) in enumerate(who)
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has pyroscope-io")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.peer)
    if options.json:
        print(json.dumps({"python": sys.version.split()[0], "ns": result}))
        return
    for who, cases in result.items():
        for case, cost in cases.items():
            print(f"{who:24}{case:10}{cost:8.0f} ns")


if __name__ == "__main__":
    main()
