# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the sdist and wheels into `dist`: `python -m wheels --help`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wheels import build, check, debian, headers, pack, sdist
from wheels.checkout import DIST, ROOT, WORK, date
from wheels.pythons import Python, pythons
from wheels.targets import TARGETS, Target

DEBUG = ROOT / "build" / "debug"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wheels",
        description="Build the sdist, all wheels for Linux and the one for whatever has no other, "
        "and check what they promise. Debug information goes to build/debug.",
    )
    parser.add_argument(
        "--output", type=Path, default=DIST, metavar="FOLDER",
        help="where files go; those of other builds that are there are removed (dist)",
    )  # fmt: skip
    parser.add_argument(
        "--minor", action="append", choices=[each.minor for each in pythons()], metavar="3.N",
        help="for this CPython only; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--target", action="append", choices=[each.name for each in TARGETS],
        help="for this machine and C library only; may be repeated",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _make(options: argparse.Namespace, folder: Path) -> list[Path]:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:3.0f} s] {text}", flush=True)

    say("the sdist, and the wheel without a core")
    made = [sdist.make(folder)]
    pure = pack.pure()
    made.append(pack.write_pure(pure, folder))
    say(check.checked(made[-1]))
    sources = build.sources(folder)
    wanted = [each for each in pythons() if each.minor in (options.minor or each.minor)]
    includes = {python: headers.find(python) for python in wanted}
    targets = [each for each in TARGETS if each.name in (options.target or each.name)]
    debug = {}

    def native(python: Python, target: Target) -> Path:
        core = build.compiled(sources, python, target, includes[python], folder / "o")
        debug[core.build_id] = core.debug
        wheel = pack.write_native(pure, core.stripped, python, target, folder)
        say(check.checked(wheel))
        return wheel

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        started = [
            workers.submit(native, python, target) for python in wanted for target in targets
        ]
        try:
            made += [each.result() for each in started]
        finally:
            workers.shutdown(cancel_futures=True)
    DEBUG.mkdir(parents=True, exist_ok=True)
    pack.write_debug(debug, pure.version, DEBUG)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parsed(arguments)
    os.environ["SOURCE_DATE_EPOCH"] = str(date())  # which is what tools go by
    WORK.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        # All or none: a folder with wheels of two builds in it is worse than none.
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            made = _make(options, Path(folder))
            for old in options.output.glob("pyroscope_native-*"):
                old.unlink()
            for wheel in made:
                shutil.move(wheel, options.output / wheel.name)
    except (build.BuildFailed, check.Broken, debian.DownloadFailed, headers.NoHeaders) as error:
        print(f"wheels: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wheels: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{len(made)} files are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
