# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Builds wheels into `dist`: `python -m wheels --help`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wheels import build, check, debian, headers, pack
from wheels.pythons import pythons
from wheels.targets import TARGETS

WORK = build.ROOT / "build" / "wheels"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wheels",
        description="Build all wheels for Linux, and the one for whatever has no other, and "
        "check what they promise. Debug information goes to build/debug.",
    )
    parser.add_argument("--output", type=Path, default=build.ROOT / "dist", metavar="FOLDER")
    parser.add_argument(
        "--minor", action="append", choices=[each.minor for each in pythons()], metavar="3.N",
        help="for this CPython only; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--target", action="append", choices=[each.name for each in TARGETS],
        help="for this machine and C library only; may be repeated",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _commit_time() -> str:
    """Of the checkout, in seconds; of an archive, 1980, where zip files begin."""
    asked = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=build.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.stdout.strip() if asked.returncode == 0 else "315532800"


def _make(options: argparse.Namespace, folder: Path) -> list[Path]:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True)

    say("the wheel without a core")
    pure = pack.pure()
    made = [pack.write_pure(pure, folder)]
    sources = build.sources(folder)
    debug = {}
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for python in pythons():
            if options.minor and python.minor not in options.minor:
                continue
            for target in TARGETS:
                if options.target and target.name not in options.target:
                    continue
                say(f"CPython {python.minor}, {target.name}")
                include = headers.find(python, WORK / "headers")
                core = build.compiled(sources, python, target, include, folder / "o", workers)
                made.append(pack.write_native(pure, core.stripped, python, target, folder))
                debug[core.build_id] = core.debug
    say("checks")
    for wheel in made:
        print(check.checked(wheel))
    (build.ROOT / "build" / "debug").mkdir(parents=True, exist_ok=True)
    pack.write_debug(debug, pure.version, build.ROOT / "build" / "debug")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parsed(arguments)
    os.environ.setdefault("SOURCE_DATE_EPOCH", _commit_time())
    WORK.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        # All or none: a folder with wheels of two builds in it is worse than none.
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            made = _make(options, Path(folder))
            for old in options.output.glob("pyroscope_native-*.whl"):
                old.unlink()
            for wheel in made:
                shutil.move(wheel, options.output / wheel.name)
    except (build.BuildFailed, check.Broken, debian.DownloadFailed, headers.NoHeaders) as error:
        print(f"wheels: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wheels: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{len(made)} wheels are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
