# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds a wheel against what it promises: its tag, its size, and its hardening."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from packaging.utils import parse_wheel_filename

from wheels.hardening import findings

SIZE_MAX = 300_000
"""Bytes of a wheel."""


class Broken(Exception):
    """Says which promise of which wheel."""


def _prove_tag(wheel: Path) -> None:
    """Have auditwheel find that all that the core needs is what the tag promises.

    That is: no other library, and no symbol that is newer.
    """
    promised = {tag.platform for tag in parse_wheel_filename(wheel.name)[3]}
    asked = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", "--json", wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise Broken(f"{wheel.name}: auditwheel: {asked.stderr.strip()}")
    found = json.loads(asked.stdout)
    if found["overall_tag"] not in promised:
        raise Broken(f"{wheel.name} is {found['overall_tag']} only: {asked.stdout}")


def _look_at_core(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".so"))
        found = findings(Path(files.extract(name, folder)))
    if found:
        raise Broken(f"{wheel.name}: {'; '.join(found)}")


def checked(wheel: Path) -> str:
    """A line about a wheel that keeps its promises; raises `Broken`."""
    size = wheel.stat().st_size
    if size > SIZE_MAX:
        raise Broken(f"{wheel.name} has {size} bytes, more than {SIZE_MAX}")
    if not wheel.name.endswith("-any.whl"):
        _prove_tag(wheel)
        _look_at_core(wheel)
    return f"{wheel.name}  {size / 1000:.0f} kB"
