# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds profiles against the kernel's count of CPU time.

    python tests/stress/truth.py [--seconds S] [--clock thread|process] [PROGRAM ...]

Runs each program of `truth_programs` under the profiler and compares the
weight of its profile with what the kernel counted. Ends with status 0 if all
are within 2 %, and what the interpreter uses at its start and end.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.support.truth_programs import NAMES, claim


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each program (10)")
    parser.add_argument("--clock", default="thread", help="thread (default) or process")
    parser.add_argument("programs", metavar="PROGRAM", nargs="*", default=NAMES)
    options = parser.parse_args()
    untrue = []
    for name in options.programs:
        with tempfile.TemporaryDirectory() as directory:
            found = claim(name, options.seconds, options.clock, Path(directory))
        print(
            f"{name:22} {found.used_ns / 1e9:6.2f} s used, {found.ratio:7.2%} claimed "
            f"(±{found.tolerance:.1%}) {'ok' if found.is_true else 'WRONG'}",
            flush=True,
        )
        if not found.is_true:
            untrue.append(name)
    print(f"not true: {', '.join(untrue)}" if untrue else "all true")
    return 1 if untrue else 0


if __name__ == "__main__":
    sys.exit(main())
