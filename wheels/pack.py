# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Packs wheels: the pure one, and others that are it and the core.

Files are in order, with the time of `$SOURCE_DATE_EPOCH` and one mode, so that the same
files give the same bytes.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from packaging.utils import parse_wheel_filename
from wheel.wheelfile import WheelFile

from wheels.build import run
from wheels.checkout import ROOT
from wheels.pythons import Python
from wheels.targets import Target


class Pure(NamedTuple):
    """The wheel without a core, as setuptools has made it."""

    version: str
    files: Mapping[str, bytes]
    """By their names in the wheel, but for RECORD."""

    @property
    def info(self) -> str:
        return f"pyroscope_native-{self.version}.dist-info"


def pure() -> Pure:
    """Made of the checkout by setuptools.

    Raises `BuildFailed`.
    """
    with tempfile.TemporaryDirectory() as folder:
        run(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
                *("--no-build-isolation", "--wheel-dir", folder, ROOT),
            ],
            "the pure wheel",
            PYROSCOPE_NATIVE_PURE="1",
        )
        (file,) = Path(folder).glob("*-py3-none-any.whl")
        _, version, _, _ = parse_wheel_filename(file.name)
        with ZipFile(file) as made:
            names = sorted(name for name in made.namelist() if not name.endswith("/RECORD"))
            return Pure(str(version), {name: made.read(name) for name in names})


def _tagged(text: bytes, tags: list[str], is_pure: bool) -> bytes:
    """A WHEEL file with other tags."""
    old = Parser().parsestr(text.decode())
    new = Message()
    for name, value in old.items():
        if name not in ("Tag", "Root-Is-Purelib"):
            new[name] = value
    new["Root-Is-Purelib"] = "true" if is_pure else "false"
    for tag in tags:
        new["Tag"] = tag
    return new.as_bytes()


def _write(file: Path, files: Mapping[str, bytes]) -> Path:
    logging.getLogger("wheel").setLevel(logging.WARNING)
    with WheelFile(file, "w") as wheel:
        for name in sorted(files, key=lambda name: (".dist-info/" in name, name)):
            wheel.writestr(name, files[name])
    return file


def write_debug(of: Mapping[str, bytes], version: str, folder: Path) -> Path:
    """Debug information by build id, as `set debug-file-directory` of gdb wants it."""
    file = folder / f"pyroscope_native-{version}-debug.zip"
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        for build_id in sorted(of):
            about = ZipInfo(f".build-id/{build_id[:2]}/{build_id[2:]}.debug", (1980, 1, 1, 0, 0, 0))
            about.compress_type = ZIP_DEFLATED
            packed.writestr(about, of[build_id])
    return file


def write_pure(of: Pure, folder: Path) -> Path:
    """The wheel for whatever has no other."""
    return _write(folder / f"pyroscope_native-{of.version}-py3-none-any.whl", of.files)


def write_native(of: Pure, core: bytes, python: Python, target: Target, folder: Path) -> Path:
    """The wheel with a core."""
    of_python = f"{python.tag}-{python.tag}"
    tags = [f"{of_python}-{platform}" for platform in target.platforms]
    about = f"{of.info}/WHEEL"
    files = {
        **of.files,
        about: _tagged(of.files[about], tags, is_pure=False),
        f"pyroscope_native/{target.extension(python)}": core,
    }
    name = f"pyroscope_native-{of.version}-{of_python}-{'.'.join(target.platforms)}.whl"
    return _write(folder / name, files)
