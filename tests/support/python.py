# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Runs Python in a process of its own: a crash there is a failed test here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


def python(
    *words: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS…` with the package importable; faults print a stack."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYROSCOPE_")
    }
    environment["PYTHONPATH"] = str(ROOT)
    environment["PYTHONFAULTHANDLER"] = "1"
    environment["PYROSCOPE_FUSE"] = "off"  # a test that is killed must not concern the next
    environment.update(env or {})
    return subprocess.run(
        [*prefix, sys.executable, *words],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def run(
    *words: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """`python -m pyroscope_native run WORDS…`."""
    return python(
        "-m", "pyroscope_native", "run", *words, cwd=cwd, env=env, stdin=stdin, prefix=prefix
    )
