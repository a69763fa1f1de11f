# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Tries out wheels: `python -m wheels.roots --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from wheels.checkout import DIST
from wheels.debian import DownloadFailed
from wheels.pythons import pythons
from wheels.roots import same, wheel_tests
from wheels.roots.outcome import Outcome

DESCRIPTION = """\
Try out the wheels in a folder, each with a small program that is profiled.

x86_64   in fresh environments without a compiler, with this machine's interpreters, or Debian's
musl     with CPythons that are built for it (musl-tools)
aarch64  emulated, with Debian's interpreters; also the C tests of the core, and that the
         headers wheels are compiled with make the same core as Debian's own
"""


def _outcomes(options: argparse.Namespace, work: Path) -> Iterator[Outcome]:
    minors = [each for each in pythons() if each.minor in (options.minor or each.minor)]
    if options.machine == "aarch64":
        from wheels.roots import c_tests  # which want pytest

        yield from c_tests.outcomes(work)
        yield from same.outcomes(minors)
    yield from wheel_tests.all_of(options.machine, minors, options.dist, work)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m wheels.roots",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("machine", choices=["x86_64", "musl", "aarch64"])
    parser.add_argument("--dist", type=Path, default=DIST, metavar="FOLDER")
    parser.add_argument(
        "--minor", action="append", choices=[each.minor for each in pythons()], metavar="3.N",
        help="for this CPython only; may be repeated",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    count: Counter[bool | None] = Counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for outcome in _outcomes(options, Path(folder)):
                print(outcome, flush=True)
                count[outcome.is_well] += 1
    except DownloadFailed as error:
        print(f"wheels.roots: {error}", file=sys.stderr)
        return 1
    print(f"{count[True]} passed, {count[False]} failed, {count[None]} could not be tried")
    return 0 if count[True] and not count[False] else 1


if __name__ == "__main__":
    sys.exit(main())
