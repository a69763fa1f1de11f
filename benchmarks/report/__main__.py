# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Write what a run has measured: overhead.md, overhead.html and README's table.

python -m benchmarks.report [RUN.json] [--docs docs/]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.figures import Run
from benchmarks.report.documents import RESULTS, ROOT, documents


def main() -> int:
    """Write what the command line names; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        metavar="RUN.json",
        default=RESULTS,
        help="becomes benchmarks/results.json, unless --docs is another's (default: that)",
    )
    parser.add_argument(
        "--docs",
        type=Path,
        default=ROOT / "docs",
        help="where to write; README.md is that beside it, if there is one (default: our docs)",
    )
    options = parser.parse_args()
    run = Run.read(options.run)
    written = documents(run, options.docs)
    options.docs.mkdir(parents=True, exist_ok=True)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
        print(path)
    if options.docs.resolve() == ROOT / "docs":
        run.write(RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
