# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPythons for musl, built on this machine from Debian's sources, or from archives
`Python-3.N.*.tar.*` in the folder $PYTHON_SOURCES.

    python -m wheels.roots.musl 3.N    make it (some minutes) and print where it is

Needs `musl-gcc` (Debian: musl-tools). There is no OpenSSL in it, nor what else would want a
library but zlib.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wheels import debian
from wheels.pythons import Python, python
from wheels.roots import DOWNLOADS, FOLDER

_TOOLS = {
    # Asked for its system, gcc names glibc's, as does Debian, and CPython believes them.
    "musl-cc": 'case $1 in *-print-multiarch) exit 1 ;; esac\nexec musl-gcc "$@"',
    "dpkg-architecture": "exit 1",
}


class BuildFailed(Exception):
    """Says of what, and where the compiler's words are."""


def _unpack(archive: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", folder, "--strip-components=1"], check=True)
    return folder


def _make(source: Path, configure: list[str], environment: dict[str, str], target: str) -> None:
    jobs = f"-j{os.cpu_count()}"
    log = FOLDER / f"{source.name}.log"
    with log.open("w") as words:
        for command in (["./configure", *configure], ["make", jobs], ["make", target]):
            done = subprocess.run(
                command,
                check=False,
                cwd=source,
                env={**os.environ, **environment},
                stdout=words,
                stderr=words,
            )
            if done.returncode != 0:
                raise BuildFailed(f"{source.name}: {' '.join(command)}: see {log}")


def _source(of: Python) -> Path:
    given = Path(os.environ.get("PYTHON_SOURCES", "/nonexistent"))
    found = sorted(given.glob(f"Python-{of.minor}.*.tar.*"))
    if found:
        return found[-1]
    if of.debian is None:
        raise BuildFailed(f"no Debian has {of.minor}; PYTHON_SOURCES is a folder of archives")
    return debian.source(f"python{of.minor}", of.debian, DOWNLOADS)


def _tools(work: Path) -> Path:
    """A folder with what CPython's build is to ask, and to be told no by."""
    tools = work / "tools"
    tools.mkdir()
    for name, text in _TOOLS.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return tools


def interpreter(of: Python) -> Path:
    """The CPython, built if it is not there.

    Raises `debian.DownloadFailed`, `BuildFailed`.
    """
    made = FOLDER / f"musl-{of.minor}"
    program = made / "bin" / f"python{of.minor}"
    if program.exists():
        return program
    if shutil.which("musl-gcc") is None:
        raise BuildFailed("there is no musl-gcc (Debian: musl-tools)")
    archive = _source(of)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        tools = _tools(work)
        compiler = tools / "musl-cc"
        zlib = _unpack(debian.source("zlib", "trixie", DOWNLOADS), work / "zlib")
        options = ["--static", f"--prefix={work}"]
        _make(zlib, options, {"CC": str(compiler), "CFLAGS": "-O2 -fPIC"}, "install")
        cpython = _unpack(archive, work / f"cpython-{of.minor}")
        places = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "CC": str(compiler),
            "CPPFLAGS": f"-I{work}/include",
            "LDFLAGS": f"-L{work}/lib",
            "PKG_CONFIG": "false",  # which would tell of this system's libraries
            "ZLIB_CFLAGS": f"-I{work}/include",
            "ZLIB_LIBS": f"-L{work}/lib -lz",
        }
        # Where it is in the end it finds out itself.
        part = made.with_name(f"{made.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        _make(cpython, [f"--prefix={part}"], places, "install")
        part.rename(made)
    return program


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(interpreter(python(sys.argv[1])))
