# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A wheel of this checkout, and an environment in which nothing else is installed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.environments import DIRECTORY, ROOT, Environment, Unavailable, output, reason

_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


@functools.lru_cache(None)
def wheel() -> Path:
    """That which BENCHMARKS_WHEEL names, or one that is built: once in a run.

    Raises:
        Unavailable: it can't be built
    """
    named = os.environ.get("BENCHMARKS_WHEEL")
    if named:
        return Path(named).resolve()
    directory = DIRECTORY / "wheel"
    shutil.rmtree(directory, ignore_errors=True)
    for left in (ROOT / "build").glob("lib*"):
        shutil.rmtree(left)  # modules that are gone would be packed
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory))
    flags = f"{os.environ.get('LDFLAGS', '')} -Wl,-S"  # no debug sections
    try:
        output([sys.executable, *_PIP, *build, str(ROOT)], {**os.environ, "LDFLAGS": flags})
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"no wheel can be built: {reason(error)}") from error
    [built] = directory.glob("*.whl")
    return built


def installed(packed: Path) -> Environment:
    """A new environment with the wheel alone, as pip installs it: with byte code.

    Raises:
        Unavailable: it can't be installed
    """
    directory = DIRECTORY / "installed"
    shutil.rmtree(directory, ignore_errors=True)
    python = directory / "bin" / "python"
    # Nothing is imported that would have to be there beside it.
    install = ("--python", str(python), "install", "--no-deps", "--no-index", str(packed))
    try:
        output([sys.executable, "-m", "venv", "--without-pip", str(directory)])
        output([sys.executable, *_PIP, *install])
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"{packed.name} can't be installed: {reason(error)}") from error
    return Environment(python)
