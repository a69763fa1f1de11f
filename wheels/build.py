# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles the core for a CPython and a target, with zig, which has the libraries of all.

What is compiled and how is said in setup.py. The same sources give the same bytes: nothing
of the place or the time of a build is in a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from wheels.checkout import ROOT
from wheels.pythons import Python
from wheels.targets import Target

OVERLAYS = Path(__file__).parent / "pyconfig"
LIKE_CPYTHON = ("-DNDEBUG", "-fwrapv", "-fPIC")
"""What setuptools adds, for it has it from the interpreter."""


class BuildFailed(Exception):
    """Says at which file, with the compiler's words."""


class Library(NamedTuple):
    """The built core."""

    stripped: bytes
    debug: bytes
    """The same with symbols and debug information, which debuggers find by the build id."""
    build_id: str


class Sources(NamedTuple):
    """What setup.py says of the extension."""

    files: list[str]
    translated: Path
    """The folder with what Cython has translated."""
    include_dirs: list[str]
    compile_flags: list[str]
    link_flags: list[str]


def run(command: Sequence[str | Path], what: str, cwd: Path = ROOT, **environment: str) -> None:
    """Run a tool; raises `BuildFailed` with what it says."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(f"{what}: {done.stderr.strip() or done.stdout.strip()}")


def _zig() -> Path:
    """The folder that zig is in."""
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise BuildFailed("no compiler: pip install --editable '.[wheels]', as `make wheels` does")
    return Path(spec.origin).parent


def zig_cc(target: Target) -> list[str]:
    """The compiler for a target; raises `BuildFailed` if there is none."""
    return [str(_zig() / "zig"), "cc", "-target", target.triple]


def _translated(file: str, work: Path) -> Path:
    """The C file that Cython makes of a copy: it would note down the way to its own files,
    where that begins in the folder that it is called in.
    """
    copy = work / file
    copy.parent.mkdir()
    (copy.parent / "__init__.py").touch()  # which is how it knows a package
    shutil.copy(ROOT / file, copy)
    run([sys.executable, "-m", "cython", "-3", file], file, cwd=work)
    return copy.with_suffix(".c")


def sources(work: Path) -> Sources:
    """Of the extension, with Cython's file translated to C in `work`.

    Raises `BuildFailed`.
    """
    from setuptools import Extension, distutils

    extension: Extension
    with contextlib.chdir(ROOT):
        (extension,) = distutils.core.run_setup("setup.py", stop_after="init").ext_modules
    return Sources(
        [
            str(_translated(file, work)) if file.endswith(".pyx") else file
            for file in extension.sources
        ],
        work / "pyroscope_native",
        extension.include_dirs,
        extension.extra_compile_args,
        extension.extra_link_args,
    )


def _compile(of: Sources, file: str, target: Target, headers: Path, folder: Path) -> Path:
    compiled = folder / (Path(file).name + ".o")
    includes = [*of.include_dirs, OVERLAYS / target.libc, headers]
    # By which they are called in debug information, wherever they are. The last that fits
    # holds. zig calls itself by a relative path where it can.
    places = {
        ROOT: ".",
        _zig(): "zig",
        os.path.relpath(_zig(), ROOT): "zig",
        headers: "python",
        of.translated: "pyroscope_native",
    }
    command = [
        *(*zig_cc(target), *of.compile_flags, *LIKE_CPYTHON),
        *(f"-ffile-prefix-map={place}={name}" for place, name in places.items()),
        *(f"-I{include}" for include in includes),
    ]
    run([*command, "-c", file, "-o", compiled], f"{file} for {headers.name}, {target.name}")
    return compiled


def _build_id(objects: Sequence[Path]) -> str:
    """A name for what is linked of these, stripped or not."""
    digest = hashlib.sha1(usedforsecurity=False)
    for file in objects:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def compiled(of: Sources, python: Python, target: Target, headers: Path, work: Path) -> Library:
    """The core for one CPython and target; `headers` is what `headers.find` gave.

    Raises `BuildFailed`.
    """
    folder = work / f"{python.minor}-{target.name}"
    folder.mkdir(parents=True, exist_ok=True)
    objects = [_compile(of, file, target, headers, folder) for file in of.files]
    build_id = _build_id(objects)
    command = [
        *(*zig_cc(target), "-shared", *of.link_flags, *target.link_flags),
        f"-Wl,--build-id=0x{build_id}",
    ]
    stripped, debug = folder / "stripped.so", folder / "debug.so"
    run([*command, "-s", "-o", stripped, *objects], str(stripped))
    run([*command, "-o", debug, *objects], str(debug))
    return Library(stripped.read_bytes(), debug.read_bytes(), build_id)
